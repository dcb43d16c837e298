package sales

import (
	"cmp"
	"math"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// refundRoutes tell what goes back, and what was taken back.
func (s *Service) refundRoutes() []web.Route {
	return []web.Route{
		{Method: "POST", Path: "/v1/orders/:id/refunds", Right: web.Manage, Handler: s.postRefund,
			Doc: web.Doc{Says: "Refunds tickets of an order.", Takes: refunding{}, Gives: Refund{}, Status: 201, Repeatable: true}},
		{Method: "POST", Path: "/v1/catalogue/events/:event/refunds", Right: web.Manage, Handler: s.postRefundAll,
			Doc: web.Doc{Says: "Begins to refund every order of a cancelled event.", Gives: Outstanding{}, Status: 202, Repeatable: true}},
		{Method: "GET", Path: "/v1/refunds", Right: web.Manage, Handler: s.getRefunds,
			Doc: web.Doc{Says: "Lists refunds, the newest first.", Gives: web.Page[Refund]{}, Query: []string{"event: of this event", "state: waiting, sent, done, failed or by_hand", "cursor", "limit"}}},
		{Method: "POST", Path: "/v1/refunds/:id/retry", Right: web.Manage, Handler: s.postRefundRetry,
			Doc: web.Doc{Says: "Tries a failed refund again.", Gives: Refund{}, Repeatable: true}},
		{Method: "POST", Path: "/v1/refunds/:id/sent-by-hand", Right: web.Manage, Handler: s.postRefundByHand,
			Doc: web.Doc{Says: "Records that a refund was paid by hand.", Gives: Refund{}, Repeatable: true}},
		{Method: "GET", Path: "/v1/reversals", Right: web.Manage, Handler: s.getReversals,
			Doc: web.Doc{Says: "Lists money that is disputed, or was refunded at the provider, the newest first.", Gives: web.Page[Reversal]{}, Query: []string{"event: of this event", "unseen: true lists those that nobody has looked at", "cursor", "limit"}}},
		{Method: "POST", Path: "/v1/reversals/:id/seen", Right: web.Manage, Handler: s.postReversalSeen,
			Doc: web.Doc{Says: "Notes that a person knows of a reversal.", Gives: Reversal{}, Repeatable: true}},
	}
}

func (s *Service) getRevenue(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	r, err := s.RevenueOf(c.Request().Context(), event)
	if err != nil {
		return err
	}
	return web.Fresh(c, r)
}

// refunding names what is given back.
type refunding struct {
	Tickets  []int  `json:"tickets"`
	KeepFees bool   `json:"keep_fees"`
	Reason   string `json:"reason"`
}

func (s *Service) postRefund(c echo.Context) error {
	in, err := web.Bind[refunding](c)
	if err != nil {
		return err
	}
	if in.Tickets != nil && len(in.Tickets) == 0 { // who chose none does not mean all
		return fault.BadField("sales.Refund", "tickets", "names none", "their numbers, or leave it out for the whole order")
	}
	order, err := pathID(c)
	if err != nil {
		return err
	}
	how := Refunding{Tickets: in.Tickets, KeepFees: in.KeepFees, Reason: in.Reason, Actor: web.Actor(c.Request().Context())}
	return web.Idempotent(c, s.db, http.StatusCreated, func(tx *db.Tx) (any, error) { return s.RefundOrder(tx, order, how) })
}

func (s *Service) postRefundAll(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	return web.Idempotent(c, s.db, http.StatusAccepted, func(tx *db.Tx) (any, error) { return s.RefundAll(tx, event, web.Actor(tx.Ctx())) })
}

func (s *Service) getRefunds(c echo.Context) error {
	event, before, limit, err := askedOfList(c)
	if err != nil {
		return err
	}
	state, err := web.Choice(c, "state", RefundWaiting, RefundSent, RefundDone, RefundFailed, RefundByHand)
	if err != nil {
		return err
	}
	found, next, err := s.Refunds(c.Request().Context(), RefundQuery{Event: event, State: state, Before: before, Limit: limit})
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Refund]{Items: found, Next: cursorOf(next)})
}

func (s *Service) postRefundRetry(c echo.Context) error {
	return s.changing(c, func(tx *db.Tx, refund id.ID) (any, error) { return s.RetryRefund(tx, refund) })
}

func (s *Service) postRefundByHand(c echo.Context) error {
	return s.changing(c, func(tx *db.Tx, refund id.ID) (any, error) { return s.RefundedByHand(tx, refund) })
}

func (s *Service) getReversals(c echo.Context) error {
	event, before, limit, err := askedOfList(c)
	if err != nil {
		return err
	}
	unseen, err := web.Flag(c, "unseen")
	if err != nil {
		return err
	}
	found, next, err := s.Reversals(c.Request().Context(), ReversalQuery{Event: event, Unseen: unseen, Before: before, Limit: limit})
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Reversal]{Items: found, Next: cursorOf(next)})
}

func (s *Service) postReversalSeen(c echo.Context) error {
	return s.changing(c, func(tx *db.Tx, reversal id.ID) (any, error) { return s.SeeReversal(tx, reversal) })
}

func (s *Service) getOrderInvoices(c echo.Context) error {
	order, err := pathID(c)
	if err != nil {
		return err
	}
	if _, _, err := s.OrderTickets(c.Request().Context(), order); err != nil {
		return err
	}
	found, err := s.InvoicesOf(c.Request().Context(), order)
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Invoice]{Items: found})
}

// getInvoices lists a series and year by number, so that a gap would be seen.
func (s *Service) getInvoices(c echo.Context) error {
	limit, err := web.Limit(c, 100, 1000)
	if err != nil {
		return err
	}
	year, err := queryNumber(c, "year", s.db.Now().Year())
	if err != nil {
		return err
	}
	after, err := queryNumber(c, "cursor", 0)
	if err != nil {
		return err
	}
	series := cmp.Or(c.QueryParam("series"), s.cfg.Seller.Series)
	found, err := s.Invoices(c.Request().Context(), series, year, after, limit)
	if err != nil {
		return err
	}
	page := web.Page[Invoice]{Items: found}
	if len(found) == limit {
		page.Next = strconv.Itoa(found[limit-1].Number)
	}
	return web.Fresh(c, page)
}

// queryNumber reads a number of the query; def when there is none.
func queryNumber(c echo.Context, name string, def int) (int, error) {
	text := c.QueryParam(name)
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > math.MaxInt32 {
		return 0, fault.BadField("sales.query", name, "is no number", "such as "+strconv.Itoa(def))
	}
	return n, nil
}
