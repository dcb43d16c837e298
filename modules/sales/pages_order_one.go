package sales

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// orderPage is one order with all that became of it.
type orderPage struct {
	Head     eventHead
	ID       id.ID
	Ref      string
	Buyer    Buyer
	Language web.Language
	At       moment
	Total    string
	Marks    []mark
	Tickets  []orderTicket
	Valid    int // tickets that are not void
	Payments []paymentView
	Refunds  []refundView
	Invoices []invoiceLink
	Link     string // the buyer's own page of it; "": the caller may not use it
	Ask      *refundAsk
	Done     string // what was done just now
	Wrong    []fault.Field
	Admin    bool
	Mails    bool
}

// orderTicket is a ticket in words.
type orderTicket struct {
	Ticket
	Title, Price, Name string
	In                 moment
	Admitted           bool
}

// refundAsk asks whether this is what shall go back.
type refundAsk struct {
	Key         id.ID
	Numbers     string
	Tickets     []int
	KeepFees    bool
	AmountMinor int64
	Amount      string
	Way         string // how the money goes; "": none does
}

// doneWords tell what was done, by the word in the address.
var doneWords = map[string]string{
	"refunded": "The tickets are void and on sale again.", "received": "The money is recorded.", "resent": "The confirmation is on its way.",
	"all":         "The orders are being refunded, one after the other: look again in a while.",
	"readdressed": "The address is corrected, and the letter on its way there.",
	"retried":     "The money is being sent once more.", "by-hand": "The refund is recorded as sent.", "returned": "The money goes back.",
	"seen": "It is noted that you know of it.",
}

func (s *Service) pageOrderOfStaff(c echo.Context) error {
	order, err := pathID(c)
	if err != nil {
		return err
	}
	return s.showOrderOfStaff(c, order, http.StatusOK, nil)
}

func (s *Service) showOrderOfStaff(c echo.Context, order id.ID, status int, wrong error) error {
	e, o, tickets, err := s.orderOf(c, order)
	if err != nil {
		return err
	}
	p := orderPage{Head: s.head(&e, "orders"), ID: o.ID, Ref: orderRef(o.ID), Buyer: buyerOf(o.Buyer), At: e.on(&o.CreatedAt), Total: amountText(o.TotalMinor, o.Currency),
		Done: doneWords[c.QueryParam("done")], Admin: web.Require(c, web.Admin) == nil, Mails: s.Mails()}
	p.Language = web.Language(p.Buyer.Locale)
	if p.Admin {
		p.Link = s.ticketsURL(s.origin(c), o.ID)
	}
	if err := s.fillOrder(c, &p, &e, &o, tickets); err != nil {
		return err
	}
	if wrong != nil {
		_, p.Wrong = placed(wrong)
	}
	return c.Render(status, "sales/order", p)
}

// orderForStaff reads the order in the address, as orderOf does.
func (s *Service) orderForStaff(c echo.Context) (e Event, o Order, tickets []Ticket, err error) {
	order, err := pathID(c)
	if err != nil {
		return e, o, nil, err
	}
	return s.orderOf(c, order)
}

// orderOf reads an order and the event in the address, which must be its own.
func (s *Service) orderOf(c echo.Context, order id.ID) (e Event, o Order, tickets []Ticket, err error) {
	if e, err = s.pageOf(c); err != nil {
		return e, o, nil, err
	}
	if o, tickets, err = s.OrderTickets(c.Request().Context(), order); err == nil && o.Event != e.ID {
		err = noOrder(nil)
	}
	return e, o, tickets, err
}

// fillOrder adds what became of an order: tickets, payments, refunds and documents.
func (s *Service) fillOrder(c echo.Context, p *orderPage, e *Event, o *Order, tickets []Ticket) error {
	ctx := c.Request().Context()
	row := OrderRow{Order: *o}
	taken, err := s.fillPaid(ctx, p, e, &row)
	if err != nil {
		return err
	}
	documents, err := s.InvoicesOf(ctx, o.ID)
	if err != nil {
		return err
	}
	for i := range documents {
		p.Invoices = append(p.Invoices, invoiceLink{documents[i].Name(), "/invoices/" + documents[i].ID.String()})
	}
	in, err := s.admitted(ctx, o.ID)
	if err != nil {
		return err
	}
	values, err := formOf(c)
	if err != nil {
		return err
	}
	chosen := numbersOf(values["ticket"])
	p.Tickets = ticketViews(e, tickets, in)
	for i := range tickets {
		if tickets[i].VoidedAt != nil {
			row.Void++
		}
	}
	p.Valid, p.Marks = len(tickets)-row.Void, row.marks()
	if p.Admin && len(chosen) > 0 {
		p.Ask = askRefund(&row.Payment, tickets, Refunding{Tickets: chosen, KeepFees: values.Get("keep_fees") != ""}, e.Currency, taken...)
	}
	return nil
}

