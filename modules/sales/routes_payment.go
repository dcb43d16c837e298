package sales

import (
	"encoding/json"
	"math"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales/pay"
)

// paymentRoutes take money and give it back.
func (s *Service) paymentRoutes() []web.Route {
	return append(s.refundRoutes(), []web.Route{
		{Method: "POST", Path: "/v1/carts/:id/checkout", Right: web.Public, Handler: s.postCheckout,
			Doc: web.Doc{Says: "Begins to pay a cart, or sells it when nothing is to be paid now.", Takes: checkingOut{}, Gives: checkedOut{}, Status: 201}},
		{Method: "GET", Path: "/v1/shop/events/:slug/methods", Right: web.Public, Handler: s.getMethods,
			Doc: web.Doc{Says: "Lists the ways to pay for an event.", Gives: methods{}}},
		{Method: "GET", Path: "/v1/shop/payments/:token", Right: web.Public, Handler: s.getShopPayment,
			Doc: web.Doc{Says: "Tells a buyer how his payment stands.", Gives: paidFor{}}},
		{Method: "POST", Path: "/v1/payments/stripe/:mode/webhook", Right: web.Public, Handler: s.postWebhook, Limit: maxNotice,
			Doc: web.Doc{Says: "Takes a notice of Stripe, signed by it.", Takes: web.Media("application/json")}},
		{Method: "GET", Path: "/v1/payments", Right: web.Manage, Handler: s.getPayments,
			Doc: web.Doc{Says: "Lists payments, the newest first.", Gives: web.Page[Payment]{}, Query: []string{"event: of this event", "state: created, pending, processing, failed, expired, due, paid, settled, flagged or refunded", "cursor", "limit"}}},
		{Method: "GET", Path: "/v1/payments/:id", Right: web.Manage, Handler: s.getPayment,
			Doc: web.Doc{Says: "Tells a payment.", Gives: Payment{}}},
		{Method: "POST", Path: "/v1/payments/:id/received", Right: web.Manage, Handler: s.postReceived,
			Doc: web.Doc{Says: "Records money that came in by bank transfer or at the door.", Takes: receiving{}, Gives: Payment{}, Repeatable: true}},
		{Method: "POST", Path: "/v1/payments/:id/return", Right: web.Manage, Handler: s.postReturn,
			Doc: web.Doc{Says: "Returns a payment that bought nothing.", Gives: Payment{}, Repeatable: true}},
		{Method: "GET", Path: "/v1/catalogue/events/:event/revenue", Right: web.Manage, Handler: s.getRevenue,
			Doc: web.Doc{Says: "Tells an event's revenue by category and tax.", Gives: Revenue{}}},
		{Method: "POST", Path: "/v1/orders/:id/confirmation", Right: web.Manage, Handler: s.postConfirmation,
			Doc: web.Doc{Says: "Sends an order's tickets by e-mail again.", Status: 202}},
		{Method: "PUT", Path: "/v1/orders/:id/address", Right: web.Manage, Handler: s.putAddress,
			Doc: web.Doc{Says: "Corrects the address of an order's buyer, or of a ticket's holder, and sends the tickets there.", Takes: addressing{}, Status: 202}},
		{Method: "GET", Path: "/v1/orders/:id/invoices", Right: web.Manage, Handler: s.getOrderInvoices,
			Doc: web.Doc{Says: "Lists an order's invoices.", Gives: web.Page[Invoice]{}}},
		{Method: "GET", Path: "/v1/invoices", Right: web.Manage, Handler: s.getInvoices,
			Doc: web.Doc{Says: "Lists invoices of a series by number.", Gives: web.Page[Invoice]{}, Query: []string{"series: R unless the seller has another; TEST for play money", "year: such as 2027; this year without it", "cursor", "limit"}}},
	}...)
}

// maxNotice bounds a webhook in bytes; Stripe's are some kilobytes.
const maxNotice = 256 << 10

