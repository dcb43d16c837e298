package sales

import (
	"encoding/json"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales/pay"
	"github.com/usherhq/usher/modules/sales/words"
)

// shopCheckout buys a cart. Sent twice it leads to the same order or payment.
func (s *Service) shopCheckout(c echo.Context, t *words.Tongue) error {
	h, e, done, err := s.openedCart(c, t)
	if err != nil || done {
		return err
	}
	form, wrong := buyerSaid(c, t)
	q := h.quote(e.Currency)
	if q.Total() > 0 && form.Method == "" {
		wrong["method"] = t.Say("pay.choose")
	}
	refuse := func(status int, notice said) error {
		return s.showCart(c, status, t, h, e, func(p *cartPage) { p.Form, p.Wrong, p.Notice = form, wrong, &notice })
	}
	if len(wrong) > 0 {
		return refuse(http.StatusUnprocessableEntity, said{Kind: "bad", Title: t.Say("said.form")})
	}
	buyer, err := json.Marshal(Buyer{form.Name, form.Email, t.Lang})
	if err != nil {
		return err
	}
	out, err := s.Checkout(c.Request().Context(), Checkout{Cart: h.Cart, Quote: s.quotes.sign(q), Method: pay.Method(form.Method), Buyer: buyer,
		Person: web.CallerOf(c.Request().Context()).Person, Origin: s.origin(c)})
	if err != nil {
		return s.notBought(c, t, h, err, refuse)
	}
	return s.toResult(c, h.Cart, out)
}

// notBought says why there is no order, and what can be done about it.
func (s *Service) notBought(c echo.Context, t *words.Tongue, was heldCart, err error, refuse func(int, said) error) error {
	bad := func(key string) said {
		return said{Kind: "bad", Title: t.Say(key), Text: t.Say(key + ".fix")}
	}
	switch {
	case fault.Is(err, fault.Transient) || fault.Is(err, fault.Limited):
		return refuse(http.StatusServiceUnavailable, bad("said.provider"))
	case fault.Is(err, fault.Invalid): // a way to pay that is not offered any more
		return refuse(http.StatusUnprocessableEntity, bad("said.provider"))
	case !fault.Is(err, fault.Conflict):
		return err
	}
	// What it was about may be over, or bought by the same form sent twice.
	if now, e, done, err := s.openedCart(c, t); err != nil || done {
		return err
	} else if e.onSale(s.db.Now()) != nil && e.State == EventCancelled {
		return refuse(http.StatusConflict, said{Kind: "bad", Title: t.Say("status.cancelled"), Text: t.Say("long.cancelled")})
	} else if c.FormValue("method") == string(pay.Transfer) && len(now.Lines) == len(was.Lines) {
		return refuse(http.StatusConflict, bad("said.soon"))
	}
	return refuse(http.StatusConflict, bad("said.provider"))
}

// toResult leads to the tickets, or to where they are paid.
func (s *Service) toResult(c echo.Context, cart id.ID, out CheckedOut) error {
	s.forgetCart(c, cart)
	switch {
	case out.Order != nil:
		return c.Redirect(http.StatusSeeOther, "/o/"+s.OrderToken(out.Order.ID)+"?said=thanks")
	case out.Payment.Redirect != "" && out.Payment.State == PaymentPending:
		// The content policy lets no form lead to another site: the next page does.
		return c.Redirect(http.StatusSeeOther, "/pay/"+s.PaymentToken(out.Payment.ID)+"?go=on")
	}
	return c.Redirect(http.StatusSeeOther, "/pay/"+s.PaymentToken(out.Payment.ID))
}
