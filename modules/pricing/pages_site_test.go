package pricing

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"

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
	return webtest.NewSite(h.t, g, h.Pages(), h.Routes())
}

// The tests of pages ask and look so often that this is short here.
var visit, shows = webtest.Visit, webtest.Shows

// call is a request of the API.
func call(e *echo.Echo, method, target string, body any) *httptest.ResponseRecorder {
	data, _ := json.Marshal(body)
	req := httptest.NewRequest(method, target, bytes.NewReader(data))
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	return rec
}
