package sales

import (
	"sync"
	"testing"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/pay"
)

// paidOrder buys through the bank.
func (h *house) paidOrder(e Event, wanted ...Wanted) (Payment, id.ID) {
	h.t.Helper()
	p := h.begun(h.cart(e, wanted...))
	h.heard(told(p))
	h.settleAll()
	p = h.becomes(p, PaymentSettled, "")
	return p, *p.Order
}

func (h *house) refund(order id.ID, in Refunding) (r Refund, err error) {
	err = h.db.InTx(h.t.Context(), func(tx *db.Tx) error { r, err = h.RefundOrder(tx, order, in); return err })
	return r, err
}

func TestARefundVoidsTicketsAndPutsThemBackOnSale(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e := h.draft(func(*Event) {})
	var pool Pool
	h.in(func(tx *db.Tx) (err error) {
		pool, err = h.AddPool(tx, Pool{Event: e.ID, Name: "Hall", Capacity: 20, Protected: []int{5}}, nil)
		return err
	})
	shared := h.add(e, Category{PriceMinor: 1000, FeeMinor: 100, Capacity: 20, Pool: &pool.ID, Class: 2})
	seats := h.add(e, Category{PriceMinor: 2000, Rows: 2, Columns: 3})
	e = h.publish(e)
	_, order := h.paidOrder(e, Wanted{Category: shared.ID, Qty: 2}, Wanted{Category: seats.ID, Qty: 2})
	h.auditCatalogue()
	part, err := h.refund(order, Refunding{Tickets: []int{1, 3}, Reason: "ill", Actor: "ana"})
	if err != nil || part.State != RefundWaiting || part.AmountMinor != 3100 {
		t.Fatalf("%+v, %v", part, err)
	}
	h.settleAll()
	h.auditCatalogue()
	h.auditMoney()
	if n := h.number(`SELECT count(*) FROM sales.orders WHERE cancelled_at IS NOT NULL`); n != 0 {
		t.Error("the order is cancelled, but has tickets")
	}
	for name, ns := range map[string][]int{"void": {1}, "of no such number": {9}, "named twice": {2, 2}} {
		if r, err := h.refund(order, Refunding{Tickets: ns}); err == nil {
			t.Errorf("a ticket %s: %+v", name, r)
		}
	}
	h.auditCatalogue()
	if rest, err := h.refund(order, Refunding{}); err != nil || rest.AmountMinor != 3100 {
		t.Fatalf("%+v, %v", rest, err)
	}
	h.settleAll()
	if _, err := h.refund(order, Refunding{}); !fault.Is(err, fault.Conflict) {
		t.Errorf("nothing is left: %v", err)
	}
	if sold := h.number(`SELECT sum(sold) FROM sales.stock`); sold != 0 || bank.refunded() != 6200 || h.number(`SELECT count(*) FROM sales.orders WHERE cancelled_at IS NOT NULL`) != 1 {
		t.Errorf("%d are sold, %d went back", sold, bank.refunded())
	}
	h.auditCatalogue()
	h.auditMoney()
	if n := h.number(`SELECT count(*) FROM stream.log WHERE type = 'sales.ticket_refunded'`); n != 2 {
		t.Errorf("%d facts", n)
	}
}

