package sales

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/sales/pay"
	"github.com/usherhq/usher/modules/sales/words"
)

// paymentPage is how a payment stands, for its buyer.
type paymentPage struct {
	frame
	E             shownEvent
	Good          bool // the tickets are his
	Heading, Text string
	Link, Other   *link
	Back          string   // where its tickets are given back; "": they are not to be
	Account       []string // of a transfer, in lines
	Ref           string
	Until, Due    string
	Lines         []lineView
	Invoices      []invoiceLink
}

// lookAgain is when the page of a payment looks again by itself.
const lookAgain = 5 * time.Second

// shopPayment is where Stripe sends the buyer back to. His coming says nothing about
// money: the page shows what the provider has told us, and looks again until it has.
func (s *Service) shopPayment(c echo.Context, t *words.Tongue) error {
	ctx := c.Request().Context()
	p, err := s.PaymentByToken(ctx, c.Param("token"))
	if err != nil {
		return err
	}
	e, err := s.Event(ctx, p.Event)
	if err != nil {
		return err
	}
	v := paymentPage{frame: s.privateFrame(c, t.Lang, ""), E: e.shown(t, s.db.Now()), Due: t.Money(p.AmountMinor, p.Currency), Lines: p.Bill.shown(t)}
	if s.tellPayment(&v, t, &p, &e); e.State == EventCancelled && p.open() {
		v.cancelled(t)
	}
	otherwise, err := s.paidOtherwise(ctx, &v, t, &p)
	if err != nil {
		return err
	}
	v.Title = v.Heading + " · " + v.E.Title
	if p.Order != nil {
		if v.Invoices, err = s.invoiceLinks(ctx, t, *p.Order); err != nil {
			return err
		}
	}
	switch waits := !otherwise && p.open() && e.State != EventCancelled && p.Method != pay.Transfer || p.State == PaymentPaid; {
	case c.QueryParam("go") != "" && !otherwise && p.State == PaymentPending && p.Redirect != "" && e.State != EventCancelled:
		v.Heading, v.Text = t.Say("pay.going"), t.Say("pay.going.text")
		c.Response().Header().Set("Refresh", "0;url="+p.Redirect)
	case waits:
		refreshIn(c, lookAgain)
	}
	return c.Render(http.StatusOK, "portal/payment", v)
}

// cancelled asks nobody for money for an event that does not take place.
func (v *paymentPage) cancelled(t *words.Tongue) {
	v.Heading, v.Text = t.Say("status.cancelled"), t.Say("pay.off")
	v.Link, v.Other, v.Account, v.Back = nil, nil, nil, ""
}

// paidOtherwise asks nobody for money for a cart that another payment, or none, has made an
// order, or is about to: whoever looks at a page that he has left would buy it twice.
func (s *Service) paidOtherwise(ctx context.Context, v *paymentPage, t *words.Tongue, p *Payment) (bool, error) {
	if p.Order != nil || !p.waits() && p.State != PaymentFailed && p.State != PaymentExpired {
		return false, nil
	}
	order, err := s.orderOfCart(ctx, p.Cart)
	if err != nil {
		return false, err
	}
	other, err := s.paymentUnderWay(ctx, p.Cart, false)
	if err != nil || order == nil && other == nil {
		return false, err
	}
	v.Other, v.Account, v.Back = nil, nil, ""
	if order != nil {
		v.Good, v.Heading, v.Text = true, t.Say("pay.otherwise"), t.Say("pay.otherwise.text")
		v.Link = &link{"/o/" + s.OrderToken(*order), t.Say("pay.tickets")}
		return true, nil
	}
	v.Heading, v.Text, v.Link = t.Say("pay.beside"), t.Say("pay.beside.text"), &link{"/pay/" + s.PaymentToken(*other), t.Say("cart.begun")}
	return true, nil
}

// shopPaymentReleased gives back what is kept for a payment that has only begun. Of any other
// its page says how it stands.
func (s *Service) shopPaymentReleased(c echo.Context, _ *words.Tongue) error {
	ctx := c.Request().Context()
	p, err := s.PaymentByToken(ctx, c.Param("token"))
	if err != nil {
		return err
	}
	if p.waits() {
		q, err := s.quotes.open(p.Quote)
		if err != nil {
			return err
		}
		if err := s.GiveBack(ctx, q.Cart, q.Lines); err != nil && !fault.Is(err, fault.Conflict) {
			return err
		}
		s.forgetCart(c, q.Cart)
	}
	return c.Redirect(http.StatusSeeOther, "/pay/"+s.PaymentToken(p.ID))
}

