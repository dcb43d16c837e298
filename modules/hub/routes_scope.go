package hub

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// scopedApp keeps a key to its scope: the app that a request means, given the one it
// names ("" for none). Nothing of the hub's belongs to an event, so a key for one
// event does nothing here. Errors: fault.Forbidden.
func scopedApp(ctx context.Context, app string) (string, error) {
	const op = "hub.scope"
	switch who := web.CallerOf(ctx); {
	case who.Event != "":
		return "", fault.E(op, fault.Forbidden, "this key is for one event, not for the notification hub", nil).WithFix("use a key without an event")
	case who.App == "" || who.App == app:
		return app, nil
	case app == "":
		return who.App, nil
	}
	return "", fault.E(op, fault.Forbidden, "this key is for another app", nil).WithFix("use a key of this app, or one for all apps")
}

// scoped puts every route behind scopedApp. Those that name no app at all are not for
// keys of one app; what is named by its own id is looked up to see whose it is.
func (s *Service) scoped(routes []web.Route) []web.Route {
	for i, r := range routes {
		next := r.Handler
		routes[i].Handler = func(c echo.Context) error {
			if who := web.CallerOf(c.Request().Context()); who.App != "" || who.Event != "" {
				if err := s.inScope(c, r.Path); err != nil {
					return err
				}
			}
			return next(c)
		}
	}
	return routes
}

func (s *Service) inScope(c echo.Context, path string) error {
	ctx := c.Request().Context()
	switch path {
	case "/v1/apps", "/v1/lanes", "/v1/interactions":
		_, err := scopedApp(ctx, "*") // no app has this name
		return err
	case "/v1/transfers/:id", "/v1/notifications/:id", "/v1/notifications/:id/events", "/v1/notifications/:id/deliveries",
		"/v1/notifications/:id/trace/:installation", "/v1/notifications/:id/cancel":
		return s.ownsNamed(c, path == "/v1/transfers/:id")
	}
	named := c.Param("app")
	if named == "" {
		named = c.QueryParam("app")
	}
	app, err := scopedApp(ctx, named)
	if err == nil && named == "" {
		c.QueryParams().Set("app", app) // what names none is about the key's own
	}
	return err
}

// ownsNamed looks up the app of a notification or transfer. One that does not
// exist is the handler's to tell of.
func (s *Service) ownsNamed(c echo.Context, transfer bool) error {
	ctx := c.Request().Context()
	name, err := id.Parse(c.Param("id"))
	if err != nil {
		return nil //nolint:nilerr // the handler says what is wrong with it
	}
	var app string
	if transfer {
		var t Transfer
		t, err = s.Transfer(ctx, name)
		app = t.App
	} else {
		var n Notification
		n, err = s.Notification(ctx, name)
		app = n.App
	}
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err == nil {
		_, err = scopedApp(ctx, app)
	}
	return err
}