// TestOfManyWhoRefundATicketOneDoes lets 16 refund the same ticket at once.
func TestOfManyWhoRefundATicketOneDoes(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e, two := stand(h, 10)
	_, order := h.paidOrder(e, two)
	var all sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range 16 {
		all.Go(func() {
			_, err := h.refund(order, Refunding{Tickets: []int{2}})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				done++
			} else if !fault.Is(err, fault.Conflict) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	h.settleAll()
	if done != 1 || bank.refunded() != 2600 {
		t.Errorf("%d did, and %d went back", done, bank.refunded())
	}
	h.auditCatalogue()
	h.auditMoney()
}

func TestAFailedRefundIsSeenAndTriedAgain(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e, two := stand(h, 10)
	p, order := h.paidOrder(e, two)
	bank.fails = fault.E("bank", fault.Transient, "out of reach", nil)
	r, err := h.refund(order, Refunding{Tickets: []int{1}, KeepFees: true})
	if err != nil || r.AmountMinor != 2500 {
		t.Fatalf("%+v, %v", r, err)
	}
	state := func() Refund {
		now, err := h.Refund(t.Context(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		return now
	}
	if err := h.SendRefund(t.Context(), r.ID); !fault.Retryable(err) || state().State != RefundWaiting {
		t.Fatalf("the job is not repeated: %v", err)
	}
	bank.fails, bank.refuses = nil, true
	h.settleAll()
	if now := state(); now.State != RefundFailed || now.Error != "the card is closed" {
		t.Fatalf("%+v", now)
	}
	bank.refuses = false
	h.in(func(tx *db.Tx) error { _, err := h.RetryRefund(tx, r.ID); return err })
	h.settleAll()
	if now := state(); now.State != RefundDone || now.Attempt != 2 || bank.refunded() != 2500 {
		t.Errorf("%+v", now)
	}
	if now := h.payment(p); now.RefundedMinor != 2500 {
		t.Errorf("%d is refunded", now.RefundedMinor)
	}
	bounced := pay.Refunded{Status: pay.RefundFailed, Ref: state().Ref, Reason: "lost or stolen card"}
	h.in(func(tx *db.Tx) error { return h.refundHeard(tx, pay.Live, r.ID, bounced) })
	if now := state(); now.State != RefundFailed {
		t.Errorf("money that bounced is %s", now.State)
	}
	if err := h.db.InTx(t.Context(), func(tx *db.Tx) error { return h.refundHeard(tx, pay.Sandbox, r.ID, bounced) }); !fault.Is(err, fault.NotFound) {
		t.Errorf("the sandbox knows of a real refund: %v", err)
	}
	h.in(func(tx *db.Tx) error { _, err := h.RefundedByHand(tx, r.ID); return err })
	if now := state(); now.State != RefundDone {
		t.Errorf("%+v", now)
	}
}

// What an earlier attempt came to is told late, and again under another name: it neither
// undoes what the promoter did himself nor fails the attempt that is on its way.
func TestOldNewsOfARefundChangesNothing(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	_, order := h.paidOrder(e, two)
	bounced := func(ref string) pay.Refunded {
		return pay.Refunded{Status: pay.RefundFailed, Ref: ref, Reason: "lost or stolen card"}
	}
	r, err := h.refund(order, Refunding{Tickets: []int{1}})
	if err != nil {
		t.Fatal(err)
	}
	hears := func(out pay.Refunded, want RefundState, ref string) {
		t.Helper()
		h.in(func(tx *db.Tx) error { return h.refundHeard(tx, pay.Live, r.ID, out) })
		if now, err := h.Refund(t.Context(), r.ID); err != nil || now.State != want || now.Ref != ref {
			t.Fatalf("%s by %q, want %s by %q; %v", now.State, now.Ref, want, ref, err)
		}
	}
	hears(pay.Refunded{Status: pay.RefundSent, Ref: "one"}, RefundSent, "one")
	hears(bounced("one"), RefundFailed, "one")
	h.in(func(tx *db.Tx) error { _, err := h.RetryRefund(tx, r.ID); return err })
	hears(bounced("one"), RefundWaiting, "one")
	hears(pay.Refunded{Status: pay.RefundSent, Ref: "two"}, RefundSent, "two")
	hears(bounced("one"), RefundSent, "two")
	hears(bounced("two"), RefundFailed, "two")
	h.in(func(tx *db.Tx) error { _, err := h.RefundedByHand(tx, r.ID); return err })
	for _, ref := range []string{"one", "two"} {
		hears(bounced(ref), RefundDone, "")
	}
}

func TestAnOrderIsNotRefundedWhileItsPaymentIsBeingSettled(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	p := h.begun(h.cart(e, two))
	h.heard(told(p))
	p = h.payment(p)
	o, refused, err := h.sell(t.Context(), &p, true) // as far as a process gets that dies here
	if err != nil || refused != "" {
		t.Fatal(refused, err)
	}
	if _, err := h.refund(o.ID, Refunding{}); !fault.Is(err, fault.Conflict) {
		t.Errorf("the tickets are void, and the money is kept: %v", err)
	}
	h.settleAll()
	h.becomes(p, PaymentSettled, "")
	if _, err := h.refund(o.ID, Refunding{}); err != nil {
		t.Error(err)
	}
	h.auditCatalogue()
	h.auditMoney()
}

func TestTicketsNotYetPaidAtTheDoorAreCancelled(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e, two := stand(h, 10)
	out, err := h.checkout(h.cart(e, two), pay.Door)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := h.refund(out.Order.ID, Refunding{Tickets: []int{1}, KeepFees: true}); err != nil || r.AmountMinor != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	h.in(func(tx *db.Tx) error { _, err := h.Receive(tx, out.Payment.ID, 2600); return err })
	found, err := h.InvoicesOf(t.Context(), out.Order.ID)
	if err != nil || len(found) != 1 || found[0].Document.Bill.GrossMinor != 2600 {
		t.Errorf("%+v, %v", found, err)
	}
	h.settleAll()
	if bank.refunded() != 0 {
		t.Error("what was not paid went back")
	}
	h.auditCatalogue()
	h.auditMoney()
}

func TestEveryRefundIsFoundPageByPage(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := h.concert(Category{PriceMinor: 1000, Capacity: 5})
	_, order := h.paidOrder(e, Wanted{Category: e.Categories[0].ID, Qty: 3})
	for n := 1; n <= 3; n++ {
		if _, err := h.refund(order, Refunding{Tickets: []int{n}}); err != nil {
			t.Fatal(err)
		}
	}
	api, seen, next := newSite(t, h.paymentRoutes(), nil), map[any]bool{}, ""
	for range 2 {
		rec, page := call(t, api, "GET", "/v1/refunds?limit=2&cursor="+next, "")
		if rec.Code != 200 {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		for _, r := range page["items"].([]any) {
			seen[r.(map[string]any)["id"]] = true
		}
		next, _ = page["next"].(string)
	}
	if len(seen) != 3 || next != "" {
		t.Errorf("%d refunds on two pages, then %q", len(seen), next)
	}
}

func TestWhoNamesNoTicketDoesNotRefundAll(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := h.concert(Category{PriceMinor: 1000, Capacity: 5})
	_, order := h.paidOrder(e, Wanted{Category: e.Categories[0].ID, Qty: 2})
	api := newSite(t, h.paymentRoutes(), nil)
	there := "/v1/orders/" + order.String() + "/refunds"
	for _, body := range []string{`{"tickets": []}`, `{"tickets": [0]}`, `{"tickets": [99]}`, `{"tickets": [1, 99]}`} {
		if rec, _ := call(t, api, "POST", there, body); rec.Code != 400 {
			t.Errorf("%s: %d %s", body, rec.Code, rec.Body)
		}
	}
	if rec, r := call(t, api, "POST", there, `{"reason": "ill"}`); rec.Code != 201 || len(r["tickets"].([]any)) != 2 {
		t.Errorf("the whole order: %d %s", rec.Code, rec.Body)
	}
}
