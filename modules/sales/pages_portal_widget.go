package sales

import (
	_ "embed" // widget.js
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales/words"
)

//go:embed widget.js
var widgetScript []byte

// widgetPages are what other sites show of us.
func (s *Service) widgetPages() []web.Route {
	return []web.Route{
		{Method: "GET", Path: "/widget.js", Right: web.Public, Handler: s.getWidgetScript},
		{Method: "GET", Path: "/shop/widget/:slug", Right: web.Public, Handler: s.portal(s.shopWidget)},
	}
}

type widgetPage struct {
	frame
	E        shownEvent
	Rows     []priceRow
	Sellable bool
	Gone     bool // there is no such event, or no more
}

// getWidgetScript is the one file of ours that other sites may load.
func (s *Service) getWidgetScript(c echo.Context) error {
	h := c.Response().Header()
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Cache-Control", "public, max-age=3600")
	return c.Blob(http.StatusOK, "text/javascript; charset=utf-8", widgetScript)
}

// shopWidget is an event's prices for the frame; buying happens in a window of its own,
// where the visitor sees whose it is.
func (s *Service) shopWidget(c echo.Context, t *words.Tongue) error {
	v, err := s.visited(c, t)
	if fault.Is(err, fault.NotFound) { // the site around it shows its own address, and people not a broken picture
		return s.showWidget(c, http.StatusNotFound, widgetPage{frame: s.frame(c, t, t.Say("wrong.not_found")), Gone: true})
	}
	if err != nil {
		return err
	}
	p := widgetPage{frame: s.frame(c, t, ""), E: v.e.shown(t, v.now), Rows: v.e.rows(t, nil, nil, v.now)}
	p.Title = p.E.Title
	p.E.URL += keptLanguage(c) // the site around the frame speaks it
	for _, r := range p.Rows {
		p.Sellable = p.Sellable || r.Open
	}
	return s.showWidget(c, http.StatusOK, p)
}

func (s *Service) showWidget(c echo.Context, status int, p widgetPage) error {
	p.Unlisted, p.Framed = true, true
	if len(s.cfg.WidgetOrigins) > 0 {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", strings.Replace(h.Get("Content-Security-Policy"), "frame-ancestors 'none'", "frame-ancestors "+strings.Join(s.cfg.WidgetOrigins, " "), 1))
	}
	return c.Render(status, "portal/widget", p)
}

// checkOrigins complains about sites that are none: what stands in a header must be an
// origin and nothing more.
func checkOrigins(origins []string) (bad []fault.Field) {
	for _, o := range origins {
		u, err := url.Parse(o)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || o != u.Scheme+"://"+u.Host || strings.ContainsAny(o, " ;,'\"*") {
			bad = append(bad, fault.Field{Name: "sales.widget_origins", Problem: clip(o) + " is no origin", Fix: "such as https://www.example.org, without a path"})
		}
	}
	return bad
}
