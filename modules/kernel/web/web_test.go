package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// guard lets the actor named in X-Actor do everything but Manage.
type guard struct{}

func (guard) Allow(c echo.Context, r web.Right) error {
	actor := c.Request().Header.Get("X-Actor")
	switch {
	case r == web.Public:
	case actor == "":
		return fault.E("guard", fault.Unauthenticated, "who are you?", nil).WithFix("send a key")
	case r == web.Manage:
		return fault.E("guard", fault.Forbidden, "not you", nil)
	}
	if actor != "" {
		c.SetRequest(c.Request().WithContext(web.WithActor(c.Request().Context(), actor)))
	}
	return nil
}

// house is an echo with the middleware in the order app uses.
func house(t *testing.T, log io.Writer, page web.ErrorPage, limiter *web.Limiter, routes ...web.Route) *echo.Echo {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	e := echo.New()
	e.HTTPErrorHandler = web.ErrorHandler(logger, page)
	origin, err := web.SameOrigin([]string{"POST /answer"}, "https://tickets.example.org")
	if err != nil {
		t.Fatal(err)
	}
	access := web.Observe(clock.At(noon), func(a web.Access) { logger.Info("request", "http", a) })
	e.Use(web.Identify, access, web.Recover, web.Secure, origin)
	web.Mounter{Echo: e, Guard: guard{}, Limiter: limiter}.Routes(routes...)
	return e
}

func call(e *echo.Echo, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	return rec
}

func problem(t *testing.T, rec *httptest.ResponseRecorder) web.Problem {
	t.Helper()
	if ct := rec.Header().Get("Content-Type"); ct != "application/problem+json" {
		t.Fatalf("Content-Type %q, body %s", ct, rec.Body)
	}
	var p web.Problem
	if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != rec.Code {
		t.Fatalf("status %d in the body, %d on the wire", p.Status, rec.Code)
	}
	return p
}

func fails(path string, err error) web.Route {
	return web.Route{Method: "GET", Path: path, Right: web.Public, Handler: func(echo.Context) error { return err }}
}

func TestEveryErrorIsAProblem(t *testing.T) {
	secret := errors.New("pq: password of user usher is hunter2")
	for _, tc := range []struct {
		name   string
		err    error
		status int
		code   fault.Code
		detail string
	}{
		{"invalid", fault.BadField("x", "tags[3]", "is empty", "leave it out"), 400, fault.Invalid, "tags[3]: is empty"},
		{"unauthenticated", fault.E("x", fault.Unauthenticated, "who?", secret), 401, fault.Unauthenticated, "who?"},
		{"forbidden", fault.E("x", fault.Forbidden, "no", secret), 403, fault.Forbidden, "no"},
		{"not found", fault.E("x", fault.NotFound, "gone", secret), 404, fault.NotFound, "gone"},
		{"conflict", fault.E("x", fault.Conflict, "twice", secret), 409, fault.Conflict, "twice"},
		{"limited", fault.E("x", fault.Limited, "slow", secret).After(1500 * time.Millisecond), 429, fault.Limited, "slow"},
		{"too large", fault.E("x", fault.TooLarge, "big", secret), 413, fault.TooLarge, "big"},
		{"transient", fault.E("x", fault.Transient, "later", secret), 503, fault.Transient, "later"},
		{"internal", fault.E("x", fault.Internal, "secret plan", secret), 500, fault.Internal, "something failed inside Usher"},
		{"wrapped", errors.Join(fault.E("x", fault.NotFound, "gone", nil)), 404, fault.NotFound, "gone"},
		{"foreign", secret, 500, fault.Internal, "something failed inside Usher"},
		{"deadline", context.DeadlineExceeded, 503, fault.Transient, "the request took too long"},
		{"echo", echo.NewHTTPError(http.StatusTeapot, "short and stout"), 418, fault.Invalid, "short and stout"},
		{"echo 404", echo.ErrNotFound, 404, fault.NotFound, "there is nothing at this address"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var log strings.Builder
			rec := call(house(t, &log, nil, nil, fails("/x", tc.err)), "GET", "/x", "")
			p := problem(t, rec)
			if p.Status != tc.status || p.Code != tc.code || p.Detail != tc.detail || p.Title == "" {
				t.Errorf("got %+v", p)
			}
			if p.RequestID == "" || p.RequestID != rec.Header().Get("X-Request-Id") {
				t.Errorf("request id %q, header %q", p.RequestID, rec.Header().Get("X-Request-Id"))
			}
			if strings.Contains(rec.Body.String(), "hunter2") || strings.Contains(rec.Body.String(), "secret plan") {
				t.Errorf("internals reached the client: %s", rec.Body)
			}
			if errors.Is(tc.err, secret) && (!strings.Contains(log.String(), "hunter2") || !strings.Contains(log.String(), p.RequestID)) {
				t.Errorf("the cause is not in the log: %s", &log)
			}
		})
	}
}

