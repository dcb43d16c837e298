package webtest

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/web"
)

// Everyone is a guard that lets any caller do anything, as "ana".
type Everyone struct{}

// Allow refuses nothing.
func (Everyone) Allow(c echo.Context, _ web.Right) error {
	c.SetRequest(c.Request().WithContext(web.WithActor(c.Request().Context(), "ana")))
	return nil
}

// NewSite serves pages and routes as the house does, from the files on disk; the test's
// output tells errors that callers are not told. open are patterns of paths that other
// sites may call, as those of web.SameOrigin.
func NewSite(t testing.TB, guard web.Guard, pages, routes []web.Route, open ...string) *echo.Echo {
	t.Helper()
	assets, err := web.NewAssets(Files())
	if err != nil {
		t.Fatal(err)
	}
	renderer, err := web.NewRenderer(Files(), map[string]any{"asset": assets.URL})
	if err != nil {
		t.Fatal(err)
	}
	sameOrigin, err := web.SameOrigin(open)
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.Renderer = renderer
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	e.HTTPErrorHandler = web.ErrorHandler(log, func(c echo.Context, p web.Problem) error {
		return c.Render(p.Status, "app/error", p)
	})
	e.Use(web.Identify, web.Recover, web.Secure, sameOrigin)
	m := web.Mounter{Echo: e, Guard: guard}
	m.Pages(pages...)
	m.Routes(routes...)
	m.Routes(assets.Route())
	return e
}

// Visit asks for a page as a browser does; form is posted when it is not nil.
func Visit(site http.Handler, target string, form url.Values) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, target, nil)
	if form != nil {
		req = httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	req.Header.Set("Accept", "text/html")
	rec := httptest.NewRecorder()
	site.ServeHTTP(rec, req)
	return rec
}

// Shows fails unless the answer has the status and all the texts.
func Shows(t testing.TB, rec *httptest.ResponseRecorder, status int, texts ...string) {
	t.Helper()
	if rec.Code != status {
		t.Fatalf("status %d, want %d: %s", rec.Code, status, rec.Body)
	}
	for _, text := range texts {
		if !strings.Contains(rec.Body.String(), text) {
			t.Errorf("it does not show %q:\n%s", text, rec.Body)
		}
	}
}
