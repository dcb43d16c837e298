package analytics

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// QueryRoutes is the JSON API of standing queries.
func (s *Service) QueryRoutes() []web.Route {
	route := func(method, path string, h echo.HandlerFunc, doc web.Doc) web.Route {
		return web.Route{Method: method, Path: path, Right: web.Manage, Handler: h, Doc: doc}
	}
	live := route("GET", "/v1/queries/:name/live", s.getQueryLive,
		web.Doc{Says: "Follows a standing query: its outputs as they come.", Gives: web.Live})
	live.Timeout = -1
	return []web.Route{
		route("GET", "/v1/queries", s.getQueries,
			web.Doc{Says: "Lists standing queries with their figures.", Gives: web.Page[queryAnswer]{}}),
		route("POST", "/v1/queries", s.postQuery,
			web.Doc{Says: "Makes a standing query.", Takes: Definition{}, Gives: Query{}, Status: 201, Repeatable: true}),
		route("POST", "/v1/queries/try", s.postTry,
			web.Doc{Says: "Tries a standing query out on recorded facts.", Takes: trial{}, Gives: Trial{}}),
		route("GET", "/v1/queries/:name", s.getQuery,
			web.Doc{Says: "Tells a standing query.", Gives: Query{}}),
		route("PUT", "/v1/queries/:name", s.putQuery,
			web.Doc{Says: "Changes a standing query.", Takes: Definition{}, Gives: Query{}}),
		route("DELETE", "/v1/queries/:name", s.deleteQuery,
			web.Doc{Says: "Removes a standing query."}),
		route("POST", "/v1/queries/:name/pause", s.postPause,
			web.Doc{Says: "Pauses a standing query.", Gives: Query{}}),
		route("POST", "/v1/queries/:name/resume", s.postResume,
			web.Doc{Says: "Resumes a standing query.", Gives: Query{}}),
		route("POST", "/v1/queries/:name/replay", s.postReplay,
			web.Doc{Says: "Computes a standing query again from an earlier instant on.", Takes: replay{}, Gives: Query{}, Status: 202}),
		route("GET", "/v1/queries/:name/outputs", s.getOutputs,
			web.Doc{Says: "Lists a standing query's final outputs.", Gives: web.Page[Output]{}, Query: []string{"key: of this key", "from: windows that end after it", "to: windows that end until then", "cursor", "limit"}}),
		route("GET", "/v1/queries/:name/provisional", s.getProvisional,
			web.Doc{Says: "Tells what a standing query says of windows that are still open.", Gives: web.Page[Output]{}}),
		live,
	}
}

// queryAnswer is a query with its figures.
type queryAnswer struct {
	Query
	Stats QueryStats `json:"stats"`
}

func (s *Service) getQueries(c echo.Context) error {
	ctx := c.Request().Context()
	all, err := s.Queries(ctx)
	if err != nil {
		return err
	}
	stats, err := s.statsByName(ctx)
	if err != nil {
		return err
	}
	page := web.Page[queryAnswer]{Items: []queryAnswer{}}
	for _, q := range all {
		page.Items = append(page.Items, queryAnswer{q, stats[q.Name]})
	}
	return c.JSON(http.StatusOK, page)
}

func (s *Service) postQuery(c echo.Context) error {
	d, err := web.Bind[Definition](c)
	if err != nil {
		return err
	}
	return web.Idempotent(c, s.db, http.StatusCreated, func(tx *db.Tx) (any, error) { return s.CreateQuery(tx, d) })
}

// trial is a definition and how many facts to try it on.
type trial struct {
	Definition Definition `json:"definition"`
	Facts      int        `json:"facts" validate:"min=0,max=20000"`
}

