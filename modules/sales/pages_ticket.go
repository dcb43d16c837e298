package sales

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales/admission"
	"github.com/usherhq/usher/modules/sales/ical"
)

// ticketPages show buyers their orders, and those to whom a ticket was handed on
// that one. The links are the secret; a signed-in buyer may name his order instead.
func (s *Service) ticketPages() []web.Route {
	open := func(method, path string, h echo.HandlerFunc) web.Route {
		return web.Route{Method: method, Path: path, Right: web.Public, Handler: h}
	}
	return []web.Route{
		open("GET", "/o/:token", s.pageOrder), open("GET", "/o/:token/event.ics", s.getOrderEntry),
		open("POST", "/o/:token/tickets/:n/transfer", s.pageTransferred), open("POST", "/o/:token/resend", s.pageResent),
		open("GET", "/t/:token", s.pageTicket), open("GET", "/t/:token/event.ics", s.getTicketEntry),
		open("POST", "/t/:token/transfer", s.pagePassedOn),
		open("GET", "/o/:token/tickets/:n/transfer", s.portal(backToForm)), open("GET", "/o/:token/resend", s.portal(backToForm)), open("GET", "/t/:token/transfer", s.portal(backToForm)),
	}
}

// ticketsShown bounds how many tickets one page draws: each has a picture.
const ticketsShown = 20

// ticketPage is an order's tickets, or one that was handed on.
type ticketPage struct {
	frame
	Notice    *said // what happened just now
	W         ticketWords
	Lang      string
	Title     string
	Venue     string
	When      template.HTML
	Doors     template.HTML // "": not told
	Zone      string
	Cancelled bool
	Sandbox   bool
	Base      string // the page's own address
	Total     string // of an order
	Due       string // what is still to be paid for it at the door; "": nothing
	Invoices  []invoiceLink
	Count     int
	Tickets   []ticketView
	Mails     bool   // letters are sent from here
	Address   string // the buyer's, where his letter goes; "": none is known
	Resent    bool   // just now
	Earlier   int    // the first ticket of the page before; 0: none
	Next      int    // of the page after
	Handed    int    // the ticket that was handed on just now
	Link      string // of whom it was handed to; "": a letter takes it there
	Tried     int    // the ticket whose form was refused
	Form      Holder
	Wrong     map[string][]fault.Field
	Rest      []fault.Field
}

// ticketView is one ticket. Only who may use it sees its code.
type ticketView struct {
	N        int
	Version  int
	Category string
	Seat     string
	Name     string // who comes with it, when known
	Void     bool
	Handed   bool   // to somebody else: only its holder sees the code and hands it on
	HandedTo string // "": forgotten
	Action   string // of the form that hands it on; "": no more
	Code     string
	Picture  admission.Picture
}

// orderAsked finds the order of the address: by its link, or by its id when its
// buyer is signed in. Errors: fault.NotFound.
func (s *Service) orderAsked(c echo.Context) (Order, []Ticket, error) {
	ctx := c.Request().Context()
	token := c.Param("token")
	if order, ok := s.orders.open(token); ok {
		return s.OrderTickets(ctx, order)
	}
	order, err := id.Parse(token)
	person := web.CallerOf(ctx).Person
	if err != nil || person == "" {
		return Order{}, nil, noOrder(err)
	}
	o, tickets, err := s.OrderTickets(ctx, order)
	if err == nil && o.Person != person {
		return Order{}, nil, noOrder(nil)
	}
	return o, tickets, err
}

func (s *Service) pageOrder(c echo.Context) error {
	o, tickets, err := s.orderAsked(c)
	if err != nil {
		return err
	}
	handed, _ := strconv.Atoi(c.QueryParam("handed"))
	if handed < 1 || handed > len(tickets) || tickets[handed-1].Holder == nil {
		handed = 0
	}
	return s.showOrder(c, http.StatusOK, o, tickets, func(p *ticketPage) { p.Handed, p.Resent = handed, c.QueryParam("resent") != "" })
}

