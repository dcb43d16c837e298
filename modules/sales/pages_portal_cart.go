package sales

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales/words"
)

// cartPage is a cart, and all that is asked to buy it.
type cartPage struct {
	frame
	E       shownEvent
	Self    string // its own address
	Seconds int
	Left    string
	Notice  *said
	Lines   []lineView
	Taxes   []string
	Total   string
	Free    bool
	Offer   bool // of a waiting list: it cannot be changed, only bought or given back
	Mails   bool // the link to the order goes by e-mail
	Methods []methodView
	None    string // why there are none
	Form    buyerForm
	Wrong   map[string]string
}

type lineView struct {
	Qty                     int
	Title, Unit, Sum, Seats string
}

type methodView struct{ Value, Name, About string }

type buyerForm struct{ Name, Email, Method string }

// cartOverPage says that a cart is no more.
type cartOverPage struct {
	frame
	E                    shownEvent
	Heading, Text, Text2 string
	Link                 link
}

// openedCart finds the cart of the address; done: the visitor was sent to where it has led.
func (s *Service) openedCart(c echo.Context, t *words.Tongue) (h heldCart, e *shelfEvent, done bool, err error) {
	ctx := c.Request().Context()
	if h, err = s.cart(ctx, c.Param("token")); err != nil {
		return h, nil, false, err
	}
	if e, err = s.snapshot(ctx, h.Event); err != nil {
		return h, nil, false, err
	}
	switch {
	case h.Order != nil:
		s.forgetCart(c, h.Cart)
		return h, e, true, c.Redirect(http.StatusSeeOther, "/o/"+s.OrderToken(*h.Order))
	case h.Paid != nil:
		return h, e, true, c.Redirect(http.StatusSeeOther, "/pay/"+s.PaymentToken(*h.Paid))
	case len(h.Lines) == 0 || h.Left <= 0:
		return h, e, true, s.showOver(c, t, e, h.Cart)
	}
	return h, e, false, nil
}

// showOver says that a cart's hold has ended, and where to begin again.
func (s *Service) showOver(c echo.Context, t *words.Tongue, e *shelfEvent, cart id.ID) error {
	left := s.forgetCart(c, cart)
	p := cartOverPage{frame: s.frame(c, t, t.Say("over.title")), E: e.shown(t, s.db.Now()), Heading: t.Say("over.title"), Text: t.Say("over.text"), Text2: t.Say("over.again")}
	p.Unlisted, p.Link, p.Carts = true, link{p.E.URL, t.Say("over.choose")}, s.cartLinks(c.Request().Context(), t, left)
	return c.Render(http.StatusGone, "portal/over", p)
}

func (s *Service) shopCart(c echo.Context, t *words.Tongue) error {
	h, e, done, err := s.openedCart(c, t)
	if err != nil || done {
		return err
	}
	begun, err := s.begunBefore(c, t, h.Cart)
	if err != nil {
		return err
	}
	own := s.contactOf(c.Request().Context())
	return s.showCart(c, http.StatusOK, t, h, e, func(p *cartPage) { p.Form = own; begun(p) })
}

// contactOf is what is known of who is signed in, to fill a form with. It is a courtesy: the
// form asks for what is not known.
func (s *Service) contactOf(ctx context.Context) (f buyerForm) {
	who := web.CallerOf(ctx)
	if who.Person == "" || s.cfg.People == nil {
		return f
	}
	name, email, err := s.cfg.People.Contact(ctx, who.Person)
	if err != nil {
		s.log.WarnContext(ctx, "the buyer has to fill the form himself", "error", err)
	}
	return buyerForm{Name: name, Email: email}
}

// begunBefore fills the cart's form with what was said in it, when the buyer comes back from a
// payment that he has begun, to pay in another way.
func (s *Service) begunBefore(c echo.Context, t *words.Tongue, cart id.ID) (fill func(p *cartPage), err error) {
	begun, err := s.paymentUnderWay(c.Request().Context(), cart, true)
	if err != nil || begun == nil {
		return func(*cartPage) {}, err
	}
	was, err := s.Payment(c.Request().Context(), *begun)
	return func(p *cartPage) {
		b := buyerOf(was.Buyer)
		p.Form = buyerForm{b.Name, b.Email, string(was.Method)}
		p.Notice = &said{Kind: "warn", Title: t.Say("said.begun"), Text: t.Say("said.begun.fix"), Link: &link{"/pay/" + s.PaymentToken(was.ID), t.Say("cart.begun")}}
	}, err
}