// fillPaid adds how an order was paid and what went back, and tells what was taken back of
// the payment it was paid by.
func (s *Service) fillPaid(ctx context.Context, p *orderPage, e *Event, row *OrderRow) (taken []Reversal, err error) {
	payments, err := s.paymentsOfOrder(ctx, row.ID)
	if err != nil {
		return nil, err
	}
	reversals, err := s.reversalsOf(ctx, payments)
	if err != nil {
		return nil, err
	}
	ids := make([]id.ID, len(payments))
	for i := range payments {
		of := reversals[payments[i].ID]
		p.Payments, ids[i] = append(p.Payments, payments[i].view(e, of...)), payments[i].ID
		if order := payments[i].Order; order != nil && *order == row.ID {
			row.Payment, row.Reversed, taken = payments[i], slices.ContainsFunc(of, isUnseen), of
		}
	}
	refunds, err := s.refundsOfOrder(ctx, row.ID, ids)
	if err != nil {
		return nil, err
	}
	for i := range refunds {
		v := refunds[i].view(e)
		p.Refunds, row.Attention = append(p.Refunds, v), row.Attention || v.ByHand
	}
	return taken, nil
}

func ticketViews(e *Event, tickets []Ticket, in map[int]time.Time) []orderTicket {
	out := make([]orderTicket, len(tickets))
	for i, t := range tickets {
		v := orderTicket{Ticket: t, Price: amountText(t.UnitMinor, e.Currency)}
		if k := e.Category(t.Category); k != nil {
			v.Title = TextIn(k.Names, e.Locales, "").Title
		}
		if t.Holder != nil {
			v.Name = cmp.Or(t.Holder.Name, t.Holder.Email)
		}
		if at, ok := in[t.N]; ok {
			v.In, v.Admitted = e.on(&at), true
		}
		out[i] = v
	}
	return out
}

// askRefund works out what would go back, for a person to say yes to; nil when no ticket of
// those chosen can. An order that was not paid through us has the zero Payment; taken is what
// was taken back of it at the provider.
func askRefund(paid *Payment, tickets []Ticket, in Refunding, currency string, taken ...Reversal) *refundAsk {
	valid := slices.DeleteFunc(slices.Clone(in.Tickets), func(n int) bool {
		return !slices.ContainsFunc(tickets, func(t Ticket) bool { return t.N == n && t.VoidedAt == nil })
	})
	if len(valid) == 0 {
		return nil
	}
	in.Tickets = valid
	a := &refundAsk{Key: id.New(), Tickets: valid, Numbers: numbersText(valid), KeepFees: in.KeepFees}
	if paid.State != PaymentDue {
		a.AmountMinor, a.Way = creditOf(paid, tickets, in).GrossMinor, refundWay(paid.Method, taken...)
	}
	if a.AmountMinor == 0 {
		a.Way = ""
	}
	a.Amount = amountText(a.AmountMinor, currency)
	return a
}

// numbersOf reads the numbers of tickets that were ticked, in order; others are none of ours.
func numbersOf(texts []string) (ns []int) {
	for _, text := range texts {
		if n, err := strconv.Atoi(text); err == nil && n > 0 && n <= maxQty && !slices.Contains(ns, n) {
			ns = append(ns, n)
		}
	}
	slices.Sort(ns)
	return ns
}

// pageRefunded refunds what the page asked about, and nothing else.
func (s *Service) pageRefunded(c echo.Context) error {
	values, err := formOf(c)
	if err != nil {
		return err
	}
	_, o, _, err := s.orderForStaff(c)
	if err != nil {
		return err
	}
	key, wrong := id.Parse(values.Get("key"))
	shown, bad := strconv.ParseInt(values.Get("amount_minor"), 10, 64)
	in := Refunding{Tickets: numbersOf(values["ticket"]), KeepFees: values.Get("keep_fees") != "", Reason: values.Get("reason"), Actor: web.Actor(c.Request().Context())}
	if wrong != nil || bad != nil || len(in.Tickets) == 0 {
		err = fault.E("sales.form", fault.Invalid, "no ticket was chosen", cmp.Or(wrong, bad)).WithFix("tick those to refund")
	} else {
		_, err = s.RefundShown(c.Request().Context(), key, o.ID, in, shown)
	}
	return s.changedOrder(c, o.ID, "refunded", err)
}

func (s *Service) pageConfirmationSent(c echo.Context) error {
	_, o, _, err := s.orderForStaff(c)
	if err != nil {
		return err
	}
	err = s.db.InTx(c.Request().Context(), func(tx *db.Tx) error { return s.Resend(tx, &o) })
	return s.changedOrder(c, o.ID, "resent", err)
}