// pageResent sends the confirmation again, to the buyer's own address.
func (s *Service) pageResent(c echo.Context) error {
	o, tickets, err := s.orderAsked(c)
	if err != nil {
		return err
	}
	err = s.db.InTx(c.Request().Context(), func(tx *db.Tx) error { return s.Resend(tx, &o) })
	if err == nil {
		return c.Redirect(http.StatusSeeOther, "/o/"+c.Param("token")+"?resent=yes")
	}
	if !mended(err) && !fault.Is(err, fault.Limited) {
		return err
	}
	return s.showOrder(c, http.StatusUnprocessableEntity, o, tickets, func(p *ticketPage) { _, p.Rest = placed(err) })
}

func (s *Service) showOrder(c echo.Context, status int, o Order, tickets []Ticket, more func(p *ticketPage)) error {
	e, err := s.Event(c.Request().Context(), o.Event)
	if err != nil {
		return err
	}
	p := s.ticketPage(&e, s.languageOf(c, localeOf(o)))
	p.frame = s.privateFrame(c, p.Lang, p.Title)
	p.Notice = orderNotice(c, p.Tongue)
	if err := s.tellMoney(c.Request().Context(), &p, &o); err != nil {
		return err
	}
	p.Base, p.Total, p.Count = "/o/"+c.Param("token"), p.W.amount(o.TotalMinor, o.Currency), len(tickets)
	p.Mails, p.Address = s.Mails(), buyerOf(o.Buyer).Email
	more(&p)
	from, _ := strconv.Atoi(c.QueryParam("from"))
	from = max(min(cmp.Or(p.Tried, p.Handed, from), len(tickets)), 1)
	from -= (from - 1) % ticketsShown // of two, the other one must not seem to be gone
	p.Earlier = max(from-ticketsShown, 0)
	for i := from - 1; i < len(tickets) && len(p.Tickets) < ticketsShown; i++ {
		v, err := s.ticketView(&e, &tickets[i], tickets[i].Holder == nil, p.Lang)
		if err != nil {
			return err
		}
		if !v.Handed && !e.Past(s.db.Now()) {
			v.Action = p.Base + "/tickets/" + strconv.Itoa(v.N) + "/transfer"
		}
		p.Tickets = append(p.Tickets, v)
	}
	if last := from - 1 + len(p.Tickets); last < len(tickets) {
		p.Next = last + 1
	}
	return c.Render(status, "portal/ticket", p)
}

// tellMoney says on an order's page what its buyer must know of money whenever he looks, not
// only when he comes from the checkout.
func (s *Service) tellMoney(ctx context.Context, p *ticketPage, o *Order) error {
	due, err := s.dueAtDoor(ctx, o.ID)
	if err != nil {
		return err
	}
	if due > 0 && !p.Cancelled {
		p.Due = p.Say("order.due", p.Money(due, o.Currency))
	}
	p.Invoices, err = s.invoiceLinks(ctx, p.Tongue, o.ID)
	return err
}

// languageOf is what the address asks for, and from then on remembered, as elsewhere in the
// portal; else what was remembered, what the buyer stated, or what the browser prefers.
func (s *Service) languageOf(c echo.Context, stated string) string {
	if c.QueryParam("lang") != "" {
		return s.tongueOf(c).Lang
	}
	return cmp.Or(recalled(c, langCookie), stated, c.Request().Header.Get("Accept-Language"))
}

// localeOf is the language the buyer stated; "" when he did not.
func localeOf(o Order) string {
	var b Buyer
	if len(o.Buyer) == 0 || json.Unmarshal(o.Buyer, &b) != nil {
		return ""
	}
	return b.Locale
}

