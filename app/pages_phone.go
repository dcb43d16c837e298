package app

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/app/demo"
	"github.com/usherhq/usher/modules/kernel/web"
)

// phoneLook is the time between two looks at the demo's phone.
const phoneLook = 300 * time.Millisecond

// phonePages show the demo's phone that belongs to whoever looks; there are none without a demo.
func phonePages(guide Guide) []web.Route {
	if guide == nil {
		return nil
	}
	page := func(c echo.Context) error { return c.Render(http.StatusOK, "app/phone", phoneOf(guide)) }
	live := func(c echo.Context) error {
		return watch(c, phoneLook, "app/phone#live", func(context.Context) (any, error) { return phoneOf(guide), nil })
	}
	return []web.Route{
		{Method: http.MethodGet, Path: demo.PhonePage, Right: web.Staff, Handler: page},
		{Method: http.MethodGet, Path: demo.PhonePage + "/live", Right: web.Staff, Handler: live, Timeout: -1},
	}
}

// phonePage is what the page shows.
type phonePage struct {
	Phone  demo.Phone
	Pushes []pushRow
}

type pushRow struct {
	demo.Push
	Exact, Clock string
}

func phoneOf(guide Guide) phonePage {
	p := phonePage{Phone: guide.Phone()}
	for _, push := range p.Phone.Pushes {
		at := push.At.UTC()
		p.Pushes = append(p.Pushes, pushRow{push, at.Format(time.RFC3339), at.Format("15:04:05")})
	}
	return p
}
