package sales

import (
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

// newSite serves these routes and pages as the house does, to anybody.
func newSite(t testing.TB, routes, pages []web.Route) *echo.Echo {
	t.Helper()
	return webtest.NewSite(t, webtest.Everyone{}, pages, routes)
}

// The tests of pages ask and look so often that this is short here.
var visit, shows = webtest.Visit, webtest.Shows