func (s *Service) ticketPage(e *Event, wanted string) ticketPage {
	w := wordsFor(wanted)
	p := ticketPage{W: w, Lang: w.Lang, Title: cmp.Or(e.Text(w.Lang).Title, e.Slug), Venue: e.Venue, When: w.moment(e.on(&e.StartsAt)), Zone: e.Zone,
		Cancelled: e.State == EventCancelled, Sandbox: e.Sandbox}
	if e.DoorsAt != nil {
		p.Doors = w.moment(e.on(e.DoorsAt))
	}
	return p
}

// ticketView draws one ticket; its code only for whom it is.
func (s *Service) ticketView(e *Event, t *Ticket, mine bool, lang string) (ticketView, error) {
	v := ticketView{N: t.N, Version: t.Version, Seat: t.Seat, Void: t.VoidedAt != nil || e.State == EventCancelled}
	if k := e.Category(t.Category); k != nil {
		v.Category = TextIn(k.Names, e.Locales, lang).Title
	}
	if t.Holder != nil {
		v.Name = t.Holder.Name
	}
	if v.Void {
		return v, nil
	}
	if !mine {
		v.Handed, v.HandedTo = true, v.Name
		return v, nil
	}
	var err error
	v.Code = s.Code(t)
	v.Picture, err = admission.Draw(v.Code)
	return v, err
}

func (s *Service) pageTransferred(c echo.Context) error {
	o, tickets, err := s.orderAsked(c)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(c.Param("n"))
	if err != nil || n < 1 || n > len(tickets) {
		return noTicket(err)
	}
	t := tickets[n-1]
	if t.Holder != nil { // it is the holder's now: the buyer has no say in it
		return s.showOrder(c, http.StatusUnprocessableEntity, o, tickets, func(p *ticketPage) { _, p.Rest = placed(handedAlready()) })
	}
	to := Holder{Name: c.FormValue("name"), Email: c.FormValue("email")}
	passed, err := s.handOn(c, o, t, to)
	switch {
	case err == nil && s.Mails():
		return c.Redirect(http.StatusSeeOther, "/o/"+c.Param("token")+"?handed="+strconv.Itoa(n))
	case err == nil:
		tickets[n-1] = passed
		return s.showOrder(c, http.StatusOK, o, tickets, s.handedOn(c, &passed))
	case mended(err):
		return s.showOrder(c, http.StatusUnprocessableEntity, o, tickets, refusedTransfer(n, to, err))
	}
	return err
}

// handedOn says that a ticket was handed on just now. Where no letter takes the holder's link
// to him the giver has to, so this one answer shows it, and no page after it: who has the link
// has the ticket.
func (s *Service) handedOn(c echo.Context, t *Ticket) func(p *ticketPage) {
	return func(p *ticketPage) {
		if p.Handed = t.N; !s.Mails() {
			p.Link = s.origin(c) + "/t/" + s.HolderToken(t) // whole: it is sent on as it stands there
			p.Tongues = nil                                 // another language would be another page, without it
		}
	}
}

func refusedTransfer(n int, to Holder, err error) func(p *ticketPage) {
	return func(p *ticketPage) {
		p.Tried, p.Form = n, to
		p.Wrong, p.Rest = placed(err, "name", "email")
	}
}

// handOn hands a ticket on as its giver saw it: whatever version the form states, the giver's link
// is for this one, and what becomes of it meanwhile is not his to hand on.
func (s *Service) handOn(c echo.Context, o Order, seen Ticket, to Holder) (t Ticket, err error) {
	ctx := c.Request().Context()
	version, err := strconv.Atoi(c.FormValue("version"))
	if err != nil {
		return t, fault.BadField("sales.Transfer", "version", "is no number", "use the form of the ticket's page")
	}
	if version != seen.Version {
		return t, handedAlready()
	}
	e, err := s.Event(ctx, o.Event)
	if err != nil {
		return t, err
	}
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		if t, err = s.Transfer(tx, &e, o.ID, seen.N, seen.Version, to); err != nil {
			return err
		}
		return s.post(tx, letter{Kind: letterTransfer, Event: e.ID, Subject: o.ID, N: seen.N, Version: t.Version})
	})
	return t, err
}