// paidFor is a payment as its buyer sees it.
type paidFor struct {
	State     PaymentState `json:"state"`
	Reason    string       `json:"reason,omitempty"`
	Method    pay.Method   `json:"method"`
	Amount    int64        `json:"amount_minor"`
	Currency  string       `json:"currency"`
	Token     string       `json:"token"` // of GET /v1/shop/payments/:token and of the page /pay/:token
	Redirect  string       `json:"redirect_url,omitempty"`
	Reference string       `json:"reference,omitempty"` // to write on a transfer
	Account   string       `json:"account,omitempty"`   // to send it to
	Until     *time.Time   `json:"until,omitempty"`
	Seconds   float64      `json:"until_in_seconds,omitempty"`
	Order     *id.ID       `json:"order,omitempty"`
	Tickets   string       `json:"tickets_url,omitempty"` // where they are, once there is an order
	Sandbox   bool         `json:"sandbox,omitempty"`
}

func (s *Service) paidFor(p *Payment, origin string) paidFor {
	v := paidFor{State: p.State, Reason: p.Reason, Method: p.Method, Amount: p.AmountMinor, Currency: p.Currency, Token: s.PaymentToken(p.ID), Order: p.Order, Sandbox: p.Mode == pay.Sandbox}
	if p.Order != nil {
		v.Tickets = s.ticketsURL(origin, *p.Order)
	}
	if p.State != PaymentPending {
		return v
	}
	v.Redirect, v.Until = p.Redirect, p.Until
	v.Seconds = math.Max(0, p.Until.Sub(s.db.Now()).Seconds())
	if p.Method == pay.Transfer {
		v.Reference, v.Account = p.Session, s.cfg.Payment.Transfer.Account
	}
	return v
}

// checkingOut is how a buyer wants to pay a cart.
type checkingOut struct {
	Quote  string          `json:"quote" validate:"required"`
	Buyer  json.RawMessage `json:"buyer"`
	Method pay.Method      `json:"method"`
}

// checkedOut is what came of it: the order, or the payment to make at URL first.
type checkedOut struct {
	Order   *sold    `json:"order,omitempty"`
	Payment *paidFor `json:"payment,omitempty"`
	URL     string   `json:"redirect_url,omitempty"`
}

// postCheckout needs no Idempotency-Key: a cart is paid in one way at a time and sold
// once, so asking again finds what the first request did.
func (s *Service) postCheckout(c echo.Context) error {
	in, err := web.Bind[checkingOut](c)
	if err != nil {
		return err
	}
	cart, err := id.Parse(c.Param("id"))
	if err != nil {
		return fault.E("sales.Checkout", fault.NotFound, "there is no such cart", err)
	}
	done, err := s.Checkout(c.Request().Context(), Checkout{Cart: cart, Quote: in.Quote, Method: in.Method, Buyer: in.Buyer,
		Person: web.CallerOf(c.Request().Context()).Person, Origin: s.origin(c)})
	if err != nil {
		return keyed(err)
	}
	var answer checkedOut
	if done.Order != nil {
		answer.Order = s.sold(c, *done.Order)
	}
	if done.Payment != nil {
		v := s.paidFor(done.Payment, s.origin(c))
		answer.Payment = &v
		if answer.URL = v.Redirect; answer.URL == "" {
			answer.URL = s.origin(c) + "/pay/" + v.Token
		}
	}
	return c.JSON(http.StatusCreated, answer)
}

// origin is where the buyer's browser sees us. A lie about it misleads the liar only.
func (s *Service) origin(c echo.Context) string {
	if s.cfg.Origin != "" {
		return s.cfg.Origin
	}
	if r := c.Request(); r.TLS == nil && !forwarded(r.Header) {
		return "http://" + r.Host
	}
	return c.Scheme() + "://" + c.Request().Host
}

