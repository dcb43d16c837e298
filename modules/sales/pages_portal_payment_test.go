package sales

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/sales/pay"
)

// Whoever looks at a payment that came to nothing is not asked for money for what he has.
func TestAPaymentOfWhatIsBoughtAsksForNothing(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	site := shopSite(h)
	q := h.cart(e, two)
	first := h.begun(q)
	if _, err := h.checkout(q, pay.Transfer); err != nil {
		t.Fatal(err)
	}
	second := h.begun(q)
	page := func(p Payment) *httptest.ResponseRecorder {
		return visit(site, "/pay/"+h.PaymentToken(p.ID)+"?lang=en", nil)
	}
	h.heard(told(first))
	for _, state := range []PaymentState{PaymentPending, PaymentExpired, PaymentFailed} { // until the order is placed
		h.exec(`UPDATE sales.payment SET state = $2 WHERE id = $1`, second.ID, state)
		rec := page(second)
		shows(t, rec, 200, "Another payment for these tickets is on its way", "Nothing is to be paid here", h.PaymentToken(first.ID))
	}
	h.exec(`UPDATE sales.payment SET state = 'pending' WHERE id = $1`, second.ID)
	h.settleAll()
	h.becomes(second, PaymentExpired, reasonReplaced)
	for _, state := range []PaymentState{PaymentExpired, PaymentFailed, PaymentPending} {
		h.exec(`UPDATE sales.payment SET state = $2, reason = '' WHERE id = $1`, second.ID, state)
		rec := page(second)
		shows(t, rec, 200, "You have these tickets already", "/o/"+h.OrderToken(*h.payment(first).Order))
		if said := rec.Body.String(); strings.Contains(said, "/shop/cart/") || strings.Contains(said, "bank.example") || strings.Contains(said, "/release") || rec.Header().Get("Refresh") != "" {
			t.Errorf("%s: he is asked to buy them again", state)
		}
	}
}

// An order that was to be paid at the door and was taken back is nothing to be proud of.
func TestThePaymentOfWhatWasTakenBackSaysSo(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	o, p := h.dueOrder(e, two)
	if _, err := h.refund(o.ID, Refunding{}); err != nil {
		t.Fatal(err)
	}
	rec := visit(shopSite(h), "/pay/"+h.PaymentToken(p.ID)+"?lang=en", nil)
	if shows(t, rec, 200, "These tickets were taken back", "/o/"+h.OrderToken(o.ID)); strings.Contains(rec.Body.String(), "✓") {
		t.Error("it looks as if they were his")
	}
}

func TestThePaymentOfWhatWasRefundedSaysSo(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	p, order := h.paidOrderBeside(e, two)
	site, there := shopSite(h), "/pay/"+h.PaymentToken(p.ID)+"?lang=en"
	for i, says := range []string{"Your tickets are ready", "You get all of this payment back"} {
		if _, err := h.refund(order, Refunding{Tickets: []int{i + 1}}); err != nil {
			t.Fatal(err)
		}
		shows(t, visit(site, there, nil), 200, says)
	}
}