// words names what is said of the payment's state.
func (p *Payment) words() string {
	switch {
	case p.State == PaymentCreated || p.State == PaymentProcessing:
		return "pay.pending"
	case p.State == PaymentExpired && p.Order != nil: // it was due at the door
		return "pay.void"
	case p.State == PaymentExpired && p.Reason == reasonReplaced:
		return "pay.replaced"
	case p.State == PaymentExpired && p.Reason == reasonGivenBack:
		return "pay.given"
	}
	return "pay." + string(p.State)
}

// tellPayment says what a payment's state means to its buyer, and what he can do.
func (s *Service) tellPayment(v *paymentPage, t *words.Tongue, p *Payment, e *Event) {
	key := p.words()
	if v.Heading = t.Say(key); p.State == PaymentDue {
		v.Text = t.Say("pay.due.text", v.Due)
	} else {
		v.Text = t.Say(key + ".text")
	}
	if p.Order != nil {
		v.Good, v.Link = true, &link{"/o/" + s.OrderToken(*p.Order), t.Say("pay.tickets")}
	}
	switch p.State {
	case PaymentPending, PaymentCreated:
		s.tellWaiting(v, t, p, e)
	case PaymentFailed:
		v.Link = s.wayBack(t, p)
	case PaymentSettled:
		if p.RefundedMinor > 0 && p.RefundedMinor == p.PaidMinor {
			v.Good, v.Heading, v.Text = false, t.Say("pay.void"), t.Say("pay.refunded.text")
		}
	case PaymentExpired:
		switch {
		case p.Order != nil: // its page says what became of the tickets
			v.Good = false
		case p.Reason == reasonReplaced:
			v.Link = s.wayBack(t, p)
		default:
			v.Link = &link{v.E.URL, t.Say("over.choose")}
		}
	case PaymentRefunded:
		v.Text = p.whyReturned(t.Lang) + " " + v.Text
	}
}

// wayBack leads to the cart, to pay in another way.
func (s *Service) wayBack(t *words.Tongue, p *Payment) *link {
	return &link{"/shop/cart/" + s.CartToken(s.refOf(p)), t.Say("pay.other")}
}

// tellWaiting says how to pay what nobody has paid yet.
func (s *Service) tellWaiting(v *paymentPage, t *words.Tongue, p *Payment, e *Event) {
	v.Back = "/pay/" + s.PaymentToken(p.ID) + "/release"
	kept := s.db.Now().Before(s.refOf(p).Until) // else the cart is there for this payment alone
	switch {
	case p.State == PaymentCreated && kept:
		v.Link = s.wayBack(t, p)
	case p.State == PaymentPending && kept:
		v.Other = s.wayBack(t, p)
	}
	if p.State != PaymentPending {
		return
	}
	if p.Redirect != "" {
		v.Link = &link{p.Redirect, t.Say("pay.go")}
	}
	if p.Method == pay.Transfer {
		v.Heading, v.Text = t.Say("pay.transfer.title", v.Due), t.Say("pay.transfer.text")
		v.Account, v.Ref, v.Until = inLines(s.cfg.Payment.Transfer.Account), p.Session, t.Moment(e.on(p.Until).local())
	}
}

// whyReturned says in a language why a payment bought nothing.
func (p *Payment) whyReturned(lang string) string {
	reason, _, _ := strings.Cut(p.Reason, ":")
	return sayOr(words.In(lang), "pay.reason."+reason, "pay.reason.other")
}

// refOf names the cart of a payment, as its quote promised.
func (s *Service) refOf(p *Payment) cartRef {
	ref := cartRef{Cart: p.Cart, Event: p.Event, Until: p.CreatedAt}
	if q, err := s.quotes.open(p.Quote); err == nil {
		ref.Until = q.Expires
	}
	return ref
}

// shown is a bill's lines in words.
func (b *Bill) shown(t *words.Tongue) []lineView {
	out := make([]lineView, len(b.Lines))
	for i, l := range b.Lines {
		out[i] = lineView{Qty: l.Qty, Title: l.named(t), Unit: t.Say("cart.each", priceWords(t, l.UnitMinor, b.Currency)), Sum: priceWords(t, l.GrossMinor, b.Currency)}
	}
	return out
}

// privateFrame is for pages whose address is a secret: it leaves with nobody.
func (s *Service) privateFrame(c echo.Context, lang, title string) frame {
	f := s.frame(c, words.In(lang), title)
	f.Unlisted = true
	c.Response().Header().Set("Referrer-Policy", "no-referrer")
	return f
}

// orderNotice is what the buyer reads first when he comes from the checkout.
func orderNotice(c echo.Context, t *words.Tongue) *said {
	switch c.QueryParam("said") {
	case "thanks":
		return &said{Kind: "good", Title: t.Say("order.thanks"), Text: t.Say("order.thanks.text")}
	case "bought":
		return &said{Kind: "good", Title: t.Say("said.bought")}
	}
	return nil
}
