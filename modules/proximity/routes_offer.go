package proximity

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/proximity/choice"
)

// offerRoutes manage offers; tills take vouchers with the right that they tell of sales with.
func (s *Service) offerRoutes() []web.Route {
	manage := func(method, path string, h echo.HandlerFunc, doc web.Doc) web.Route {
		return web.Route{Method: method, Path: path, Right: web.Manage, Handler: h, Doc: doc}
	}
	till := func(path string, h echo.HandlerFunc, doc web.Doc) web.Route {
		return web.Route{Method: "POST", Path: path, Right: web.Send, Handler: h, Doc: doc}
	}
	return []web.Route{
		manage("GET", "/v1/offers", s.getOffers,
			web.Doc{Says: "Lists offers.", Gives: web.Page[Offer]{}, Query: []string{"event: of this event"}}),
		manage("POST", "/v1/offers", s.postOffer,
			web.Doc{Says: "Makes an offer.", Takes: Offer{}, Gives: Offer{}, Status: 201}),
		manage("GET", "/v1/offers/:offer", s.getOffer,
			web.Doc{Says: "Tells an offer.", Gives: Offer{}}),
		manage("PUT", "/v1/offers/:offer", s.putOffer,
			web.Doc{Says: "Changes an offer.", Takes: Offer{}, Gives: Offer{}}),
		manage("GET", "/v1/offers/:offer/uplift", s.getUplift,
			web.Doc{Says: "Tells what an offer brought against its holdout.", Gives: choice.Lift{}}),
		manage("GET", "/v1/policies", s.getPolicies,
			web.Doc{Says: "Lists the policies that choose offers, with their estimated worth.", Gives: web.Page[PolicyReport]{}}),
		manage("PUT", "/v1/policies/:policy", s.putPolicy,
			web.Doc{Says: "Puts a policy in charge.", Takes: choosing{}}),
		till("/v1/redemptions", s.postRedemption,
			web.Doc{Says: "Redeems a voucher at a till.", Takes: redemption{}, Gives: Voucher{}, Repeatable: true}),
		till("/v1/redemptions/lock", s.postLock,
			web.Doc{Says: "Locks a voucher at a till until it is redeemed.", Takes: redemption{}, Gives: Voucher{}, Repeatable: true}),
	}
}

type offerState struct {
	ID      id.ID
	Version int64
}

func (s *Service) getOffers(c echo.Context) error {
	all, err := s.Offers(c.Request().Context(), c.QueryParam("event"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, web.Page[Offer]{Items: orEmpty(all)})
}

func (s *Service) postOffer(c echo.Context) error {
	o, err := web.Bind[Offer](c)
	if err != nil {
		return err
	}
	if o, err = s.CreateOffer(c.Request().Context(), o); err != nil {
		return err
	}
	c.Response().Header().Set("Location", "/v1/offers/"+o.ID.String())
	return c.JSON(http.StatusCreated, o)
}

func (s *Service) getOffer(c echo.Context) error {
	offer, err := idOf(c, "offer")
	if err != nil {
		return err
	}
	o, err := s.Offer(c.Request().Context(), offer)
	if err != nil {
		return err
	}
	tag, err := web.Tag(offerState{o.ID, o.Version})
	if err != nil {
		return err
	}
	c.Response().Header().Set("ETag", tag)
	return c.JSON(http.StatusOK, o)
}

func (s *Service) putOffer(c echo.Context) error {
	offer, err := idOf(c, "offer")
	if err != nil {
		return err
	}
	given, err := web.Bind[Offer](c)
	if err != nil {
		return err
	}
	o, err := s.ChangeOffer(c.Request().Context(), offer, func(o *Offer) error {
		if given.Event != "" && given.Event != o.Event {
			return fault.BadField("proximity.ChangeOffer", "event", "is another", "make an offer for that event")
		}
		if err := web.IfMatch(c, offerState{o.ID, o.Version}); err != nil {
			return err
		}
		state := o.State
		if *o = given; o.State == "" {
			o.State = state
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, o)
}

// redemption is what a till says.
type redemption struct {
	Code string `json:"code"`
	Till string `json:"till"`
}

func (s *Service) postRedemption(c echo.Context) error { return s.atTill(c, s.Redeem) }
func (s *Service) postLock(c echo.Context) error       { return s.atTill(c, s.Lock) }

func (s *Service) atTill(c echo.Context, take func(tx *db.Tx, code, till string) (Voucher, error)) error {
	r, err := web.Bind[redemption](c)
	if err != nil {
		return err
	}
	return web.Idempotent(c, s.db, http.StatusOK, func(tx *db.Tx) (any, error) {
		if err := s.tillInScope(tx, r); err != nil {
			return nil, err
		}
		v, err := take(tx, r.Code, r.Till)
		if err != nil {
			return nil, err
		}
		return v, nil
	})
}

// tillInScope keeps a key of one event to that event's vouchers.
func (s *Service) tillInScope(tx *db.Tx, r redemption) error {
	own := web.CallerOf(tx.Ctx()).Event
	if own == "" {
		return nil
	}
	v, err := voucherOf(tx.Ctx(), tx.Conn(), normalVoucher(r.Code))
	if err == nil && v.Event != own {
		return fault.E("proximity.Redeem", fault.Forbidden, "this key is for another event", nil)
	}
	return err
}

func (s *Service) getUplift(c echo.Context) error {
	offer, err := idOf(c, "offer")
	if err != nil {
		return err
	}
	lift, err := s.UpliftOf(c.Request().Context(), offer)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, lift)
}

func (s *Service) getPolicies(c echo.Context) error {
	all, err := s.Policies(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, web.Page[PolicyReport]{Items: all})
}

// choosing puts a policy in charge.
type choosing struct {
	Force bool `json:"force"`
}

// putPolicy puts a policy in charge; force does it although the log does not show that
// it is better.
func (s *Service) putPolicy(c echo.Context) error {
	body, err := web.Bind[choosing](c)
	if err != nil {
		return err
	}
	if err := s.ChoosePolicy(c.Request().Context(), c.Param("policy"), body.Force); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
