package sales

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/pay"
)

// tells has Stripe tell of an object, so many seconds after the others.
func (h *house) tells(kind string, second int, object string) {
	h.t.Helper()
	at := time.Date(2026, 5, 1, 12, 0, second, 0, time.UTC).Unix()
	body := fmt.Appendf(nil, `{"id": "evt_%s", "object": "event", "type": %q, "created": %d, "livemode": true, "data": {"object": %s}}`, id.New(), kind, at, object)
	if err := h.Hear(h.t.Context(), pay.Live, body, stripeSigns(body, liveSecret, time.Now())); err != nil {
		h.t.Fatal(err)
	}
}

// disputed is Stripe's dispute of a payment.
func disputed(p Payment, status string) string {
	return fmt.Sprintf(`{"id": "dp_%s", "object": "dispute", "amount": 5200, "currency": "eur", "payment_intent": "pi_%s", "reason": "product_not_received", "status": %q, "evidence_details": {"due_by": 1780000000}}`, p.ID, p.ID, status)
}

// refundedThere is a refund that somebody made in Stripe's dashboard.
func refundedThere(p Payment, status string) string {
	return fmt.Sprintf(`{"id": "re_there", "object": "refund", "amount": 2600, "currency": "eur", "payment_intent": "pi_%s", "reason": "requested_by_customer", "status": %q, "metadata": {}}`, p.ID, status)
}

func (h *house) reversals(q ReversalQuery) []Reversal {
	h.t.Helper()
	q.Limit = 10
	found, _, err := h.Reversals(h.t.Context(), q)
	if err != nil {
		h.t.Fatal(err)
	}
	return found
}

// A dispute is told in any order, more than once: what stands is the latest, and each new
// state waits to be seen.
func TestADisputeIsFollowedToItsEnd(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	p, order := h.paidOrder(e, two)
	stands := func(want pay.ReversalState, seen bool) Reversal {
		t.Helper()
		found := h.reversals(ReversalQuery{Event: e.ID})
		if len(found) != 1 || found[0].State != want || (found[0].SeenAt != nil) != seen {
			t.Fatalf("%+v, want %s", found, want)
		}
		return found[0]
	}
	h.tells("charge.dispute.updated", 20, disputed(p, "under_review"))
	if r := stands(pay.ReversalOpen, false); r.AnswerBy != nil || r.AmountMinor != 5200 || r.Reason != "product not received" || *r.Order != order || r.Payment != p.ID {
		t.Errorf("%+v", r)
	}
	h.tells("charge.dispute.created", 10, disputed(p, "needs_response")) // late
	if r := stands(pay.ReversalOpen, false); r.AnswerBy != nil {
		t.Error("old news is taken for new")
	}
	see := func() {
		api := newSite(t, h.paymentRoutes(), nil)
		if rec, _ := call(t, api, "POST", "/v1/reversals/"+stands(pay.ReversalOpen, false).ID.String()+"/seen", ""); rec.Code != 200 {
			t.Fatal(rec.Code, rec.Body)
		}
	}
	see()
	h.tells("charge.dispute.updated", 30, disputed(p, "needs_response"))
	if r := stands(pay.ReversalOpen, true); r.AnswerBy == nil || r.AnswerBy.Unix() != 1780000000 {
		t.Errorf("%+v", r)
	}
	h.tells("charge.dispute.closed", 40, disputed(p, "lost"))
	h.tells("charge.dispute.funds_withdrawn", 40, disputed(p, "under_review")) // in the same second
	stands(pay.ReversalLost, false)
	if n := len(h.reversals(ReversalQuery{Unseen: true})); n != 1 {
		t.Errorf("%d wait to be seen", n)
	}
	h.tells("charge.dispute.created", 50, disputed(Payment{ID: id.New()}, "needs_response")) // somebody else's
	h.tells("charge.dispute.created", 50, `{"id": "dp_2", "amount": 1, "currency": "eur", "status": "lost"}`)
	stands(pay.ReversalLost, false)
	h.becomes(p, PaymentSettled, "")
	h.auditMoney()
}

