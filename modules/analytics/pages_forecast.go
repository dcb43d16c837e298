package analytics

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// ForecastPages are the dashboard's pages about forecasts: staff looks, an admin changes.
func (s *Service) ForecastPages() []web.Route {
	page := func(right web.Right, method, path string, h echo.HandlerFunc) web.Route {
		return web.Route{Method: method, Path: path, Right: right, Handler: h}
	}
	file := page(web.Admin, "POST", "/forecasts/import", s.pageImported)
	file.Limit = maxImport
	return []web.Route{
		page(web.Staff, "GET", "/forecasts", s.pageForecasts),
		page(web.Staff, "GET", "/forecasts/calibration", s.pageCalibration),
		page(web.Staff, "GET", "/forecasts/models", s.pageModels),
		page(web.Admin, "POST", "/forecasts/models", s.pageTrain),
		page(web.Admin, "POST", "/forecasts/models/:version/promote", s.pagePromote),
		page(web.Staff, "GET", "/forecasts/import", s.pageImport),
		file,
		page(web.Admin, "POST", "/forecasts/past/:event", s.pageCompleted),
		page(web.Staff, "GET", "/forecasts/:event", s.pageForecast),
		page(web.Admin, "POST", "/forecasts/:event", s.pageProfiled),
	}
}

// forecastsPage lists what is to come.
type forecastsPage struct {
	Events []forecastRow
	Model  *ModelInfo // nil: the priors
}

// forecastRow is a forecast in a list.
type forecastRow struct {
	Forecast
	Name, Link    string
	Within, Final string // probabilities in words
	When          string
	Now           int    // sold by now; Sold is what was by the end of the day it was seen from
	Seen          string // that day
	Made          moment
}

func (s *Service) pageForecasts(c echo.Context) error {
	ctx := c.Request().Context()
	list, err := s.latestForecasts(ctx, forecast.DayOf(s.db.Now()))
	if err != nil {
		return err
	}
	var p forecastsPage
	for _, f := range list {
		if f.Category != id.Nil {
			continue
		}
		now, err := s.soldNow(ctx, f)
		if err != nil {
			return err
		}
		p.Events = append(p.Events, rowOf(f, s.nameOf(ctx, f.Event.String()), now))
	}
	if p.Model, err = s.activeModel(ctx); err != nil {
		return err
	}
	return c.Render(http.StatusOK, "analytics/forecasts", p)
}

// soldNow is what of an event is sold by now, which a forecast does not know.
func (s *Service) soldNow(ctx context.Context, f Forecast) (n int, err error) {
	if s.shop == nil {
		return f.Sold, nil
	}
	err = s.shop.EachCategory(ctx, f.Event, func(_ id.ID, _ string, _, sold, _ int, _ int64) error {
		n += sold
		return nil
	})
	return n, err
}

// rowOf draws a forecast; now is what is sold by now, and what is sold was to be expected.
func rowOf(f Forecast, name string, now int) forecastRow {
	f.Expected, f.Low, f.High = max(f.Expected, float64(now)), max(f.Low, now), max(f.High, now)
	r := forecastRow{Forecast: f, Name: name, Link: "/forecasts/" + f.Event.String(), Within: chance(f.Within), Final: chance(f.Final), When: "probably not",
		Now: now, Seen: f.At.Format("2 Jan 2006"), Made: moment{f.MadeAt}}
	if h := slices.IndexFunc(f.Curve.SoldOut, func(p float64) bool { return p >= .5 }); h >= 0 {
		r.When = (forecast.DayOf(f.At) + forecast.Day(h+1)).Time().Format("2 Jan 2006")
	}
	if max(f.Sold, now) >= f.Capacity || f.Within == 1 && f.Low == f.Capacity {
		r.When = "sold out"
	}
	return r
}

