package sales

import (
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/pay"
)

var errAway = fault.E("bank", fault.Transient, "out of reach", nil)

// A payment whose provider could not be reached can be begun later, though it was looked
// at meanwhile: nobody is sent to a page that there is not.
func TestAPaymentThatWasNeverBegunIsBegunLater(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e, two := stand(h, 2)
	q := h.cart(e, two)
	bank.fails = errAway
	if _, err := h.checkout(q, pay.Stripe); !fault.Is(err, fault.Transient) {
		t.Fatal(err)
	}
	bank.fails = nil
	h.exec(`UPDATE sales.payment SET look_at = now() - interval '1 second'`)
	if err := h.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := h.number(`SELECT count(*) FROM sales.payment WHERE state = 'created' AND look_at > now()`); n != 1 {
		t.Errorf("%d payments wait to be begun", n)
	}
	if p := h.begun(q); p.State != PaymentPending || p.Redirect == "" {
		t.Errorf("the buyer is sent to %q by a payment that is %s", p.Redirect, p.State)
	}
}

// A provider wants buyers to have some time from when it hears of a payment. One that it
// could not be told of in time is replaced by one that has all of it.
func TestAPaymentThatIsTooOldToBeBegunIsReplaced(t *testing.T) {
	at := clock.At(time.Now())
	h := houseOn(t, dbtest.New(t, dbtest.WithClock(at)))
	bank := h.takesMoney()
	e, two := stand(h, 2)
	q := h.cart(e, two)
	bank.fails = errAway
	if _, err := h.checkout(q, pay.Stripe); !fault.Is(err, fault.Transient) {
		t.Fatal(err)
	}
	at.Advance(2 * time.Minute)
	bank.fails = nil
	p := h.begun(q)
	if left := p.Until.Sub(at.Now()); left < pay.StripeLeast {
		t.Errorf("the buyer has %v, which Stripe refuses", left)
	}
	if n := h.number(`SELECT count(*) FROM sales.payment WHERE state = 'expired' AND reason = 'replaced'`); n != 1 {
		t.Errorf("%d payments were replaced", n)
	}
	at.Advance(2 * time.Minute)
	if again := h.begun(q); again.ID != p.ID {
		t.Error("one that was begun is replaced")
	}
}

// A provider that is away is asked once a round; the next round asks about the others.
func TestAProviderThatIsAwayIsAskedOnce(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e, two := stand(h, 10)
	for range 3 {
		h.begun(h.cart(e, two))
	}
	h.exec(`UPDATE sales.payment SET look_at = now() - interval '1 minute'`)
	bank.fails = errAway
	if err := h.Reconcile(t.Context()); err != nil || bank.looks != 1 {
		t.Errorf("it was asked %d times, %v", bank.looks, err)
	}
	bank.fails = nil
	if err := h.Reconcile(t.Context()); err != nil || bank.looks != 3 {
		t.Errorf("back again, it was asked %d times in all, %v", bank.looks, err)
	}
}

// What a lost job left lying is taken up once in a while, not once a minute: the job
// may be there, and fail because a provider is away.
func TestWhatLiesAboutIsTakenUpOnceInAWhile(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	paid := h.begun(h.cart(e, two))
	h.heard(told(paid))
	_, order := h.paidOrderBeside(e, two)
	if _, err := h.refund(order, Refunding{}); err != nil {
		t.Fatal(err)
	}
	h.exec(`DELETE FROM queue.outbox`)
	for range 3 {
		if err := h.Reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := h.number(`SELECT count(*) FROM queue.outbox`); n != 0 {
		t.Errorf("%d jobs for what may still be at work", n)
	}
	old := h.db.Now().Add(-stuckAfter - time.Minute)
	h.exec(`UPDATE sales.payment SET changed_at = $1`, old)
	h.exec(`UPDATE sales.refund SET changed_at = $1`, old)
	for range 3 {
		if err := h.Reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, job := range []string{jobSettle, jobRefund} {
		if n := h.number(`SELECT count(*) FROM queue.outbox WHERE name = $1`, job); n != 1 {
			t.Errorf("%d times %s", n, job)
		}
	}
}

// paidOrderBeside is paidOrder that leaves other payments as they are.
func (h *house) paidOrderBeside(e Event, wanted ...Wanted) (Payment, id.ID) {
	h.t.Helper()
	p := h.begun(h.cart(e, wanted...))
	h.heard(told(p))
	if err := h.SettlePayment(h.t.Context(), p.ID); err != nil {
		h.t.Fatal(err)
	}
	p = h.becomes(p, PaymentSettled, "")
	return p, *p.Order
}

// A buyer paid on the page he had left for another. The other one is closed: whoever
// pays there as well gets nothing for it.
func TestWhatElseWasBegunForAPaidCartIsClosed(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e, two := stand(h, 10)
	q := h.cart(e, two)
	first := h.begun(q)
	transfer, err := h.checkout(q, pay.Transfer)
	if err != nil {
		t.Fatal(err)
	}
	second := h.begun(q)
	h.becomes(*transfer.Payment, PaymentExpired, reasonReplaced)
	h.heard(told(first))
	h.settleAll()
	h.becomes(first, PaymentSettled, "")
	h.becomes(second, PaymentExpired, reasonReplaced)
	h.closes(bank, second)
	h.heard(told(second)) // at this very moment
	h.settleAll()
	h.settleAll()
	h.becomes(second, PaymentRefunded, reasonTwice)
	h.auditMoney()
}

// A checkout locks the cart and then its payments. A notice does as well: else each
// might wait for the other.
func TestANoticeWaitsForTheCartBeforeItTakesThePayment(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	q := h.cart(e, two)
	p := h.begun(q)
	n := told(p)
	n.kind, n.status, n.paid = "expired", "expired", "unpaid"
	heard := make(chan error, 1)
	h.in(func(tx *db.Tx) error {
		if _, err := lockHold(tx, q.Cart); err != nil {
			return err
		}
		go func() { heard <- h.hear(n) }()
		for end := time.Now().Add(20 * time.Second); h.blocked() == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the notice waits for nothing")
			}
		}
		if _, err := tx.Conn().Exec(t.Context(), `SET LOCAL lock_timeout = '2s'`); err != nil {
			return err
		}
		_, err := lockPayment(tx, p.ID)
		return err
	})
	if err := <-heard; err != nil {
		t.Error(err)
	}
	h.becomes(p, PaymentExpired, "")
}