// Of a payment that was refunded at Stripe, in part or whole, nothing is sent again: tickets
// become void, and a person says how the money went.
func TestWhatWasRefundedAtStripeIsNotSentAgain(t *testing.T) {
	for name, c := range map[string]struct {
		status string
		want   RefundState
	}{"it succeeded": {"succeeded", RefundByHand}, "it failed": {"failed", RefundWaiting}} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			bank := h.takesMoney()
			e, two := stand(h, 10)
			p, order := h.paidOrder(e, two)
			h.tells("refund.created", 10, refundedThere(p, "pending"))
			h.tells("refund.updated", 20, refundedThere(p, c.status))
			r, err := h.refund(order, Refunding{Tickets: []int{1}})
			if err != nil || r.State != c.want {
				t.Fatalf("%s, %v", r.State, err)
			}
			h.settleAll()
			if sent := bank.refunded(); (sent > 0) != (c.want == RefundWaiting) {
				t.Errorf("%d were sent", sent)
			}
			h.auditMoney()
		})
	}
}

// A refund of ours failed, and somebody sent the money in Stripe's dashboard: trying again
// would send it twice.
func TestARefundThatWasMadeAtStripeIsNotTriedAgain(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e, two := stand(h, 10)
	p, order := h.paidOrder(e, two)
	bank.refuses = true
	r, err := h.refund(order, Refunding{Tickets: []int{1}})
	if err != nil {
		t.Fatal(err)
	}
	h.settleAll()
	bank.refuses = false
	h.tells("refund.created", 10, refundedThere(p, "succeeded"))
	err = h.db.InTx(t.Context(), func(tx *db.Tx) error { _, err := h.RetryRefund(tx, r.ID); return err })
	if h.settleAll(); !fault.Is(err, fault.Conflict) || bank.refunded() != 0 {
		t.Errorf("%d were sent once more, %v", bank.refunded(), err)
	}
	h.in(func(tx *db.Tx) error { _, err := h.RefundedByHand(tx, r.ID); return err })
}

// A refund of ours that Stripe tells of is no reversal.
func TestOurOwnRefundIsNoReversal(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	p, order := h.paidOrder(e, two)
	r, err := h.refund(order, Refunding{})
	if err != nil {
		t.Fatal(err)
	}
	for i, kind := range []string{"refund.created", "refund.updated"} {
		h.tells(kind, i, fmt.Sprintf(`{"id": "re_1", "object": "refund", "amount": 5200, "currency": "eur", "payment_intent": "pi_%s", "status": "succeeded", "metadata": {"refund": %q}}`, p.ID, r.ID))
	}
	if found := h.reversals(ReversalQuery{}); len(found) != 0 {
		t.Errorf("%+v", found)
	}
	if now, err := h.Refund(t.Context(), r.ID); err != nil || now.State != RefundDone {
		t.Errorf("%+v, %v", now, err)
	}
}

func TestReversalsStandWherePeopleLook(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	p, order := h.paidOrder(e, two)
	h.paidOrder(e, two)
	site := newSite(t, nil, append(h.orderPages(), h.eventPages()...))
	event := "/events/" + e.ID.String()
	there := event + "/orders/" + order.String()
	shows(t, visit(site, event+"/orders?which=reversed", nil), 200, "There is no order like that.")
	h.tells("charge.dispute.created", 10, disputed(p, "needs_response"))
	shows(t, visit(site, event, nil), 200, "Money waits for you", "orders?which=reversed", "Disputed, or refunded at Stripe</a>: 1")
	shows(t, visit(site, event+"/orders?which=reversed", nil), 200, "disputed, or refunded at Stripe")
	shows(t, visit(site, there, nil), 200, ">disputed</span>", "52.00 EUR", "product not received", "Answer at Stripe until", "I have seen it")
	shows(t, visit(site, there+"?ticket=1", nil), 200, "Refund 26.00 EUR?", "Nothing is sent from here")
	seen := event + "/reversals/" + h.ids(`SELECT id FROM sales.reversal`)[0].String() + "/seen"
	other := "/events/" + h.concert(Category{Capacity: 1}).ID.String()
	shows(t, visit(site, strings.Replace(seen, event, other, 1), url.Values{}), 404)
	for range 2 {
		if rec := visit(site, seen, url.Values{}); rec.Header().Get("Location") != there+"?done=seen" {
			t.Fatal(rec.Code, rec.Body)
		}
	}
	shows(t, visit(site, there+"?done=seen", nil), 200, "It is noted that you know of it.", ">disputed</span>")
	if page := visit(site, event, nil).Body.String(); strings.Contains(page, "Money waits") {
		t.Error("what was seen waits still")
	}
	if page := visit(site, there, nil).Body.String(); strings.Contains(page, "I have seen it") {
		t.Error("it can be seen twice")
	}
}
