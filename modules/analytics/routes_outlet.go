package analytics

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// outletRoutes manage webhooks.
func (s *Service) outletRoutes() []web.Route {
	route := func(method, path string, h echo.HandlerFunc, doc web.Doc) web.Route {
		return web.Route{Method: method, Path: "/v1/webhooks" + path, Right: web.Manage, Handler: h, Doc: doc}
	}
	return []web.Route{
		route("GET", "", s.getOutlets,
			web.Doc{Says: "Lists webhooks.", Gives: web.Page[Outlet]{}}),
		route("POST", "", s.postOutlet,
			web.Doc{Says: "Makes a webhook: facts of the chosen types go to its URL, signed.", Takes: OutletDraft{}, Gives: Outlet{}, Status: 201, Repeatable: true}),
		route("GET", "/types", s.getOutletTypes,
			web.Doc{Says: "Lists the types of facts that webhooks can carry.", Gives: web.Page[OutletType]{}}),
		route("GET", "/:id", s.getOutlet,
			web.Doc{Says: "Tells a webhook and how its deliveries went.", Gives: Outlet{}}),
		route("PUT", "/:id", s.putOutlet,
			web.Doc{Says: "Changes a webhook.", Takes: OutletDraft{}, Gives: Outlet{}, Repeatable: true}),
		route("DELETE", "/:id", s.deleteOutlet,
			web.Doc{Says: "Removes a webhook.", Repeatable: true}),
		route("GET", "/:id/secret", s.getOutletSecret,
			web.Doc{Says: "Tells the secrets that a webhook's deliveries are signed with.", Gives: Secrets{}}),
		route("POST", "/:id/secret", s.postOutletSecret,
			web.Doc{Says: "Rotates a webhook's secret; the old one signs too for a day.", Gives: Secrets{}, Status: 201}),
		route("POST", "/:id/pause", s.postOutletPause,
			web.Doc{Says: "Pauses a webhook; what happens meanwhile is not kept for it.", Repeatable: true}),
		route("POST", "/:id/resume", s.postOutletResume,
			web.Doc{Says: "Resumes a webhook.", Repeatable: true}),
		route("POST", "/:id/test", s.postOutletTest,
			web.Doc{Says: "Sends a test delivery to a webhook.", Gives: Delivery{}, Status: 202, Repeatable: true}),
		route("GET", "/:id/deliveries", s.getDeliveries,
			web.Doc{Says: "Lists a webhook's deliveries, the newest first.", Gives: web.Page[Delivery]{}, Query: []string{"state: only those in this state", "cursor", "limit"}}),
		route("POST", "/:id/deliveries/:delivery/replay", s.postDeliveryReplay,
			web.Doc{Says: "Sends a delivery again.", Gives: map[string]id.ID{}, Status: 202, Repeatable: true}),
		route("POST", "/:id/replay-failed", s.postReplayFailed,
			web.Doc{Says: "Sends all deliveries again that failed for good.", Gives: map[string]int{}, Status: 202, Repeatable: true}),
	}
}

// outletID is the webhook of the path. Errors: fault.NotFound.
func outletID(c echo.Context) (id.ID, error) {
	v, err := id.Parse(c.Param("id"))
	if err != nil {
		return v, noOutlet(err)
	}
	return v, nil
}

// withOutlet runs do once for the webhook of the path.
func (s *Service) withOutlet(c echo.Context, status int, do func(tx *db.Tx, outlet id.ID) (any, error)) error {
	outlet, err := outletID(c)
	if err != nil {
		return err
	}
	return web.Idempotent(c, s.db, status, func(tx *db.Tx) (any, error) { return do(tx, outlet) })
}

func (s *Service) getOutlets(c echo.Context) error {
	list, err := s.Outlets(c.Request().Context())
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Outlet]{Items: list})
}

func (s *Service) getOutletTypes(c echo.Context) error {
	return web.Fresh(c, web.Page[OutletType]{Items: OutletTypes})
}

func (s *Service) postOutlet(c echo.Context) error {
	in, err := web.Bind[OutletDraft](c)
	if err != nil {
		return err
	}
	return web.Idempotent(c, s.db, http.StatusCreated, func(tx *db.Tx) (any, error) { return s.CreateOutlet(tx, in) })
}