func TestErrorHeaders(t *testing.T) {
	e := house(t, io.Discard, nil, nil,
		fails("/limited", fault.E("x", fault.Limited, "slow", nil).After(1500*time.Millisecond)),
		fails("/who", fault.E("x", fault.Unauthenticated, "who?", nil)))
	if got := call(e, "GET", "/limited", "").Header().Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After %q, want 2: never sooner than said", got)
	}
	if got := call(e, "GET", "/who", "").Header().Get("WWW-Authenticate"); got != `Bearer realm="usher"` {
		t.Errorf("WWW-Authenticate %q", got)
	}
	p := problem(t, call(e, "GET", "/nowhere", ""))
	if p.Status != 404 || p.Code != fault.NotFound {
		t.Errorf("unknown path: %+v", p)
	}
	rec := call(e, "DELETE", "/who", "")
	if p := problem(t, rec); p.Status != 405 || !strings.Contains(rec.Header().Get("Allow"), "GET") {
		t.Errorf("405: %+v, Allow %q", p, rec.Header().Get("Allow"))
	}
}

func TestBrowsersGetPages(t *testing.T) {
	page := func(c echo.Context, p web.Problem) error { return c.HTML(p.Status, "<h1>"+p.Title) }
	e := house(t, io.Discard, page, nil, fails("/v1/x", fault.E("x", fault.Conflict, "no", nil)))
	web.Mounter{Echo: e, Guard: guard{}}.Pages(fails("/page", fault.E("x", fault.Conflict, "no", nil)))
	for _, tc := range []struct {
		path, accept string
		html         bool
	}{
		{"/page", "text/html,*/*", true},
		{"/page", "application/json", false},
		{"/v1/x", "text/html,*/*", false},
		{"/nowhere", "text/html", true},
		{"/v1/nowhere", "text/html", false},
	} {
		rec := call(e, "GET", tc.path, "", "Accept", tc.accept)
		if got := strings.HasPrefix(rec.Body.String(), "<h1>"); got != tc.html {
			t.Errorf("%s for %s: page %v, want %v (%s)", tc.path, tc.accept, got, tc.html, rec.Body)
		}
	}
	broken := house(t, io.Discard, func(echo.Context, web.Problem) error { return errors.New("template") }, nil)
	if p := problem(t, call(broken, "GET", "/nowhere", "", "Accept", "text/html")); p.Status != 404 {
		t.Errorf("a broken error page must not hide the error: %+v", p)
	}
}

func TestGuardLimitsAndDeadlineOnEveryRoute(t *testing.T) {
	read := func(c echo.Context) error {
		b, err := web.Body(c)
		if err != nil {
			return err
		}
		if _, ok := c.Request().Context().Deadline(); !ok {
			return fault.E("x", fault.Internal, "no deadline", nil)
		}
		return c.String(200, web.Actor(c.Request().Context())+" sent "+string(b))
	}
	e := house(t, io.Discard, nil, nil,
		web.Route{Method: "POST", Path: "/send", Right: web.Send, Handler: read, Limit: 5},
		web.Route{Method: "POST", Path: "/manage", Right: web.Manage, Handler: read})
	if p := problem(t, call(e, "POST", "/send", "hello")); p.Code != fault.Unauthenticated {
		t.Errorf("without a name: %+v", p)
	}
	if p := problem(t, call(e, "POST", "/manage", "hello", "X-Actor", "till")); p.Code != fault.Forbidden {
		t.Errorf("without the right: %+v", p)
	}
	if rec := call(e, "POST", "/send", "hello", "X-Actor", "till"); rec.Body.String() != "till sent hello" {
		t.Errorf("allowed: %d %s", rec.Code, rec.Body)
	}
	if p := problem(t, call(e, "POST", "/send", "hello!", "X-Actor", "till")); p.Code != fault.TooLarge {
		t.Errorf("a declared length over the limit: %+v", p)
	}
	req := httptest.NewRequest("POST", "/send", io.MultiReader(strings.NewReader("hel"), strings.NewReader("lo!")))
	req.ContentLength = -1 // chunked
	req.Header.Set("X-Actor", "till")
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	if p := problem(t, rec); p.Code != fault.TooLarge {
		t.Errorf("an undeclared length over the limit: %+v", p)
	}
}

func TestRouteMustStateItsRight(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a route without a right was mounted")
		}
	}()
	web.Mounter{Echo: echo.New(), Guard: guard{}}.Routes(web.Route{Method: "GET", Path: "/", Handler: func(echo.Context) error { return nil }})
}