// forwarded reports whether a proxy may have said how it was reached. Asking c.Scheme
// instead costs a buyer's rush more than pricing his tickets.
func forwarded(h http.Header) bool {
	return h["X-Forwarded-Proto"] != nil || h["X-Forwarded-Protocol"] != nil || h["X-Forwarded-Ssl"] != nil || h["X-Url-Scheme"] != nil
}

// methods are the ways to pay for an event.
type methods struct {
	Methods []pay.Method `json:"methods"`
	Sandbox bool         `json:"sandbox"`
}

func (s *Service) getMethods(c echo.Context) error {
	e, err := s.shopEvent(c)
	if err != nil {
		return err
	}
	return web.Fresh(c, methods{Methods: s.waysToPay(&e), Sandbox: e.Sandbox})
}

func (s *Service) getShopPayment(c echo.Context) error {
	p, err := s.PaymentByToken(c.Request().Context(), c.Param("token"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, s.paidFor(&p, s.origin(c)))
}

// postWebhook hears Stripe. It answers at once: what a notice sets off is a job.
func (s *Service) postWebhook(c echo.Context) error {
	mode := pay.Mode(c.Param("mode"))
	body, err := web.Body(c)
	if err != nil {
		return err
	}
	if err := s.Hear(c.Request().Context(), mode, body, c.Request().Header.Get("Stripe-Signature")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Service) getPayments(c echo.Context) error {
	event, before, limit, err := askedOfList(c)
	if err != nil {
		return err
	}
	state, err := web.Choice(c, "state", paymentStates...)
	if err != nil {
		return err
	}
	found, next, err := s.Payments(c.Request().Context(), PaymentQuery{Event: event, State: string(state), Before: before, Limit: limit})
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Payment]{Items: found, Next: cursorOf(next)})
}

// askedOfList is what each list of money is asked: of which event, after which one, and how
// many. Errors: fault.Invalid.
func askedOfList(c echo.Context) (event, before id.ID, limit int, err error) {
	if limit, err = web.Limit(c, 50, 200); err != nil {
		return event, before, limit, err
	}
	if event, err = web.QueryID(c, "event"); err != nil {
		return event, before, limit, err
	}
	before, err = web.QueryID(c, "cursor")
	return event, before, limit, err
}

// cursorOf is where the next page begins; "": there is none.
func cursorOf(next id.ID) string {
	if next == id.Nil {
		return ""
	}
	return next.String()
}

func pathID(c echo.Context) (id.ID, error) {
	v, err := id.Parse(c.Param("id"))
	if err != nil {
		return v, fault.E("sales.path", fault.NotFound, "there is nothing of this id", err)
	}
	return v, nil
}

func (s *Service) getPayment(c echo.Context) error {
	payment, err := pathID(c)
	if err != nil {
		return err
	}
	p, err := s.Payment(c.Request().Context(), payment)
	if err != nil {
		return err
	}
	return web.Fresh(c, p)
}

// receiving is money that came in.
type receiving struct {
	AmountMinor int64 `json:"amount_minor" validate:"min=1"`
}

func (s *Service) postReceived(c echo.Context) error {
	in, err := web.Bind[receiving](c)
	if err != nil {
		return err
	}
	return s.changing(c, func(tx *db.Tx, payment id.ID) (any, error) { return s.Receive(tx, payment, in.AmountMinor) })
}

func (s *Service) postReturn(c echo.Context) error {
	return s.changing(c, func(tx *db.Tx, payment id.ID) (any, error) {
		return s.ReturnPayment(tx, payment, web.Actor(tx.Ctx()))
	})
}

// changing runs do once for the id of the path.
func (s *Service) changing(c echo.Context, do func(tx *db.Tx, v id.ID) (any, error)) error {
	v, err := pathID(c)
	if err != nil {
		return err
	}
	return web.Idempotent(c, s.db, http.StatusOK, func(tx *db.Tx) (any, error) { return do(tx, v) })
}