func (s *Service) showCart(c echo.Context, status int, t *words.Tongue, h heldCart, e *shelfEvent, more func(p *cartPage)) error {
	q := h.quote(e.Currency)
	offer, err := s.isOffer(c.Request().Context(), h.Cart)
	if err != nil {
		return err
	}
	p := cartPage{frame: s.frame(c, t, t.Say("cart.title")), E: e.shown(t, s.db.Now()), Self: "/shop/cart/" + c.Param("token"), Seconds: int(math.Ceil(max(h.Left, 0).Seconds())),
		Left: t.Span(h.Left), Total: priceWords(t, q.Total(), e.Currency), Free: q.Total() == 0, Offer: offer, Mails: s.Mails()}
	p.Unlisted = true
	bill := BillOf(&e.Event, q.Lines, t.Lang)
	for i := range q.Lines {
		p.Lines = append(p.Lines, e.line(t, &q.Lines[i]))
	}
	for _, tax := range bill.Taxes {
		if tax.Permille > 0 && tax.TaxMinor > 0 {
			p.Taxes = append(p.Taxes, t.Say("cart.tax", strings.ReplaceAll(permilleText(tax.Permille), ".", t.Say("number.point")), t.Money(tax.TaxMinor, e.Currency)))
		}
	}
	for _, m := range s.waysToPay(&e.Event) {
		p.Methods = append(p.Methods, methodView{string(m), t.Say("pay." + string(m)), t.Say("pay." + string(m) + ".about")})
	}
	p.None = t.Say(s.whyUnpaid(&e.Event))
	if e.State == EventCancelled {
		p.Free, p.Methods, p.None = false, nil, t.Say("long.cancelled")
	}
	if more(&p); p.Form.Method == "" && len(p.Methods) == 1 {
		p.Form.Method = p.Methods[0].Value
	}
	c.Response().Header().Set("Referrer-Policy", "no-referrer")
	return c.Render(status, "portal/cart", p)
}

// line is a line of the cart in words.
func (e *shelfEvent) line(t *words.Tongue, l *Line) lineView {
	v := lineView{Qty: l.Qty, Unit: t.Say("cart.each", priceWords(t, l.UnitMinor, e.Currency)), Sum: priceWords(t, int64(l.Qty)*l.UnitMinor, e.Currency)}
	if k := e.Category(l.Category); k != nil {
		v.Title = TextIn(k.Names, e.Locales, t.Lang).Title
	}
	var names []string
	for _, seat := range e.seats[l.Category] {
		for _, mine := range l.Seats {
			if seat.ID == mine {
				names = append(names, seat.Name())
			}
		}
	}
	if names != nil {
		v.Seats = t.Say("cart.seats", strings.Join(names, ", "))
	}
	return v
}

// shopReleased gives back what the cart holds, to choose otherwise or not at all.
func (s *Service) shopReleased(c echo.Context, t *words.Tongue) error {
	h, e, done, err := s.openedCart(c, t)
	if err != nil || done {
		return err
	}
	if err := s.GiveBack(c.Request().Context(), h.Cart, h.Lines); fault.Is(err, fault.Conflict) {
		return c.Redirect(http.StatusSeeOther, "/shop/cart/"+c.Param("token")) // bought, paid or over meanwhile: its page says so
	} else if err != nil {
		return err
	}
	s.forgetCart(c, h.Cart)
	s.shelves.forget(e.ID) // else the seats that he had are taken
	if c.FormValue("then") == "change" {
		to, err := s.again(c.Request().Context(), e, h.Lines)
		if err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, to)
	}
	return c.Redirect(http.StatusSeeOther, "/shop/events/"+e.Slug+"?said=back")
}

// shopOffer turns the link of a waiting list's offer into a cart like any other.
func (s *Service) shopOffer(c echo.Context, t *words.Tongue) error {
	o, err := s.OfferOf(c.Request().Context(), c.Param("token"))
	if fault.Is(err, fault.Conflict) {
		entry, err := s.offerID(c.Param("token"))
		if err != nil {
			return err
		}
		return s.offerOver(c, t, entry)
	}
	if err != nil {
		return err
	}
	return s.toCart(c, cartRef{o.Cart.ID, o.Event, o.Cart.ExpiresAt})
}

// offerOver answers for an offer that was bought, or has passed on.
func (s *Service) offerOver(c echo.Context, t *words.Tongue, entry id.ID) error {
	ctx := c.Request().Context()
	order, err := s.orderOfCart(ctx, entry)
	if err != nil {
		return err
	}
	if order != nil {
		return c.Redirect(http.StatusSeeOther, "/o/"+s.OrderToken(*order))
	}
	w, err := s.findWaiting(ctx, entry)
	if err != nil {
		return err
	}
	e, err := s.snapshot(ctx, w.Event)
	if err != nil {
		return err
	}
	return s.showOver(c, t, e, entry)
}

// buyerSaid reads the form of the checkout; wrong says what is missing.
func buyerSaid(c echo.Context, t *words.Tongue) (f buyerForm, wrong map[string]string) {
	f = buyerForm{strings.TrimSpace(c.FormValue("name")), strings.TrimSpace(c.FormValue("email")), c.FormValue("method")}
	wrong = map[string]string{}
	if f.Name == "" || utf8.RuneCountInString(f.Name) > maxName || strings.ContainsFunc(f.Name, unicode.IsControl) {
		wrong["name"] = t.Say("form.name.wrong")
	}
	if !isAddress(f.Email) {
		wrong["email"] = t.Say("form.email.wrong")
	}
	return f, wrong
}

// refreshIn tells a browser without scripts when to look again.
func refreshIn(c echo.Context, d time.Duration) {
	c.Response().Header().Set("Refresh", strconv.Itoa(max(int(math.Ceil(d.Seconds())), 1)))
}

// sayOr is a text whose key may be unknown.
func sayOr(t *words.Tongue, key, or string) string {
	if t.Has(key) {
		return t.Say(key)
	}
	return t.Say(cmp.Or(or, key))
}
