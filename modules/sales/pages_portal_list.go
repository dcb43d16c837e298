package sales

import (
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

// listed is how many events a page of the list looks at.
const listed = 200

// shopList lists coming events by month, those that fit what the visitor asks for.
func (s *Service) shopList(c echo.Context, t *words.Tongue) error {
	now := s.db.Now()
	events, next, err := s.Events(c.Request().Context(), EventQuery{States: shownStates, Open: true, Going: &now, Cursor: c.QueryParam("cursor"), Limit: listed})
	if err != nil {
		return err
	}
	p := listPage{frame: s.frame(c, t, t.Say("list.title")), Query: strings.TrimSpace(c.QueryParam("q")), Series: c.QueryParam("series")}
	p.Place, p.About = "list", t.Say("list.about")
	p.Filtered = p.Query != "" || p.Series != ""
	if next != "" {
		q := url.Values{"cursor": {next}}
		for name, asked := range map[string]string{"q": p.Query, "series": p.Series} {
			if asked != "" {
				q.Set(name, asked)
			}
		}
		p.Next = "/shop?" + q.Encode()
	}
	for i := range events {
		e := &events[i]
		if e.Series != "" && !slices.Contains(p.SeriesNames, e.Series) {
			p.SeriesNames = append(p.SeriesNames, e.Series)
		}
		if e.fits(t, p.Query, p.Series) {
			p.add(e, t, now)
		}
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
