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
func (s *Service) catalogueRoutes() []web.Route { //nolint:funlen // a table
	route := func(method, path string, h echo.HandlerFunc, doc web.Doc) web.Route {
		return web.Route{Method: method, Path: "/v1/catalogue" + path, Right: web.Manage, Handler: h, Doc: doc}
	}
	imported := route("POST", "/import", s.postImport,
		web.Doc{Says: "Imports events and categories from CSV; of a file with faults it keeps nothing, and the problem's errors name their lines.", Takes: web.CSV, Gives: Imported{}, Query: []string{"dry_run: true checks the file and keeps nothing"}, Status: 201, Also: 200})
	imported.Timeout = 2 * time.Minute
	return []web.Route{
		imported,
		route("GET", "/events", s.getEvents,
			web.Doc{Says: "Lists events with what is sold.", Gives: web.Page[Event]{}, Query: []string{"state: draft, published, paused or cancelled", "series: of this series", "order: latest puts the latest first", "cursor", "limit"}}),
		route("POST", "/events", s.postEvent,
			web.Doc{Says: "Makes an event with its categories, a draft until its state is changed.", Takes: eventGiven{}, Gives: Event{}, Status: 201, Repeatable: true}),
		route("GET", "/events/:event", s.getEvent,
			web.Doc{Says: "Tells an event with its categories and pools.", Gives: Event{}}),
		route("PUT", "/events/:event", s.putEvent,
			web.Doc{Says: "Changes what an event says of itself: not its state, categories and pools, which have addresses of their own.", Takes: Event{}, Gives: Event{}}),
		route("PATCH", "/events/:event", s.patchEvent,
			web.Doc{Says: "Changes an event's state.", Takes: stateChange{}, Gives: Event{}}),
		route("DELETE", "/events/:event", s.deleteEventRoute,
			web.Doc{Says: "Removes an event that has sold nothing."}),
		route("POST", "/events/:event/copy", s.postCopy,
			web.Doc{Says: "Copies an event to another date.", Takes: Copy{}, Gives: Event{}, Status: 201, Repeatable: true}),
		route("GET", "/events/:event/stock", s.getStock,
			web.Doc{Says: "Tells what there is of each category and pool.", Gives: stock{}}),
		route("POST", "/events/:event/categories", s.postCategory,
			web.Doc{Says: "Adds a category.", Takes: categoryGiven{}, Gives: Category{}, Status: 201, Repeatable: true}),
		route("PUT", "/events/:event/categories/:id", s.putCategory,
			web.Doc{Says: "Changes a category.", Takes: categoryGiven{}, Gives: Category{}}),
		route("DELETE", "/events/:event/categories/:id", s.deleteCategoryRoute,
			web.Doc{Says: "Removes a category that has sold nothing."}),
		route("GET", "/events/:event/categories/:id/prices", s.getPrices,
			web.Doc{Says: "Lists a category's price changes with their reasons.", Gives: web.Page[PriceChange]{}}),
		route("POST", "/events/:event/pools", s.postPool,
			web.Doc{Says: "Adds a pool that several categories share.", Takes: Pool{}, Gives: Pool{}, Status: 201, Repeatable: true}),
		route("PUT", "/events/:event/pools/:id", s.putPool,
			web.Doc{Says: "Changes a pool.", Takes: Pool{}, Gives: Pool{}}),
		route("DELETE", "/events/:event/pools/:id", s.deletePoolRoute,
			web.Doc{Says: "Removes a pool."}),
		route("GET", "/events/:event/codes", s.getCodes,
			web.Doc{Says: "Lists discount and access codes.", Gives: web.Page[codeAnswer]{}, Query: []string{"cursor", "limit"}}),
		route("POST", "/events/:event/codes", s.postCode,
			web.Doc{Says: "Makes a discount or access code.", Takes: Code{}, Gives: Code{}, Status: 201, Repeatable: true}),
		route("PUT", "/events/:event/codes/:id", s.putCode,
			web.Doc{Says: "Changes a code.", Takes: Code{}, Gives: codeAnswer{}}),
		route("DELETE", "/events/:event/codes/:id", s.deleteCodeRoute,
			web.Doc{Says: "Ends a code."}),
		route("GET", "/events/:event/waitlist", s.getWaitlist,
			web.Doc{Says: "Lists who waits for tickets.", Gives: web.Page[Waiting]{}, Query: []string{"all: true lists those who are served too", "cursor", "limit"}}),
		route("DELETE", "/events/:event/waitlist/:id", s.deleteWaiting,
			web.Doc{Says: "Removes somebody from a waiting list."}),
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
	order, err := web.Choice(c, "order", "latest")
	if err != nil {
		return err
	}
	state, err := web.Choice(c, "state", EventDraft, EventPublished, EventPaused, EventCancelled)
	if err != nil {
		return err
	}
	q := EventQuery{Series: c.QueryParam("series"), Cursor: c.QueryParam("cursor"), Limit: limit, Latest: order == "latest"}
	if state != "" {
		q.States = []string{state}
	}
	events, next, err := s.Events(c.Request().Context(), q)
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Event]{Items: events, Next: next})
}

// eventGiven is an event as a caller writes it who makes one.
type eventGiven struct {
	Event
	Categories []categoryGiven `json:"categories,omitempty" validate:"dive"`
}

func (in *eventGiven) event() Event {
	in.Event.Categories = nil
	for i := range in.Categories {
		in.Event.Categories = append(in.Event.Categories, in.Categories[i].category())
	}
	return in.Event
}

func (s *Service) postEvent(c echo.Context) error {
	given, err := web.Bind[eventGiven](c)
	if err != nil {
		return err
	}
	e := given.event()
	return web.Idempotent(c, s.db, http.StatusCreated, func(tx *db.Tx) (any, error) { return s.CreateWhole(tx, e, web.Actor(c.Request().Context())) })
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

// stateChange names an event's new state.
type stateChange struct {
	State string `json:"state" validate:"required"`
}

// patchEvent changes the state alone: what else an event says is replaced as a whole.
func (s *Service) patchEvent(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	in, err := web.Bind[stateChange](c)
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

// stock is what there is of an event now.
type stock struct {
	Categories []stockLine `json:"categories"`
	Pools      []stockLine `json:"pools"`
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
	var answer stock
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
	dry, err := web.Flag(c, "dry_run")
	if err != nil {
		return err
	}
	file, err := web.Body(c)
	if err != nil {
		return err
	}
	done, err := s.Import(c.Request().Context(), file, web.Actor(c.Request().Context()), dry)
	if err != nil {
		return err
	}
	if f := done.fault(); f != nil {
		return web.Unprocessable(f)
	}
	if done.DryRun {
		return c.JSON(http.StatusOK, done)
	}
	return c.JSON(http.StatusCreated, done)
}