// forecastPage is one event.
type forecastPage struct {
	forecastRow
	Chart      forecastChart
	By         []chanceBy // probabilities by date
	Categories []forecastRow
	Similar    []similarEvent
	Rivals     []rivalEvent
	Profile    Profile
	Group      string // the events it sells like; "": none yet
	Tags       string
	May        bool // change the profile
}

type similarEvent struct {
	Name  string
	Date  string
	Sold  int
	Of    int
	Alike string // percent
}

type rivalEvent struct{ Name, Date, Strength string }

func (s *Service) pageForecast(c echo.Context) error {
	ctx := c.Request().Context()
	event, err := eventParam(c)
	if err != nil {
		return err
	}
	list, err := s.forecastsOf(ctx, event)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return noForecast()
	}
	h, err := s.history(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(h.sales, func(e *saleEvent) bool { return e.ID == event })
	if i < 0 {
		return noForecast()
	}
	profiles, err := s.profiles(ctx)
	if err != nil {
		return err
	}
	p := forecastPageOf(h.sales[i], list, h, s.namer(ctx))
	p.Profile, p.May = profiles[event], admin(c)
	p.Tags = joinTags(p.Profile.Tags)
	if p.Group, err = s.groupOfEvent(ctx, event.String()); err != nil {
		return err
	}
	return c.Render(http.StatusOK, "analytics/forecast", p)
}

func forecastPageOf(e *saleEvent, list []Forecast, h *history, name func(event string) string) forecastPage {
	p := forecastPage{forecastRow: rowOf(list[0], e.name(name), e.Sold)}
	p.Chart, p.By = drawForecast(e.Whole, list[0]), chancesBy(list[0])
	for _, f := range list[1:] {
		for _, k := range e.Categories {
			if k.ID == f.Category {
				p.Categories = append(p.Categories, rowOf(f, k.Name, k.Sold))
			}
		}
	}
	p.Similar = similarTo(e.Whole, h, name)
	for _, r := range h.calendar().Rivals(e.Whole) {
		if r.OnSale <= e.Today && len(p.Rivals) < 5 {
			p.Rivals = append(p.Rivals, rivalEvent{h.nameOf(r.Event, name), r.Date.Time().Format("2 Jan 2006"), figure(r.Strength)})
		}
	}
	return p
}

// similarTo are the five most similar events of the past.
func similarTo(e *forecast.Event, h *history, name func(event string) string) (out []similarEvent) {
	past := slices.Clone(h.over)
	slices.SortStableFunc(past, func(a, b *forecast.Event) int {
		return cmp.Compare(forecast.Similarity(e, b), forecast.Similarity(e, a))
	})
	for _, x := range past[:min(len(past), 5)] {
		out = append(out, similarEvent{h.nameOf(x, name), x.Date.Time().Format("2 Jan 2006"), x.SoldBy(x.Date), x.Capacity, percent(forecast.Similarity(e, x))})
	}
	return out
}

// name is what people call the event: its title, or its slug where it has none.
func (e *saleEvent) name(title func(event string) string) string {
	if t := title(e.ID.String()); t != e.ID.String() {
		return t
	}
	return e.Slug
}

// nameOf is what people call an event: its title here, or its name in the file.
func (h *history) nameOf(e *forecast.Event, title func(event string) string) string {
	for _, x := range h.sales {
		if x.Whole == e {
			return x.name(title)
		}
	}
	return e.ID
}

func (s *Service) pageProfiled(c echo.Context) error {
	event, err := eventParam(c)
	if err != nil {
		return err
	}
	p := Profile{Genre: clipped(c.FormValue("genre")), Artist: clipped(c.FormValue("artist")), City: clipped(c.FormValue("city")), Tags: splitTags(c.FormValue("tags"))}
	if err := web.Check("analytics.Profile", p, "json"); err != nil {
		return err
	}
	if err := s.saveProfile(c.Request().Context(), event, p); err != nil {
		return err
	}
	if err := s.Foresee(c.Request().Context(), []string{event.String()}); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/forecasts/"+event.String())
}
