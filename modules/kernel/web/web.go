// Package web is what every HTTP route of Usher shares: how it is mounted and
// guarded, how a body is read, how an error is answered, how a POST may be
// repeated, and how pages, assets and live streams are served.
//
// A module exposes its routes as plain lists (Routes, Pages); app mounts them
// with a Mounter, so no module can forget the guard, the body limit or the rate limit.
package web

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Right is what a caller must be allowed to do before a route answers.
type Right string

// The rights. Which of them a role or a key holds is one table: identity/right.go.
const (
	Public Right = "public" // anyone
	Listen Right = "listen" // register installations, read what concerns them
	Send   Right = "send"   // send notifications and follow them
	Manage Right = "manage" // everything a machine may do
	Scan   Right = "scan"   // check tickets in at the door, take what is due there, and nothing else
	Self   Right = "self"   // what concerns the signed-in person alone, whoever that is
	Staff  Right = "staff"  // the promoter's pages
	Admin  Right = "admin"  // settings, keys, prices
	Owner  Right = "owner"  // people and their roles, money
)

// Defaults of a Route.
const (
	DefaultLimit   = 1 << 20          // bytes of body
	DefaultTimeout = 30 * time.Second // of the whole request
)

// Route is one method and path of a module, and what it takes to call it.
type Route struct {
	Method  string // "GET"
	Path    string // echo's form, such as "/v1/installations/:id"
	Right   Right  // must be stated; Public is a right too
	Handler echo.HandlerFunc
	Limit   int64         // bytes of body; 0: DefaultLimit
	Shop    bool          // buyers call it: the limiter's wider measure
	Timeout time.Duration // deadline of the request's context; 0: DefaultTimeout, < 0: none (live streams)
	Rush    bool          // many come at once: kernel/wicket may read its ordinary requests
	Wrong   ErrorPage     // a page's: shows what went wrong as that place does; nil: as the house does
	Doc     Doc           // what callers are told of it; every JSON route has one
}

// Guard decides whether the caller holds a right. It may put the caller's name
// into the request's context (WithActor).
// Errors: fault.Unauthenticated (who are you?), fault.Forbidden (you may not).
type Guard interface {
	Allow(c echo.Context, r Right) error
}

// Mounter puts routes behind the guard, the rate limit, the body limit and the deadline.
type Mounter struct {
	Echo    *echo.Echo
	Guard   Guard
	Limiter *Limiter // nil: no rate limit
}

// Routes mounts JSON routes: nothing of theirs is kept by caches unless they say so. One
// that is documented is asked with the parameters that its Doc names, and no others.
func (m Mounter) Routes(routes ...Route) {
	m.mount(routes, func(r Route) echo.HandlerFunc {
		handler, known := r.Handler, r.Doc.parameters()
		r.Handler = func(c echo.Context) error {
			raw := c.Request().URL.RawQuery
			if err := CheckQuery(raw); err != nil {
				return err
			}
			if raw != "" && r.Doc.Says != "" {
				if err := checkNames(c.QueryParams(), known); err != nil {
					return err
				}
			}
			return handler(c)
		}
		return m.shield(r)
	})
}

// Pages mounts HTML routes: their errors are pages too.
func (m Mounter) Pages(routes ...Route) {
	m.mount(routes, func(r Route) echo.HandlerFunc {
		next := m.shield(r)
		return func(c echo.Context) error {
			c.Set(pageKey, true)
			c.Set(wrongKey, r.Wrong)
			return next(c)
		}
	})
}

const (
	pageKey  = "usher.page"
	wrongKey = "usher.wrong"
	guardKey = "usher.guard"
)

// Require checks a further right, for a part of a request that not everybody who
// may make it may use. Errors: fault.Unauthenticated, fault.Forbidden.
func Require(c echo.Context, r Right) error {
	g, ok := c.Get(guardKey).(Guard)
	if !ok {
		return fault.E("web.Require", fault.Forbidden, "nobody holds the right "+string(r)+" here", nil)
	}
	return g.Allow(c, r)
}

func (m Mounter) mount(routes []Route, wrap func(Route) echo.HandlerFunc) {
	for _, r := range routes {
		if r.Right == "" || r.Handler == nil {
			panic("web: route " + r.Method + " " + r.Path + " must state its right and handler")
		}
		m.Echo.Add(r.Method, r.Path, wrap(r))
	}
}

// shield checks the caller before anything of the request is read. A refused
// caller pays for the attempt too, so keys cannot be guessed at full speed.
func (m Mounter) shield(r Route) echo.HandlerFunc {
	limit, timeout := r.Limit, r.Timeout
	if limit == 0 {
		limit = DefaultLimit
	}
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	return func(c echo.Context) error {
		c.Response().Header().Set("Cache-Control", "no-store")
		c.Set(guardKey, m.Guard)
		refused := m.Guard.Allow(c, r.Right)
		if m.Limiter != nil {
			if err := m.Limiter.charge(c, r.Shop && refused == nil); err != nil {
				return err
			}
		}
		if refused != nil {
			return refused
		}
		req := c.Request()
		if req.ContentLength > limit {
			return tooLarge("web.Mount", limit, nil)
		}
		req.Body = http.MaxBytesReader(c.Response(), req.Body, limit)
		if r.Timeout != 0 {
			allow(c, timeout)
		}
		if timeout > 0 {
			ctx, cancel := context.WithTimeout(req.Context(), timeout)
			defer cancel()
			c.SetRequest(req.WithContext(ctx))
		}
		return r.Handler(c)
	}
}

// allow moves the connection's deadlines, which the server sets for ordinary
// requests, to what the route needs: an import may be read, and an export
// written, for longer. < 0 lifts them.
func allow(c echo.Context, timeout time.Duration) {
	var until time.Time
	if timeout > 0 {
		until = time.Now().Add(timeout)
	}
	// A writer without a connection (a test's) has no deadlines to move.
	conn := http.NewResponseController(c.Response())
	_ = conn.SetReadDeadline(until)
	_ = conn.SetWriteDeadline(until)
}

func tooLarge(op string, limit int64, cause error) error {
	return fault.E(op, fault.TooLarge, "the body is larger than "+size(limit), cause).
		WithFix("send less at once")
}
