package sales

import (
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/web"
)

// everyone lets any caller do anything, as "ana".
type everyone struct{}

func (everyone) Allow(c echo.Context, _ web.Right) error {
	c.SetRequest(c.Request().WithContext(web.WithActor(c.Request().Context(), "ana")))
	return nil
}

// siteFiles are the templates and assets as they are on disk.
func siteFiles() fs.FS { return os.DirFS("../../web") }

// newSite serves these routes and pages as the house does.
func newSite(t testing.TB, routes, pages []web.Route) *echo.Echo {
	t.Helper()
	assets, err := web.NewAssets(siteFiles())
	if err != nil {
		t.Fatal(err)
	}
	renderer, err := web.NewRenderer(siteFiles(), map[string]any{"asset": assets.URL})
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.Renderer = renderer
	e.HTTPErrorHandler = web.ErrorHandler(slog.New(slog.DiscardHandler), func(c echo.Context, p web.Problem) error {
		return c.Render(p.Status, "app/error", p)
	})
	sameOrigin, err := web.SameOrigin(nil)
	if err != nil {
		t.Fatal(err)
	}
	e.Use(web.Identify, web.Recover, web.Secure, sameOrigin)
	m := web.Mounter{Echo: e, Guard: everyone{}}
	m.Pages(pages...)
	m.Routes(append(routes, assets.Route())...)
	return e
}

// visit asks for a page as a browser does; form is posted when it is not nil.
func visit(e *echo.Echo, target string, form url.Values) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, target, nil)
	if form != nil {
		req = httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	req.Header.Set("Accept", "text/html")
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	return rec
}

// shows fails unless the answer has the status and all the texts.
func shows(t *testing.T, rec *httptest.ResponseRecorder, status int, texts ...string) {
	t.Helper()
	if rec.Code != status {
		t.Fatalf("status %d, want %d: %s", rec.Code, status, rec.Body)
	}
	for _, text := range texts {
		if !strings.Contains(rec.Body.String(), text) {
			t.Errorf("the page does not show %q:\n%s", text, rec.Body)
		}
	}
}