// pageReaddressed corrects the buyer's address, or that of whom a ticket was handed to.
func (s *Service) pageReaddressed(c echo.Context) error {
	e, o, tickets, err := s.orderForStaff(c)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(c.FormValue("n"))
	if err != nil || n < 0 {
		return s.changedOrder(c, o.ID, "", fault.E("sales.form", fault.Invalid, "nobody was chosen", err).WithFix("choose whose address it is"))
	}
	to := addressing{Email: strings.TrimSpace(c.FormValue("email")), N: n}
	err = s.db.InTx(c.Request().Context(), func(tx *db.Tx) error { return s.Readdress(tx, &e, &o, tickets, to) })
	return s.changedOrder(c, o.ID, "readdressed", err)
}

// changedOrder shows an order after a change, or what was wrong with that.
func (s *Service) changedOrder(c echo.Context, order id.ID, done string, err error) error {
	switch {
	case err == nil:
		return c.Redirect(http.StatusSeeOther, "/events/"+c.Param("event")+"/orders/"+order.String()+"?"+url.Values{"done": {done}}.Encode())
	case mended(err) || fault.Is(err, fault.Limited):
		return s.showOrderOfStaff(c, order, http.StatusUnprocessableEntity, err)
	}
	return err
}

// pageRefundedAll begins to refund all of a cancelled event.
func (s *Service) pageRefundedAll(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	err = s.db.InTx(ctx, func(tx *db.Tx) error { _, err := s.RefundAll(tx, event, web.Actor(ctx)); return err })
	switch {
	case err == nil:
		return c.Redirect(http.StatusSeeOther, "/events/"+event.String()+"?done=all")
	case mended(err):
		return s.showOverview(c, http.StatusUnprocessableEntity, err, Copy{})
	}
	return err
}

func (s *Service) pagePaid(c echo.Context) error {
	minor, err := strconv.ParseInt(c.FormValue("amount_minor"), 10, 64)
	if err != nil {
		return fault.E("sales.form", fault.Invalid, "the form cannot be read", err).WithFix("open the page anew")
	}
	return s.changeMoney(c, "received", s.paymentHome, func(tx *db.Tx, payment id.ID) error { _, err := s.Receive(tx, payment, minor); return err })
}

func (s *Service) pageReturned(c echo.Context) error {
	return s.changeMoney(c, "returned", s.paymentHome, func(tx *db.Tx, payment id.ID) error {
		_, err := s.ReturnPayment(tx, payment, web.Actor(tx.Ctx()))
		return err
	})
}

func (s *Service) pageRefundRetried(c echo.Context) error {
	return s.changeMoney(c, "retried", s.refundHome, func(tx *db.Tx, refund id.ID) error { _, err := s.RetryRefund(tx, refund); return err })
}

func (s *Service) pageRefundedByHand(c echo.Context) error {
	return s.changeMoney(c, "by-hand", s.refundHome, func(tx *db.Tx, refund id.ID) error { _, err := s.RefundedByHand(tx, refund); return err })
}

// home is the event and the order, if any, that a payment or a refund is of.
type home struct {
	event id.ID
	order *id.ID
}

func (s *Service) paymentHome(ctx context.Context, payment id.ID) (home, error) {
	p, err := s.Payment(ctx, payment)
	return home{p.Event, p.Order}, err
}

func (s *Service) refundHome(ctx context.Context, refund id.ID) (home, error) {
	r, err := s.Refund(ctx, refund)
	return home{r.Event, r.Order}, err
}

// changeMoney changes the payment, refund or reversal in the address, which must be its event's, and
// shows where it stands.
func (s *Service) changeMoney(c echo.Context, done string, homeOf func(context.Context, id.ID) (home, error), change func(tx *db.Tx, money id.ID) error) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	money, err := pathID(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	at, err := homeOf(ctx, money)
	if err == nil && at.event != event {
		err = fault.E("sales.Payment", fault.NotFound, "the event has no such payment, refund or reversal", nil)
	}
	if err != nil {
		return err
	}
	return s.changedMoney(c, at.order, done, s.db.InTx(ctx, func(tx *db.Tx) error { return change(tx, money) }))
}

// changedMoney shows the order that money is of, or the payments without one.
func (s *Service) changedMoney(c echo.Context, order *id.ID, done string, err error) error {
	if order != nil {
		return s.changedOrder(c, *order, done, err)
	}
	switch {
	case err == nil:
		return c.Redirect(http.StatusSeeOther, "/events/"+c.Param("event")+"/payments?"+url.Values{"done": {done}}.Encode())
	case mended(err):
		return s.showPayments(c, http.StatusUnprocessableEntity, err)
	}
	return err
}
