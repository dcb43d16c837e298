package analytics

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (s *Service) calendarPages() []web.Route {
	file := web.Route{Method: "POST", Path: "/forecasts/calendar", Right: web.Admin, Handler: s.pageCalendarImported, Limit: maxImport}
	return []web.Route{
		{Method: "GET", Path: "/forecasts/calendar", Right: web.Staff, Handler: s.pageCalendar},
		file,
		{Method: "POST", Path: "/forecasts/calendar/:event/delete", Right: web.Admin, Handler: s.pageRivalDeleted},
	}
}

func (s *Service) calendarRoutes() []web.Route {
	return []web.Route{{Method: "POST", Path: "/v1/calendar", Right: web.Manage, Handler: s.postCalendar, Limit: maxImport,
		Doc: web.Doc{Says: "Imports events of others, which compete with yours, from an iCalendar file.", Takes: web.Media("text/calendar"), Gives: map[string]int{}, Query: []string{"capacity", "city", "genre"}}}}
}

// calendarPage is what is on, ours and others'.
type calendarPage struct {
	Days  []calendarDay
	Wrong []fault.Field
	Form  Surroundings
	May   bool
}

type calendarDay struct {
	Date   string
	Events []calendarEvent
}

type calendarEvent struct {
	ID     id.ID // of a rival
	Ours   bool
	Name   string
	Link   string // of the forecast of ours; "": there is none yet
	About  string // genre and city
	Rivals string // ours: how strong its rivals are
}

func (s *Service) pageCalendar(c echo.Context) error {
	return s.showCalendar(c, http.StatusOK, Surroundings{Capacity: 300}, nil)
}

func (s *Service) showCalendar(c echo.Context, status int, form Surroundings, wrong []fault.Field) error {
	ctx, today := c.Request().Context(), forecast.DayOf(s.db.Now())
	h, err := s.history(ctx)
	if err != nil {
		return err
	}
	list, err := s.latestForecasts(ctx, today)
	if err != nil {
		return err
	}
	foreseen := map[id.ID]bool{}
	for _, f := range list {
		foreseen[f.Event] = true
	}
	p := calendarPage{Wrong: wrong, Form: form, May: admin(c), Days: calendarDays(h, today, foreseen, s.namer(ctx))}
	return c.Render(status, "analytics/forecast_calendar", p)
}

// calendarDays are the days from today on with anything on; foreseen are the events
// that have a forecast to look at.
func calendarDays(h *history, today forecast.Day, foreseen map[id.ID]bool, name func(event string) string) (out []calendarDay) {
	byDay := map[forecast.Day][]calendarEvent{}
	about := func(e *forecast.Event) string {
		if e.Genre != "" && e.City != "" {
			return e.Genre + ", " + e.City
		}
		return e.Genre + e.City
	}
	calendar := h.calendar()
	for _, e := range h.sales {
		if e.Whole.Date < today {
			continue
		}
		strength := 0.0
		for _, r := range calendar.Rivals(e.Whole) {
			strength += r.Strength
		}
		row := calendarEvent{Ours: true, Name: e.name(name), About: about(e.Whole), Rivals: figure(strength)}
		if foreseen[e.ID] {
			row.Link = "/forecasts/" + e.ID.String()
		}
		byDay[e.Whole.Date] = append(byDay[e.Whole.Date], row)
	}
	for _, r := range h.rivals {
		if r.Event.Date >= today {
			byDay[r.Event.Date] = append(byDay[r.Event.Date], calendarEvent{ID: r.ID, Name: r.Event.ID, About: about(r.Event)})
		}
	}
	days := make([]forecast.Day, 0, len(byDay))
	for d := range byDay {
		days = append(days, d)
	}
	slices.Sort(days)
	for _, d := range days {
		out = append(out, calendarDay{d.Time().Format("Mon, 2 Jan 2006"), byDay[d]})
	}
	return out
}

func (s *Service) pageCalendarImported(c echo.Context) error {
	_, file, err := uploaded(c)
	if err != nil {
		return err
	}
	capacity, _ := strconv.Atoi(c.FormValue("capacity"))
	form := Surroundings{City: clipped(c.FormValue("city")), Genre: clipped(c.FormValue("genre")), Capacity: capacity}
	if err = web.Check("analytics.ImportCalendar", form, "json"); err == nil {
		_, err = s.ImportCalendar(c.Request().Context(), file, form)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Code == fault.Invalid {
		return s.showCalendar(c, http.StatusUnprocessableEntity, form, f.Fields)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/forecasts/calendar")
}

func (s *Service) pageRivalDeleted(c echo.Context) error {
	which, err := eventParam(c)
	if err != nil {
		return err
	}
	if err := s.deleteRival(c.Request().Context(), which); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/forecasts/calendar")
}

// postCalendar takes an iCalendar file as the body; ?city=, ?genre= and ?capacity= say what it does not tell.
func (s *Service) postCalendar(c echo.Context) error {
	file, err := web.Body(c)
	if err != nil {
		return err
	}
	capacity, err := strconv.Atoi(cmp.Or(c.QueryParam("capacity"), "300"))
	if err != nil {
		return fault.BadField("analytics.ImportCalendar", "capacity", "is not a number of tickets", "digits only, such as 300")
	}
	around := Surroundings{City: c.QueryParam("city"), Genre: c.QueryParam("genre"), Capacity: capacity}
	if err := web.Check("analytics.ImportCalendar", around, "json"); err != nil {
		return err
	}
	n, err := s.ImportCalendar(c.Request().Context(), file, around)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]int{"events": n})
}
