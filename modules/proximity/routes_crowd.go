package proximity

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/proximity/heatmap"
)

// crowdRoutes tell how full it is, and how long queues are. Nothing of fewer than ten
// people leaves the house.
func (s *Service) crowdRoutes() []web.Route {
	route := func(path string, right web.Right, h echo.HandlerFunc, doc web.Doc) web.Route {
		return web.Route{Method: "GET", Path: "/v1/venue-events/:event" + path, Right: right, Handler: h, Doc: doc}
	}
	return []web.Route{
		route("/queues", web.Listen, s.getQueues,
			web.Doc{Says: "Tells how long the queues are.", Gives: web.Page[Queue]{}}),
		route("/heat", web.Send, s.getHeat,
			web.Doc{Says: "Tells how full each zone was.", Gives: web.Page[heatmap.Picture]{}, Query: []string{"from", "to"}}),
		route("/flow", web.Send, s.getFlow,
			web.Doc{Says: "Tells how people moved between zones.", Gives: web.Page[heatmap.Flow]{}, Query: []string{"from", "to"}}),
		route("/layout", web.Send, s.getLayout,
			web.Doc{Says: "Judges the venue's layout by what the crowd did there.", Gives: Layout{}}),
	}
}

func (s *Service) getQueues(c echo.Context) error {
	all, err := s.Queues(c.Request().Context(), c.Param("event"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, web.Page[Queue]{Items: orEmpty(all)})
}

func (s *Service) getHeat(c echo.Context) error {
	e, from, to, err := s.span(c)
	if err != nil {
		return err
	}
	all, err := s.Heat(c.Request().Context(), e.ID, from, to)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, web.Page[heatmap.Picture]{Items: orEmpty(all)})
}

func (s *Service) getFlow(c echo.Context) error {
	e, from, to, err := s.span(c)
	if err != nil {
		return err
	}
	all, err := s.Flow(c.Request().Context(), e.ID, from, to)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, web.Page[heatmap.Flow]{Items: orEmpty(all)})
}

func (s *Service) getLayout(c echo.Context) error {
	report, _, err := s.Layout(c.Request().Context(), c.Param("event"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, report)
}

// span reads ?from= and ?to=: an hour up to now, or of an event that is over its last day.
func (s *Service) span(c echo.Context) (e Event, from, to time.Time, err error) {
	if e, err = s.Event(c.Request().Context(), c.Param("event")); err != nil {
		return e, from, to, err
	}
	to = s.db.Now()
	if to.After(e.EndsAt) {
		to = e.EndsAt
	}
	if to, err = instant(c, "to", to); err != nil {
		return e, from, to, err
	}
	if from, err = instant(c, "from", to.Add(-time.Hour)); err != nil {
		return e, from, to, err
	}
	if to.Sub(from) > 25*time.Hour || !to.After(from) {
		return e, from, to, fault.BadField("proximity", "from", "is not before to, or more than a day before", "ask for a day at a time")
	}
	return e, from, to, nil
}

func instant(c echo.Context, name string, otherwise time.Time) (time.Time, error) {
	s := c.QueryParam(name)
	if s == "" {
		return otherwise, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fault.BadField("proximity", name, "is no instant", "such as 2027-07-10T20:15:00Z")
	}
	return t.UTC(), nil
}
