package sales

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales/pay"
)

// orderPages are what was bought, how it was paid and what went back: staff look, admins
// change.
func (s *Service) orderPages() []web.Route {
	look := func(path string, h echo.HandlerFunc) web.Route {
		return web.Route{Method: "GET", Path: "/events/:event" + path, Right: web.Staff, Handler: h}
	}
	change := func(path string, h echo.HandlerFunc) web.Route {
		return web.Route{Method: "POST", Path: "/events/:event" + path, Right: web.Admin, Handler: h}
	}
	return []web.Route{
		look("/orders", s.pageOrders), look("/orders/:id", s.pageOrderOfStaff),
		change("/orders/:id/refund", s.pageRefunded), change("/orders/:id/confirmation", s.pageConfirmationSent), change("/orders/:id/address", s.pageReaddressed),
		change("/refund-all", s.pageRefundedAll),
		look("/payments", s.pagePayments),
		change("/payments/:id/received", s.pagePaid), change("/payments/:id/return", s.pageReturned),
		change("/refunds/:id/retry", s.pageRefundRetried), change("/refunds/:id/by-hand", s.pageRefundedByHand),
		change("/reversals/:id/seen", s.pageReversalSeen),
	}
}

// ordersShown is how many orders, or payments, stand on a page.
const ordersShown = 50

// mark is a state in a word, with the colour it is shown in.
type mark struct{ Text, Class string }

// orderLine is an order in the list.
type orderLine struct {
	OrderRow
	Ref, Who, Email, Total string
	At                     moment
	Marks                  []mark
}

// search is what a list was asked for. Here is the list: "orders" or "payments".
type search struct {
	Event                   id.ID
	Here, Text, Which, Next string
	First                   bool
	Options                 []option
}

type option struct{ Value, Name string }

type ordersPage struct {
	Head   eventHead
	Asked  search
	Orders []orderLine
}

// asked reads a list's query. An address that was shortened by hand names no place to go on.
func asked(c echo.Context) (q OrderQuery, err error) {
	q = OrderQuery{Search: c.QueryParam("q"), Which: c.QueryParam("which"), Limit: ordersShown}
	q.Before, err = web.QueryID(c, "before")
	return q, err
}

func (q *OrderQuery) shown(event id.ID, here string, next id.ID, options ...option) search {
	a := search{Event: event, Here: here, Text: q.Search, Which: q.Which, First: q.Before == id.Nil, Options: options}
	if next != id.Nil {
		a.Next = "?" + url.Values{"q": {q.Search}, "which": {q.Which}, "before": {next.String()}}.Encode()
	}
	return a
}

func (s *Service) pageOrders(c echo.Context) error {
	e, err := s.pageOf(c)
	if err != nil {
		return err
	}
	q, err := asked(c)
	if err != nil {
		return err
	}
	found, next, err := s.Orders(c.Request().Context(), e.ID, q)
	if err != nil {
		return err
	}
	p := ordersPage{Head: s.head(&e, "orders"), Asked: q.shown(e.ID, "orders", next, option{"", "All"}, option{"paid", "Paid"}, option{"due", "To pay at the door"},
		option{"refunded", "Refunded, whole or in part"}, option{"attention", "Money you have to send"}, option{"reversed", "Disputed, or refunded at Stripe"}, option{"none", "Not paid through us"})}
	for i := range found {
		p.Orders = append(p.Orders, found[i].line(&e))
	}
	return c.Render(http.StatusOK, "sales/orders", p)
}

func (o *OrderRow) line(e *Event) orderLine {
	b := buyerOf(o.Buyer)
	return orderLine{OrderRow: *o, Ref: orderRef(o.ID), Who: b.Name, Email: b.Email, Total: amountText(o.TotalMinor, o.Currency), At: e.on(&o.CreatedAt), Marks: o.marks()}
}

// marks say how an order stands.
func (o *OrderRow) marks() (out []mark) {
	switch {
	case o.Void == o.Qty && o.Payment.RefundedMinor > 0:
		out = append(out, mark{"refunded", "s-held"})
	case o.Void == o.Qty:
		out = append(out, mark{"cancelled", "s-held"})
	case o.Payment.Method != "":
		out = append(out, o.Payment.mark())
	case o.TotalMinor == 0:
		out = append(out, mark{"nothing to pay", ""})
	default:
		out = append(out, mark{"not paid through us", ""})
	}
	if o.Void > 0 && o.Void < o.Qty {
		out = append(out, mark{"refunded in part", "s-scheduled"})
	}
	if o.Attention {
		out = append(out, mark{"money to send", "s-held"})
	}
	if o.Reversed {
		out = append(out, mark{"disputed, or refunded at Stripe", "s-held"})
	}
	return out
}

// paymentMarks say how a payment stands that nobody waits for at a checkout.
var paymentMarks = map[PaymentState]mark{
	PaymentSettled: {"paid", "s-done"}, PaymentPaid: {"paid, tickets follow", "s-sending"}, PaymentProcessing: {"on its way", "s-sending"}, PaymentDue: {"to pay at the door", "s-scheduled"},
	PaymentFlagged: {"not what was asked for", "s-held"}, PaymentRefunded: {"returned", ""}, PaymentFailed: {"failed", ""}, PaymentExpired: {"not paid", ""},
}

