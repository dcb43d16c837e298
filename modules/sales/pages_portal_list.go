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
// looks at as many up to mostPages times.
const (
	listed    = 200
	mostPages = 10
)

// look hands on the events of a query that everybody may see, page by page, as long as more are
// wanted; next is where to go on.
func (s *Service) look(ctx context.Context, q EventQuery, take func(page []Event) (more bool)) (next string, err error) {
	q.States, q.Open, q.Limit = shownStates, true, listed
	for range mostPages {
		var page []Event
		if page, q.Cursor, err = s.Events(ctx, q); err != nil {
			return "", err
		}
		if more := take(page); !more || q.Cursor == "" {
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
	next, err := s.look(c.Request().Context(), EventQuery{Going: &now, Cursor: c.QueryParam("cursor")}, func(page []Event) bool {
		p.take(page, t, now)
		return p.Filtered && p.Count < listed // what is looked for may be far ahead
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

// take adds those events that fit, and the series of all.
func (p *listPage) take(events []Event, t *words.Tongue, now time.Time) {
	for i := range events {
		e := &events[i]
		if e.Series != "" && !slices.Contains(p.SeriesNames, e.Series) {
			p.SeriesNames = append(p.SeriesNames, e.Series)
		}
		if e.fits(t, p.Query, p.Series) {
			p.add(e, t, now)
		}
	}
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
