package hub

import (
	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/web"
)

// Pages is the hub's part of the dashboard. Every page is complete without
// JavaScript; the paths beside pages serve fragments and live events to it.
func (s *Service) Pages() []web.Route {
	page := func(method, path string, h echo.HandlerFunc) web.Route {
		return web.Route{Method: method, Path: path, Right: web.Staff, Handler: h}
	}
	events := page("GET", "/notifications/:id/events", s.pageEvents)
	events.Timeout = -1
	file := page("GET", "/notifications/:id/deliveries.csv", s.pageDeliveries)
	file.Timeout = -1 // as long as the download takes
	return []web.Route{
		page("GET", "/reach", s.pageReach),
		page("POST", "/apps/:app/credentials/:service/resume", s.pageResume),
		page("GET", "/notifications", s.pageNotifications),
		page("GET", "/notifications/new", s.pageCompose),
		page("POST", "/notifications/new", s.pageComposed),
		page("GET", "/notifications/audience", s.pageAudience),
		page("GET", "/notifications/:id", s.pageNotification),
		page("POST", "/notifications/:id/cancel", s.pageCancel),
		events, file,
		page("GET", "/installations", s.pageInstallations),
		page("GET", "/installations/:app/:id", s.pageInstallation),
	}
}