func (p *Payment) mark() mark {
	if m, ok := paymentMarks[p.State]; ok {
		return m
	}
	if p.Method == pay.Transfer {
		return mark{"transfer awaited", "s-scheduled"}
	}
	return mark{"at the checkout", "s-scheduled"}
}

// methodNames are the ways to pay, for the promoter.
var methodNames = map[pay.Method]string{pay.Stripe: "Stripe", pay.Transfer: "Bank transfer", pay.Door: "At the door"}

// reasonWords tell why the house did something on its own.
var reasonWords = map[string]string{
	reasonLate: "paid after the tickets were gone", reasonTwice: "paid twice", reasonCancelled: "cancelled", reasonChanged: "the event’s currency or mode had changed",
	reasonReplaced: "the buyer chose another way to pay", reasonGivenBack: "the buyer gave the tickets back before paying",
}

// paymentView is a payment in words, with what can be done about it.
type paymentView struct {
	Payment
	Ref, Who, Email, Way   string
	Amount, Paid, Returned string
	Mark                   mark
	At                     moment
	Why, Back              string
	Receivable, Returnable bool
	Reversals              []reversalView
}

// view puts a payment in words; taken is what was taken back of it at its provider.
func (p *Payment) view(e *Event, taken ...Reversal) paymentView {
	b := buyerOf(p.Buyer)
	v := paymentView{Payment: *p, Ref: orderRef(p.ID), Who: b.Name, Email: b.Email, Way: methodNames[p.Method], Amount: amountText(p.AmountMinor, p.Currency), Mark: p.mark(), At: e.on(&p.CreatedAt), Why: cmp.Or(reasonWords[p.Reason], p.Reason), Back: refundWay(p.Method, taken...),
		Receivable: p.receivable(), Returnable: p.State == PaymentFlagged && p.PaidMinor > 0}
	if p.PaidMinor > 0 {
		v.Paid = amountText(p.PaidMinor, p.Currency)
	}
	if p.RefundedMinor > 0 {
		v.Returned = amountText(p.RefundedMinor, p.Currency)
	}
	for i := range taken {
		v.Reversals = append(v.Reversals, taken[i].view(e))
	}
	return v
}

// refundView is money that goes back in words, with what can be done about it.
type refundView struct {
	Refund
	Amount, Numbers, Why string
	Mark                 mark
	At                   moment
	Failed, ByHand       bool
}

func (r *Refund) view(e *Event) refundView {
	v := refundView{Refund: *r, Why: r.Reason, Amount: amountText(r.AmountMinor, r.Currency), Numbers: numbersText(r.Tickets), Mark: r.mark(), At: e.on(&r.CreatedAt),
		Failed: r.State == RefundFailed, ByHand: r.State == RefundByHand || r.State == RefundFailed}
	if r.Actor == "" || r.Order == nil { // the house's own words
		v.Why = cmp.Or(reasonWords[r.Reason], r.Reason)
	}
	return v
}

// refundMarks say how far a refund is.
var refundMarks = map[RefundState]mark{
	RefundWaiting: {"on its way", "s-sending"}, RefundSent: {"on its way", "s-sending"}, RefundDone: {"sent back", "s-done"}, RefundFailed: {"failed", "s-held"}, RefundByHand: {"you send it", "s-held"},
}

func (r *Refund) mark() mark {
	if r.AmountMinor == 0 {
		return mark{"nothing to send", ""}
	}
	return refundMarks[r.State]
}

// numbersText lists tickets: "1, 2".
func numbersText(ns []int) string {
	parts := make([]string, len(ns))
	for i, n := range ns {
		parts[i] = web.Number(n).String()
	}
	return strings.Join(parts, ", ")
}

type paymentsPage struct {
	Head     eventHead
	Asked    search
	Payments []paymentView
	Refunds  map[id.ID][]refundView // by payment
	Done     string                 // what was done just now
	Wrong    []fault.Field
	Admin    bool
}

func (s *Service) pagePayments(c echo.Context) error { return s.showPayments(c, http.StatusOK, nil) }

// showPayments lists the payments that have no order: those that are awaited, and money
// that is for nothing.
func (s *Service) showPayments(c echo.Context, status int, wrong error) error {
	e, err := s.pageOf(c)
	if err != nil {
		return err
	}
	q, err := asked(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	found, next, err := s.LoosePayments(ctx, e.ID, q)
	if err != nil {
		return err
	}
	p := paymentsPage{Head: s.head(&e, "orders"), Refunds: map[id.ID][]refundView{}, Done: doneWords[c.QueryParam("done")], Admin: web.Require(c, web.Admin) == nil,
		Asked: q.shown(e.ID, "payments", next, option{"", "All"}, option{"awaited", "Awaited"}, option{"attention", "Waiting for you"}, option{"returned", "Returned"}, option{"unpaid", "Not paid"})}
	ids := make([]id.ID, len(found))
	reversals, err := s.reversalsOf(ctx, found)
	if err != nil {
		return err
	}
	for i := range found {
		p.Payments, ids[i] = append(p.Payments, found[i].view(&e, reversals[found[i].ID]...)), found[i].ID
	}
	refunds, err := s.refundsOfOrder(ctx, id.Nil, ids)
	if err != nil {
		return err
	}
	for i := range refunds {
		of := *refunds[i].Payment
		p.Refunds[of] = append(p.Refunds[of], refunds[i].view(&e))
	}
	if wrong != nil {
		_, p.Wrong = placed(wrong)
	}
	return c.Render(status, "sales/payments", p)
}
