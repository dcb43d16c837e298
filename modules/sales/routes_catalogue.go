package sales

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// catalogueRoutes manage events. Manage is held by admins and by keys of that right.
func (s *Service) catalogueRoutes() []web.Route {
	route := func(method, path string, h echo.HandlerFunc) web.Route {
		return web.Route{Method: method, Path: "/v1/catalogue" + path, Right: web.Manage, Handler: h}
	}
	imported := route("POST", "/import", s.postImport)
	imported.Timeout = 2 * time.Minute
	return []web.Route{
		imported,
		route("GET", "/events", s.getEvents),
		route("POST", "/events", s.postEvent),
		route("GET", "/events/:event", s.getEvent),
		route("PUT", "/events/:event", s.putEvent),
		route("PATCH", "/events/:event", s.patchEvent),
		route("DELETE", "/events/:event", s.deleteEventRoute),
		route("POST", "/events/:event/copy", s.postCopy),
		route("GET", "/events/:event/stock", s.getStock),
		route("POST", "/events/:event/categories", s.postCategory),
		route("PUT", "/events/:event/categories/:id", s.putCategory),
		route("DELETE", "/events/:event/categories/:id", s.deleteCategoryRoute),
		route("GET", "/events/:event/categories/:id/prices", s.getPrices),
		route("POST", "/events/:event/pools", s.postPool),
		route("PUT", "/events/:event/pools/:id", s.putPool),
		route("DELETE", "/events/:event/pools/:id", s.deletePoolRoute),
		route("GET", "/events/:event/codes", s.getCodes),
		route("POST", "/events/:event/codes", s.postCode),
		route("PUT", "/events/:event/codes/:id", s.putCode),
		route("DELETE", "/events/:event/codes/:id", s.deleteCodeRoute),
		route("GET", "/events/:event/waitlist", s.getWaitlist),
		route("DELETE", "/events/:event/waitlist/:id", s.deleteWaiting),
	}
}

// eventState is what an event's ETag stands for: its definition with categories and
// pools, not what is sold.
type eventState struct {
	ID      id.ID
	Version int64
}

func stateOf(e Event) eventState { return eventState{e.ID, e.Version} }

// ifMatch is the condition that the request states.
func ifMatch(c echo.Context) Condition {
	return func(current Event) error { return web.IfMatch(c, stateOf(current)) }
}

// showEvent answers with the event and its tag.
func showEvent(c echo.Context, status int, e Event) error {
	same, err := web.ETag(c, stateOf(e))
	if err != nil {
		return err
	}
	if same && status == http.StatusOK && c.Request().Method == http.MethodGet {
		return c.NoContent(http.StatusNotModified)
	}
	return c.JSON(status, e)
}

// part reads the id of what belongs to an event.
func part(c echo.Context) (event, name id.ID, err error) {
	if event, err = eventOf(c); err != nil {
		return event, name, err
	}
	if name, err = id.Parse(c.Param("id")); err != nil {
		return event, name, fault.E("sales.catalogue", fault.NotFound, "there is no such thing in this event", err)
	}
	return event, name, nil
}

func (s *Service) getEvents(c echo.Context) error {
	limit, err := web.Limit(c, 50, 200)
	if err != nil {
		return err
	}
	q := EventQuery{Series: c.QueryParam("series"), Cursor: c.QueryParam("cursor"), Limit: limit, Latest: c.QueryParam("order") == "latest"}
	if state := c.QueryParam("state"); state != "" {
		q.States = []string{state}
	}
	events, next, err := s.Events(c.Request().Context(), q)
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Event]{Items: events, Next: next})
}

func (s *Service) postEvent(c echo.Context) error {
	e, err := web.Bind[Event](c)
	if err != nil {
		return err
	}
	return web.Idempotent(c, s.db, http.StatusCreated, func(tx *db.Tx) (any, error) { return s.CreateEvent(tx, e) })
}

func (s *Service) getEvent(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	e, err := s.Event(c.Request().Context(), event)
	if err != nil {
		return err
	}
	return showEvent(c, http.StatusOK, e)
}

func (s *Service) putEvent(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	e, err := web.Bind[Event](c)
	if err != nil {
		return err
	}
	e.ID = event
	if e, err = s.ChangeEvent(c.Request().Context(), e, ifMatch(c)); err != nil {
		return err
	}
	return showEvent(c, http.StatusOK, e)
}

// patchEvent changes the state alone: what else an event says is replaced as a whole.
func (s *Service) patchEvent(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	in, err := web.Bind[struct {
		State string `json:"state" validate:"required"`
	}](c)
	if err != nil {
		return err
	}
	e, err := s.SetState(c.Request().Context(), event, in.State, ifMatch(c))
	if err != nil {
		return err
	}
	return showEvent(c, http.StatusOK, e)
}

func (s *Service) deleteEventRoute(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	if err := s.DeleteEvent(c.Request().Context(), event, ifMatch(c)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Service) postCopy(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	how, err := web.Bind[Copy](c)
	if err != nil {
		return err
	}
	return web.Idempotent(c, s.db, http.StatusCreated, func(tx *db.Tx) (any, error) {
		return s.CopyEvent(tx, event, how, web.Actor(c.Request().Context()))
	})
}

// stockLine is what there is of a category, pool or code now.
type stockLine struct {
	ID       id.ID `json:"id"`
	Capacity int   `json:"capacity"`
	Sold     int   `json:"sold"`
	Held     int   `json:"held"`
	Free     int   `json:"free"` // of a category: as its pool and class allow
}

func (s *Service) getStock(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	e, err := s.Event(c.Request().Context(), event)
	if err != nil {
		return err
	}
	var answer struct {
		Categories []stockLine `json:"categories"`
		Pools      []stockLine `json:"pools"`
	}
	for _, k := range e.Categories {
		answer.Categories = append(answer.Categories, stockLine{k.ID, k.Capacity, k.Sold, k.Held, max(k.Free, 0)})
	}
	for _, p := range e.Pools {
		answer.Pools = append(answer.Pools, stockLine{p.ID, p.Capacity, p.Sold, p.Held, max(p.Capacity-p.Sold-p.Held, 0)})
	}
	return web.Fresh(c, answer)
}

// postImport takes text/csv. A file with faults is answered with them, as 422, and
// nothing of it is kept.
func (s *Service) postImport(c echo.Context) error {
	file, err := web.Body(c)
	if err != nil {
		return err
	}
	done, err := s.Import(c.Request().Context(), file, web.Actor(c.Request().Context()), c.QueryParam("dry_run") == "true")
	if err != nil {
		return err
	}
	if len(done.Errors) > 0 {
		return c.JSON(http.StatusUnprocessableEntity, done)
	}
	if done.DryRun {
		return c.JSON(http.StatusOK, done)
	}
	return c.JSON(http.StatusCreated, done)
}