func (s *Service) getOutlet(c echo.Context) error {
	outlet, err := outletID(c)
	if err != nil {
		return err
	}
	o, err := s.Outlet(c.Request().Context(), outlet)
	if err != nil {
		return err
	}
	return web.Fresh(c, o)
}

func (s *Service) putOutlet(c echo.Context) error {
	in, err := web.Bind[OutletDraft](c)
	if err != nil {
		return err
	}
	return s.withOutlet(c, http.StatusOK, func(tx *db.Tx, outlet id.ID) (any, error) { return s.ChangeOutlet(tx, outlet, in) })
}

func (s *Service) deleteOutlet(c echo.Context) error {
	return s.withOutlet(c, http.StatusNoContent, func(tx *db.Tx, outlet id.ID) (any, error) { return nil, s.RemoveOutlet(tx, outlet) })
}

func (s *Service) getOutletSecret(c echo.Context) error {
	outlet, err := outletID(c)
	if err != nil {
		return err
	}
	v, err := s.OutletSecrets(c.Request().Context(), outlet)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, v)
}

// postOutletSecret needs no Idempotency-Key to be kept: the answer holds a secret, and
// GET tells it again.
func (s *Service) postOutletSecret(c echo.Context) error {
	outlet, err := outletID(c)
	if err != nil {
		return err
	}
	var v Secrets
	err = s.db.InTx(c.Request().Context(), func(tx *db.Tx) error { v, err = s.RotateSecret(tx, outlet); return err })
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, v)
}

func (s *Service) postOutletPause(c echo.Context) error {
	return s.withOutlet(c, http.StatusNoContent, func(tx *db.Tx, outlet id.ID) (any, error) { return nil, s.PauseOutlet(tx, outlet) })
}

func (s *Service) postOutletResume(c echo.Context) error {
	return s.withOutlet(c, http.StatusNoContent, func(tx *db.Tx, outlet id.ID) (any, error) { return nil, s.ResumeOutlet(tx, outlet) })
}

func (s *Service) postOutletTest(c echo.Context) error {
	return s.withOutlet(c, http.StatusAccepted, func(tx *db.Tx, outlet id.ID) (any, error) { return s.TestOutlet(tx, outlet) })
}

// getDeliveries reads ?state=, ?limit= and ?cursor=.
func (s *Service) getDeliveries(c echo.Context) error {
	outlet, err := outletID(c)
	if err != nil {
		return err
	}
	page, err := s.deliveryPage(c, outlet, 50, 500)
	if err != nil {
		return err
	}
	return web.Fresh(c, page)
}

func (s *Service) deliveryPage(c echo.Context, outlet id.ID, def, most int) (p web.Page[Delivery], err error) {
	limit, err := web.Limit(c, def, most)
	if err != nil {
		return p, err
	}
	before, err := web.DecodeCursor[int64](c.QueryParam("cursor"))
	if err != nil {
		return p, err
	}
	if p.Items, err = s.Deliveries(c.Request().Context(), outlet, c.QueryParam("state"), before, limit+1); err != nil {
		return p, err
	}
	if len(p.Items) > limit {
		p.Items = p.Items[:limit]
		p.Next = web.EncodeCursor(p.Items[limit-1].no)
	}
	return p, nil
}

func (s *Service) postDeliveryReplay(c echo.Context) error {
	delivery, err := id.Parse(c.Param("delivery"))
	if err != nil {
		return fault.E("analytics.ReplayDelivery", fault.NotFound, "there is no such delivery", err)
	}
	return s.withOutlet(c, http.StatusAccepted, func(tx *db.Tx, outlet id.ID) (any, error) {
		return map[string]id.ID{"id": delivery}, s.ReplayDelivery(tx, outlet, delivery)
	})
}

func (s *Service) postReplayFailed(c echo.Context) error {
	return s.withOutlet(c, http.StatusAccepted, func(tx *db.Tx, outlet id.ID) (any, error) {
		n, err := s.ReplayFailed(tx, outlet)
		return map[string]int{"replayed": n}, err
	})
}