func (s *Service) pageTicket(c echo.Context) error {
	o, t, err := s.ticketByToken(c.Request().Context(), c.Param("token"))
	if err != nil {
		return err
	}
	return s.showTicket(c, http.StatusOK, o, t, true, func(*ticketPage) {})
}

func (s *Service) showTicket(c echo.Context, status int, o Order, t Ticket, mine bool, more func(p *ticketPage)) error {
	e, err := s.Event(c.Request().Context(), o.Event)
	if err != nil {
		return err
	}
	p := s.ticketPage(&e, s.languageOf(c, ""))
	p.frame = s.privateFrame(c, p.Lang, p.Title)
	v, err := s.ticketView(&e, &t, mine, p.Lang)
	if err != nil {
		return err
	}
	p.Base, p.Count, p.Mails = "/t/"+c.Param("token"), 1, s.Mails()
	if mine && !e.Past(s.db.Now()) {
		v.Action = p.Base + "/transfer"
	}
	p.Tickets = []ticketView{v}
	more(&p)
	return c.Render(status, "portal/ticket", p)
}

// pagePassedOn hands on a ticket that was handed on before. The giver's link ends with it,
// so the answer itself says so.
func (s *Service) pagePassedOn(c echo.Context) error {
	o, t, err := s.ticketByToken(c.Request().Context(), c.Param("token"))
	if err != nil {
		return err
	}
	to := Holder{Name: c.FormValue("name"), Email: c.FormValue("email")}
	passed, err := s.handOn(c, o, t, to)
	switch {
	case err == nil:
		return s.showTicket(c, http.StatusOK, o, passed, false, func(p *ticketPage) { s.handedOn(c, &passed)(p); p.Base = "" })
	case mended(err):
		return s.showTicket(c, http.StatusUnprocessableEntity, o, t, true, refusedTransfer(t.N, to, err))
	}
	return err
}

func (s *Service) getOrderEntry(c echo.Context) error {
	o, _, err := s.orderAsked(c)
	if err != nil {
		return err
	}
	return s.entry(c, o, "/o/"+c.Param("token"), localeOf(o))
}

func (s *Service) getTicketEntry(c echo.Context) error {
	o, _, err := s.ticketByToken(c.Request().Context(), c.Param("token"))
	if err != nil {
		return err
	}
	return s.entry(c, o, "/t/"+c.Param("token"), "")
}

// entry answers with the event as a calendar takes it, in the language of the page that it
// stands on.
func (s *Service) entry(c echo.Context, o Order, page, stated string) error {
	e, err := s.Event(c.Request().Context(), o.Event)
	if err != nil {
		return err
	}
	w := wordsFor(s.languageOf(c, stated))
	body := ical.Write(e.entry(w, s.db.Now(), s.origin(c)+page))
	c.Response().Header().Set("Content-Disposition", `attachment; filename="event.ics"`)
	return c.Stream(http.StatusOK, "text/calendar; charset=utf-8", bytes.NewReader(body))
}

func (e *Event) entry(w ticketWords, now time.Time, url string) ical.Entry {
	out := ical.Entry{UID: e.ID.String() + "@usher", Sequence: e.Version, Stamp: now, Start: e.on(&e.StartsAt).local(), Summary: cmp.Or(e.Text(w.Lang).Title, e.Slug),
		Location: e.Venue, URL: url, Cancelled: e.State == EventCancelled}
	if e.EndsAt != nil {
		out.End = *e.EndsAt
	}
	if e.DoorsAt != nil {
		doors := e.on(e.DoorsAt).local()
		if out.Description = w.Doors + ": " + doors.Format("15:04"); !dateOf(doors).Equal(dateOf(out.Start)) {
			out.Description = w.Doors + ": " + w.form(&w, doors)
		}
	}
	return out
}
