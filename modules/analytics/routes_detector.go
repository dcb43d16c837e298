package analytics

import (
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (s *Service) detectorRoutes() []web.Route {
	return []web.Route{
		{Method: "GET", Path: "/v1/detectors", Right: web.Manage, Handler: s.getDetectors,
			Doc: web.Doc{Says: "Lists the detectors and how they are.", Gives: web.Page[detectorView]{}}},
		{Method: "GET", Path: "/v1/alarms", Right: web.Manage, Handler: s.getAlarms,
			Doc: web.Doc{Says: "Lists alarms, the newest first.", Gives: web.Page[Alarm]{}, Query: []string{"event: of this event", "category: of this category", "detector: by this detector", "cursor", "limit"}}},
	}
}

// detectorView is a detector with what it watches.
type detectorView struct {
	Detector
	Bin    string       `json:"bin"` // as in config.yaml: "1m0s"
	Late   string       `json:"late"`
	Series []seriesView `json:"series"` // at most 1,000: those that alarmed last, then those seen last
}

type seriesView struct {
	Event    string     `json:"event"`
	Category string     `json:"category,omitempty"`
	Ready    bool       `json:"ready"`
	Observed float64    `json:"observed"` // in the last bin
	Expected float64    `json:"expected"`
	Since    time.Time  `json:"since"`
	SeenAt   time.Time  `json:"seen_at"` // last bin that was not empty
	AlarmAt  *time.Time `json:"alarm_at"`
}

const maxSeriesListed = 1000

func (s *Service) getDetectors(c echo.Context) error {
	views := make([]detectorView, len(s.watched))
	for i, w := range s.watched {
		rows, err := s.findSeries(c.Request().Context(), w.Name, maxSeriesListed)
		if err != nil {
			return err
		}
		views[i] = detectorView{Detector: w.Detector, Bin: w.Bin.String(), Late: w.Late.String(), Series: []seriesView{}}
		for _, r := range rows {
			views[i].Series = append(views[i].Series, seriesView{
				Event: r.Event, Category: r.Category, Ready: r.Ready, Observed: r.Observed, Expected: r.Expected, Since: r.Since, SeenAt: r.SeenAt, AlarmAt: r.AlarmAt,
			})
		}
	}
	return web.Fresh(c, web.Page[detectorView]{Items: views})
}

func (s *Service) getAlarms(c echo.Context) error {
	list, next, err := s.alarmPage(c, 100, 1000)
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Alarm]{Items: list, Next: next})
}

// alarmPage reads ?detector=, ?event=, ?category=, ?limit= and ?cursor=.
func (s *Service) alarmPage(c echo.Context, def, most int) (list []Alarm, next string, err error) {
	limit, err := web.Limit(c, def, most)
	if err != nil {
		return nil, "", err
	}
	before, err := web.DecodeCursor[id.ID](c.QueryParam("cursor"))
	if err != nil {
		return nil, "", err
	}
	k := series{c.QueryParam("detector"), c.QueryParam("event"), c.QueryParam("category")}
	list, err = s.findAlarms(c.Request().Context(), k, before, limit+1)
	if err != nil {
		return nil, "", err
	}
	if len(list) > limit {
		list = list[:limit]
		next = web.EncodeCursor(list[limit-1].ID)
	}
	return list, next, nil
}
