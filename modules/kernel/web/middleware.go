package web

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Identify gives each request an id, in the context and as X-Request-Id. A
// caller's own id is kept when it is harmless, so that traces join up.
func Identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		req := c.Request()
		rid := req.Header.Get("X-Request-Id")
		if rid == "" || !harmless.MatchString(rid) {
			rid = id.New().String()
		}
		c.Response().Header().Set("X-Request-Id", rid)
		c.SetRequest(req.WithContext(WithRequestID(req.Context(), rid)))
		return next(c)
	}
}

// harmless is what a log line and a header can hold without being misread.
var harmless = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// Access is one answered request, for the log and the metrics. It names the
// route, never the address: addresses hold handles, codes and tokens.
type Access struct {
	Method, Route string
	Status        int
	Bytes         int64
	Took          time.Duration
	RequestID     string
	Actor         string
}

// LogValue groups the fields of one access.
func (a Access) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("method", a.Method), slog.String("route", a.Route), slog.Int("status", a.Status),
		slog.Int64("bytes", a.Bytes), slog.Duration("took", a.Took),
		slog.String("request_id", a.RequestID), slog.String("actor", a.Actor))
}

// Observe tells seen about every answered request, refused ones included.
func Observe(clk clock.Clock, seen func(Access)) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			start := clk.Now()
			if err := next(c); err != nil {
				c.Error(err) // answered here, so that the status seen is the one sent
			}
			ctx, res := c.Request().Context(), c.Response()
			seen(Access{
				Method: knownMethod(c.Request().Method), Route: route(c), Status: res.Status, Bytes: res.Size,
				Took: clk.Now().Sub(start), RequestID: RequestID(ctx), Actor: Actor(ctx),
			})
			return nil
		}
	}
}

// knownMethod bounds the values a metric's label can take.
func knownMethod(m string) string {
	switch m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return m
	}
	return "other"
}

// Recover turns a panic into an internal fault with its stack.
func Recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			switch r := recover(); r {
			case nil:
			case http.ErrAbortHandler: // net/http's own way to cut a connection
				panic(r)
			default:
				err = fault.E("web.Recover", fault.Internal, "panic", fmt.Errorf("%v\n%s", r, debug.Stack()))
			}
		}()
		return next(c)
	}
}

// policy is the content security policy of every answer: nothing from
// elsewhere, nothing inline.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// safeguards are the headers that keep browsers from harm. Their values are shared by all
// answers: whoever wants another one replaces it (Set).
var safeguards = http.Header{
	"Content-Security-Policy":      {policy},
	"X-Content-Type-Options":       {"nosniff"},
	"Referrer-Policy":              {"same-origin"},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
}

// Secure sets the headers that keep browsers from harm.
func Secure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		maps.Copy(h, safeguards)
		if c.Request().TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		return next(c)
	}
}

// SameOrigin refuses what another site makes a browser do: any method but GET,
// HEAD and OPTIONS from a foreign origin. open are patterns (of http.ServeMux)
// that check by themselves which browser asks. trusted are further origins of ours,
// such as "https://tickets.example.org" behind a proxy that changes the host.
// Errors: fault.Invalid for an origin that is none.
func SameOrigin(open []string, trusted ...string) (echo.MiddlewareFunc, error) {
	const op = "web.SameOrigin"
	guard := http.NewCrossOriginProtection()
	for _, pattern := range open {
		guard.AddInsecureBypassPattern(pattern)
	}
	for _, origin := range trusted {
		if err := guard.AddTrustedOrigin(origin); err != nil {
			return nil, fault.E(op, fault.Invalid, "not an origin: "+origin, err).WithFix("https://host[:port]")
		}
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := guard.Check(c.Request()); err != nil {
				return fault.E(op, fault.Forbidden, "another site may not do this", err).
					WithFix("use Usher's own pages, or call the API from a program with a key")
			}
			return next(c)
		}
	}, nil
}
