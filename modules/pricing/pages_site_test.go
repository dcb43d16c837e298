package pricing

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

// guest lets callers do what holds, as "ana".
type guest struct{ not web.Right }

func (g guest) Allow(c echo.Context, r web.Right) error {
	c.SetRequest(c.Request().WithContext(web.WithActor(c.Request().Context(), "ana")))
	if r == g.not {
		return fault.E("test", fault.Forbidden, "you may not", nil)
	}
	return nil
}

// site serves pricing as the house does.
func (h *house) site(g web.Guard) *echo.Echo {
	h.t.Helper()
	assets, err := web.NewAssets(webtest.Site())
	if err != nil {
		h.t.Fatal(err)
	}
	renderer, err := web.NewRenderer(webtest.Site(), map[string]any{"asset": assets.URL})
	if err != nil {
		h.t.Fatal(err)
	}
	e := echo.New()
	e.Renderer = renderer
	e.HTTPErrorHandler = web.ErrorHandler(slog.New(slog.DiscardHandler), func(c echo.Context, p web.Problem) error {
		return c.Render(p.Status, "app/error", p)
	})
	sameOrigin, err := web.SameOrigin(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	e.Use(web.Identify, web.Recover, web.Secure, sameOrigin)
	m := web.Mounter{Echo: e, Guard: g}
	m.Pages(h.Pages()...)
	m.Routes(append(h.Routes(), assets.Route())...)
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

// call is a request of the API.
func call(e *echo.Echo, method, target string, body any) *httptest.ResponseRecorder {
	data, _ := json.Marshal(body)
	req := httptest.NewRequest(method, target, bytes.NewReader(data))
	req.Header.Set("Content-Type", "application/json")
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
			t.Errorf("it does not show %q:\n%s", text, rec.Body)
		}
	}
}
