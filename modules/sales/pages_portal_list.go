package sales

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/sales/words"
)

// monthOf is events of one month.
type monthOf struct {
	ID, Name string
	Events   []shownEvent
}

type listPage struct {
	frame
	Query, Series string
	SeriesNames   []string
	Filtered      bool
	Count         int
	Months        []monthOf
	Next          string
}

// listed is how many events a page of the list looks at. A search, or a month of the calendar,
// looks at as many mostPages times.
const (
	listed    = 200
	mostPages = 10
)

// look hands on the events of a query that everybody may see, so many pages of them; next is
// where to go on.
func (s *Service) look(ctx context.Context, q EventQuery, pages int, each func(e *Event)) (next string, err error) {
	q.States, q.Open, q.Limit = shownStates, true, listed
	for range pages {
		var events []Event
		if events, q.Cursor, err = s.Events(ctx, q); err != nil {
			return "", err
		}
		for i := range events {
			each(&events[i])
		}
		if q.Cursor == "" {
			break
		}
	}
	return q.Cursor, nil
}

// shopList lists coming events by month, those that fit what the visitor asks for.
func (s *Service) shopList(c echo.Context, t *words.Tongue) error {
	now := s.db.Now()
	p := listPage{frame: s.frame(c, t, t.Say("list.title")), Query: strings.TrimSpace(c.QueryParam("q")), Series: c.QueryParam("series")}
	p.Place, p.About = "list", t.Say("list.about")
	p.Filtered = p.Query != "" || p.Series != ""
	pages := 1
	if p.Filtered { // what is looked for may be far ahead
		pages = mostPages
	}
	next, err := s.look(c.Request().Context(), EventQuery{Going: &now, Cursor: c.QueryParam("cursor")}, pages, func(e *Event) {
		if e.Series != "" && !slices.Contains(p.SeriesNames, e.Series) {
			p.SeriesNames = append(p.SeriesNames, e.Series)
		}
		if e.fits(t, p.Query, p.Series) {
			p.add(e, t, now)
		}
	})
	if err != nil {
		return err
	}
	if next != "" {
		q := url.Values{"cursor": {next}}
		for name, asked := range map[string]string{"q": p.Query, "series": p.Series} {
			if asked != "" {
				q.Set(name, asked)
			}
		}
		p.Next = "/shop?" + q.Encode()
	}
	slices.Sort(p.SeriesNames)
	return c.Render(http.StatusOK, "portal/list", p)
}

func (p *listPage) add(e *Event, t *words.Tongue, now time.Time) {
	at := e.on(&e.StartsAt).local()
	month := at.Format("m-2006-01")
	if last := len(p.Months) - 1; last < 0 || p.Months[last].ID != month {
		p.Months = append(p.Months, monthOf{ID: month, Name: t.Month(at)})
	}
	last := &p.Months[len(p.Months)-1]
	last.Events = append(last.Events, e.shown(t, now))
	p.Count++
}

// fits reports whether the event is one that was asked for: letters of its title or
// venue in whatever case, and its series.
func (e *Event) fits(t *words.Tongue, query, series string) bool {
	has := func(text string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(query)) }
	return (series == "" || e.Series == series) && (query == "" || has(e.Text(t.Lang).Title) || has(e.Venue))
}
