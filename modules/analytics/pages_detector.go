package analytics

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// DetectorPages are the dashboard's pages about detectors, alarms and connectors.
func (s *Service) DetectorPages() []web.Route {
	page := func(path string, h echo.HandlerFunc) web.Route {
		return web.Route{Method: "GET", Path: path, Right: web.Staff, Handler: h}
	}
	return []web.Route{
		page("/detectors", s.pageDetectors),
		page("/detectors/series", s.pageSeries),
		page("/alarms", s.pageAlarms),
		page("/connectors", s.pageConnectors),
	}
}

const (
	seriesOnPage = 50 // of one detector
	alarmsOnPage = 25
)

// detectorsPage lists every detector with what it watches.
type detectorsPage struct {
	Detectors []detectorCard
	Alarms    []alarmRow // the latest
}

type detectorCard struct {
	Name, Says string
	Series     []seriesLine
	More       bool // there are others
}

// seriesLine is a series in a list.
type seriesLine struct {
	Event, Category, Link string // the event by its name
	State                 string // learning, watching or alarmed
	Observed, Expected    string
	AlarmAt               moment
}

func (s *Service) pageDetectors(c echo.Context) error {
	ctx := c.Request().Context()
	var p detectorsPage
	name := s.namer(ctx)
	for _, w := range s.watched {
		rows, err := s.findSeries(ctx, w.Name, seriesOnPage+1)
		if err != nil {
			return err
		}
		card := detectorCard{Name: w.Name, Says: w.says(), More: len(rows) > seriesOnPage}
		for _, r := range rows[:min(len(rows), seriesOnPage)] {
			card.Series = append(card.Series, s.lineOf(r, name))
		}
		p.Detectors = append(p.Detectors, card)
	}
	latest, err := s.findAlarms(ctx, series{}, id.Nil, 5)
	if err != nil {
		return err
	}
	p.Alarms = alarmRows(latest, name)
	return c.Render(http.StatusOK, "analytics/detectors", p)
}

func (s *Service) lineOf(r *seriesRow, name func(event string) string) seriesLine {
	l := seriesLine{
		Event: name(r.Event), Category: r.Category, Link: seriesLink(r.series), State: "learning", Observed: figure(r.Observed), Expected: figure(r.Expected),
	}
	if r.Ready {
		l.State = "watching"
	}
	if r.AlarmAt != nil {
		l.AlarmAt = moment{*r.AlarmAt}
		if s.db.Now().Sub(*r.AlarmAt) < freshAlarm {
			l.State = "alarmed"
		}
	}
	return l
}

func seriesLink(k series) string {
	q := url.Values{"detector": {k.Detector}, "event": {k.Event}}
	if k.Category != "" {
		q.Set("category", k.Category)
	}
	return "/detectors/series?" + q.Encode()
}

// seriesPage is one series: its chart, its numbers and its alarms.
type seriesPage struct {
	seriesLine
	Detector, Says string
	Since, SeenAt  moment
	Chart          seriesChart
	Alarms         []alarmRow
}

func (s *Service) pageSeries(c echo.Context) error {
	k := series{c.QueryParam("detector"), c.QueryParam("event"), c.QueryParam("category")}
	name := s.namer(c.Request().Context())
	row, err := s.oneSeries(c.Request().Context(), k)
	if err != nil {
		return err
	}
	alarms, err := s.findAlarms(c.Request().Context(), k, id.Nil, alarmsOnPage)
	if err != nil {
		return err
	}
	p := seriesPage{
		seriesLine: s.lineOf(row, name), Detector: k.Detector, Since: moment{row.Since}, SeenAt: moment{row.SeenAt},
		Chart: chartOf(row.Memory, alarms), Alarms: alarmRows(alarms, name),
	}
	for _, w := range s.watched {
		if w.Name == k.Detector {
			p.Says = w.says()
		}
	}
	return c.Render(http.StatusOK, "analytics/detector_series", p)
}

// alarmsPage is a page of the list of alarms.
type alarmsPage struct {
	Alarms []alarmRow
	Next   string
	First  bool
}

func (s *Service) pageAlarms(c echo.Context) error {
	list, next, err := s.alarmPage(c, alarmsOnPage, 200)
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "analytics/detector_alarms", alarmsPage{Alarms: alarmRows(list, s.namer(c.Request().Context())), Next: next, First: c.QueryParam("cursor") == ""})
}

// connectorsPage lists where posts come from.
type connectorsPage struct{ Connectors []connectorRow }

type connectorRow struct {
	ConnectorState
	Health string // waiting, working or failing
	At     moment
}

func (s *Service) pageConnectors(c echo.Context) error {
	list, err := s.Connectors(c.Request().Context())
	if err != nil {
		return err
	}
	var p connectorsPage
	for _, state := range list {
		row := connectorRow{ConnectorState: state, Health: "waiting"}
		if state.PolledAt != nil {
			row.Health, row.At = "working", moment{*state.PolledAt}
		}
		if state.Failures > 0 {
			row.Health = "failing"
		}
		p.Connectors = append(p.Connectors, row)
	}
	return c.Render(http.StatusOK, "analytics/detector_connectors", p)
}
