package sales

import (
	"net/http"
	"testing"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/sales/pay"
	"github.com/usherhq/usher/modules/sales/pay/paytest"
)

// asksStripe has the house ask Stripe's own simulation, which takes the sandbox's keys alone.
func (h *house) asksStripe() *paytest.Mock {
	h.t.Helper()
	mock := paytest.Start(h.t)
	c := pay.Defaults()
	c.Stripe.API = mock.URL
	c.Stripe.Live, c.Stripe.Sandbox = pay.StripeKeys{Key: "sk_live_1", Webhook: liveSecret}, pay.StripeKeys{Key: "sk_test_1", Webhook: sandboxSecret}
	h.cfg.Payment, h.pays = c, pay.New(c)
	h.cfg.Seller = SellerConfig{Name: "Usher e. V.", Address: "Gasse 1\n1010 Wien", TaxID: "ATU123", Zone: "Europe/Vienna", Series: "R"}
	return mock
}

// From the cart to the money's way back, as Stripe's own simulation takes it: one cart is
// paid on two pages, its notices come twice, late and out of order, and one is forged.
func TestACartIsPaidTwiceAtStripe(t *testing.T) {
	h := newHouse(t)
	stripe := h.asksStripe()
	e := h.draft(func(e *Event) { e.Sandbox = true })
	two := Wanted{Category: h.add(e, Category{PriceMinor: 2500, FeeMinor: 100, TaxPermille: 190, Capacity: 10}).ID, Qty: 2}
	e = h.publish(e)
	q := h.cart(e, two)
	first := h.begun(q)
	if sent := stripe.Last(t, http.MethodPost); sent.Path != "/v1/checkout/sessions" || sent.Form.Get("client_reference_id") != first.ID.String() || first.Session == "" {
		t.Fatalf("%+v began with %+v", first, sent)
	}
	h.exec(`UPDATE sales.payment SET state = 'expired', reason = 'replaced' WHERE id = $1`, first.ID) // its page is still open somewhere
	second := h.begun(q)
	forged := told(second)
	forged.secret = liveSecret
	if err := h.hear(forged); !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Unauthenticated) && !fault.Is(err, fault.Forbidden) {
		t.Errorf("signed with the secret of real money: %v", err)
	}
	for _, p := range []Payment{second, first} {
		paid := told(p)
		paid.session = p.Session
		late := paid
		late.id, late.kind, late.status, late.paid = "evt_late_"+p.ID.String(), "expired", "expired", "unpaid"
		h.heard(paid)
		h.heard(paid)
		h.heard(late)
	}
	h.settleAll()
	h.settleAll()
	h.becomes(second, PaymentSettled, "")
	back := stripe.Last(t, http.MethodPost)
	if back.Path != "/v1/refunds" || back.Form.Get("payment_intent") != "pi_"+first.ID.String() || back.Form.Get("amount") != "5200" {
		t.Errorf("the second payment goes back as %+v", back)
	}
	if n := h.number(`SELECT count(*) FROM sales.orders`); n != 1 {
		t.Errorf("%d orders of one cart", n)
	}
	h.auditCatalogue()
	h.auditMoney()
}
