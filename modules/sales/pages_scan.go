package sales

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/web"
)

// scanPages are the scanner's. The page itself is no secret, and the same for everybody:
// the phone keeps it, and its key.
func (s *Service) scanPages() []web.Route {
	return []web.Route{
		{Method: "GET", Path: "/scan", Right: web.Public, Handler: func(c echo.Context) error { return c.Redirect(http.StatusSeeOther, "/scan/") }},
		{Method: "GET", Path: "/scan/", Right: web.Public, Handler: pageScan},
	}
}

// pageScan draws the page for nobody in particular, whoever is signed in: phones keep it.
func pageScan(c echo.Context) error {
	c.SetRequest(c.Request().WithContext(web.WithCaller(c.Request().Context(), web.Caller{})))
	return c.Render(http.StatusOK, "sales/scan", nil)
}