func (s *Service) postTry(c echo.Context) error {
	t, err := web.Bind[trial](c)
	if err != nil {
		return err
	}
	out, err := s.TryQuery(c.Request().Context(), t.Definition, t.Facts)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

func (s *Service) getQuery(c echo.Context) error {
	q, err := s.Query(c.Request().Context(), c.Param("name"))
	if err != nil {
		return err
	}
	return web.Fresh(c, q)
}

func (s *Service) putQuery(c echo.Context) error {
	d, err := web.Bind[Definition](c)
	if err != nil {
		return err
	}
	ctx, name := c.Request().Context(), c.Param("name")
	if d.Name != "" && d.Name != name {
		return fault.BadField("analytics.putQuery", "name", "is not the one in the address", "leave it out: a query keeps its name")
	}
	current, err := s.Query(ctx, name)
	if err != nil {
		return err
	}
	if err := web.IfMatch(c, current); err != nil {
		return err
	}
	q, err := s.EditQuery(ctx, name, d)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, q)
}

func (s *Service) deleteQuery(c echo.Context) error {
	if err := s.DeleteQuery(c.Request().Context(), c.Param("name")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Service) postPause(c echo.Context) error  { return s.putPaused(c, true) }
func (s *Service) postResume(c echo.Context) error { return s.putPaused(c, false) }

func (s *Service) putPaused(c echo.Context, stop bool) error {
	ctx := c.Request().Context()
	if err := s.PauseQuery(ctx, c.Param("name"), stop); err != nil {
		return err
	}
	q, err := s.Query(ctx, c.Param("name"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, q)
}

// replay says from when on to count again.
type replay struct {
	From time.Time `json:"from" validate:"required"`
}

func (s *Service) postReplay(c echo.Context) error {
	r, err := web.Bind[replay](c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if err := s.ReplayQuery(ctx, c.Param("name"), r.From); err != nil {
		return err
	}
	q, err := s.Query(ctx, c.Param("name"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, q)
}

// getOutputs lists final outputs, newest first: ?key=, ?from= and ?to= (RFC 3339,
// of the window's end), ?cursor=, ?limit=.
func (s *Service) getOutputs(c echo.Context) error {
	ctx := c.Request().Context()
	q, err := s.Query(ctx, c.Param("name"))
	if err != nil {
		return err
	}
	r, err := outputRange(c)
	if err != nil {
		return err
	}
	after, err := web.DecodeCursor[outputPlace](c.QueryParam("cursor"))
	if err != nil {
		return err
	}
	limit, err := web.Limit(c, 100, 1000)
	if err != nil {
		return err
	}
	list, next, err := s.Outputs(ctx, q, r, after, limit)
	if err != nil {
		return err
	}
	page := web.Page[Output]{Items: list}
	if next != nil {
		page.Next = web.EncodeCursor(next)
	}
	return c.JSON(http.StatusOK, page)
}

func outputRange(c echo.Context) (r OutputRange, err error) {
	if c.QueryParams().Has("key") {
		key := c.QueryParam("key")
		r.Key = &key
	}
	var bad []fault.Field
	for _, bound := range []struct {
		name, text string
		into       *time.Time
	}{{"from", c.QueryParam("from"), &r.From}, {"to", c.QueryParam("to"), &r.To}} {
		if bound.text == "" {
			continue
		}
		if *bound.into, err = time.Parse(time.RFC3339, bound.text); err != nil {
			bad = append(bad, fault.Field{Name: bound.name, Problem: "is not a time", Fix: "RFC 3339, such as 2026-06-01T12:00:00Z"})
		}
	}
	return r, fault.BadFields("analytics.outputs", bad)
}

// liveOutputs is how many provisional outputs are told at once.
const liveOutputs = 200

func (s *Service) getProvisional(c echo.Context) error {
	ctx := c.Request().Context()
	q, err := s.Query(ctx, c.Param("name"))
	if err != nil {
		return err
	}
	list, err := s.Provisional(ctx, q, liveOutputs)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, web.Page[Output]{Items: list})
}

// getQueryLive sends an event "outputs" every second in which something changed.
func (s *Service) getQueryLive(c echo.Context) error {
	q, err := s.Query(c.Request().Context(), c.Param("name"))
	if err != nil {
		return err
	}
	return web.Stream(c, func(send func(string, any) error) error {
		return s.follow(c.Request().Context(), q, func(l Live) error { return send("outputs", l) })
	})
}
