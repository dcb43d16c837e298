package sales

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/pay"
)

// stand is an event with one category at 25.00 and a fee of 1.00, 19 % tax.
func stand(h *house, capacity int) (Event, Wanted) {
	e := h.concert(Category{PriceMinor: 2500, FeeMinor: 100, TaxPermille: 190, Capacity: capacity})
	e, err := h.Event(h.t.Context(), e.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return e, Wanted{Category: e.Categories[0].ID, Qty: 2}
}

func TestAPaidCartBecomesAnOrder(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e, two := stand(h, 10)
	q := h.cart(e, two)
	p := h.begun(q)
	if p.State != PaymentPending || p.Redirect == "" || p.AmountMinor != 5200 {
		t.Fatalf("%+v", p)
	}
	if n := h.number(`SELECT count(*) FROM sales.hold WHERE cart = $1 AND expires_at >= $2`, q.Cart, p.Until.Add(h.cfg.Payment.Grace)); n != 1 {
		t.Error("the tickets are not kept until the payment can be made no more")
	}
	if again := h.begun(q); again.ID != p.ID || again.Redirect != p.Redirect || bank.began[p.ID] != 1 {
		t.Error("asking again began another payment")
	}
	h.heard(told(p))
	h.settleAll()
	now := h.becomes(p, PaymentSettled, "")
	if now.Order == nil || h.number(`SELECT count(*) FROM sales.ticket WHERE order_id = $1`, *now.Order) != 2 {
		t.Error("there are no tickets")
	}
	h.auditCatalogue()
	h.auditMoney()
}

func TestNoticesAreHeardOnceAndInAnyOrder(t *testing.T) {
	for name, play := range map[string]func(h *house, p Payment, paid notice){
		"twice": func(h *house, _ Payment, paid notice) { h.heard(paid); h.heard(paid) },
		"before the provider has answered": func(h *house, p Payment, paid notice) {
			h.exec(`UPDATE sales.payment SET state = 'created', session = NULL, redirect = '' WHERE id = $1`, p.ID)
			h.heard(paid)
		},
		"after it has expired": func(h *house, _ Payment, paid notice) {
			expired := paid
			expired.id, expired.kind, expired.status, expired.paid = "evt_x", "expired", "expired", "unpaid"
			h.heard(expired)
			h.heard(paid)
		},
		"the failure last": func(h *house, _ Payment, paid notice) {
			failed := paid
			failed.id, failed.kind, failed.paid = "evt_y", "async_payment_failed", "unpaid"
			h.heard(paid)
			h.heard(failed)
		},
		"slowly": func(h *house, p Payment, paid notice) {
			begun := paid
			begun.id, begun.paid = "evt_z", "unpaid"
			h.heard(begun)
			h.becomes(p, PaymentProcessing, "")
			paid.kind = "async_payment_succeeded"
			h.heard(paid)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.takesMoney()
			e, two := stand(h, 10)
			p := h.begun(h.cart(e, two))
			play(h, p, told(p))
			h.settleAll()
			h.settleAll()
			h.becomes(p, PaymentSettled, "")
			if n := h.number(`SELECT count(*) FROM sales.orders`); n != 1 {
				t.Errorf("%d orders", n)
			}
			h.auditCatalogue()
			h.auditMoney()
		})
	}
}

func TestForgedNoticesChangeNothing(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	p := h.begun(h.cart(e, two))
	for name, forge := range map[string]func(n *notice){
		"signed by another":                   func(n *notice) { n.secret = "whsec_guess" },
		"old":                                 func(n *notice) { n.age = 6 * time.Minute },
		"of the sandbox at the live door":     func(n *notice) { n.secret = sandboxSecret },
		"of the sandbox, signed for live":     func(n *notice) { n.live = false },
		"of the sandbox at its own door":      func(n *notice) { n.secret, n.mode, n.live = sandboxSecret, pay.Sandbox, false },
		"of live money at the sandbox's door": func(n *notice) { n.mode = pay.Sandbox },
		"at no door":                          func(n *notice) { n.mode = "test" },
		"about another session":               func(n *notice) { n.session = "cs_other" },
		"about a payment that is none":        func(n *notice) { n.payment = id.New().String() },
	} {
		n := told(p)
		forge(&n)
		_ = h.hear(n)
		if now := h.payment(p); now.State != PaymentPending || now.PaidMinor != 0 {
			t.Errorf("%s: the payment is %s", name, now.State)
		}
	}
}

func TestAPaymentOfAnotherAmountIsFlaggedAndReturned(t *testing.T) {
	for name, change := range map[string]func(n *notice){"amount": func(n *notice) { n.amount-- }, "more": func(n *notice) { n.amount++ }, "currency": func(n *notice) { n.currency = "usd" }} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			bank := h.takesMoney()
			e, two := stand(h, 10)
			p := h.begun(h.cart(e, two))
			n := told(p)
			change(&n)
			h.heard(n)
			h.settleAll()
			if now := h.payment(p); now.State != PaymentFlagged || h.number(`SELECT count(*) FROM sales.orders`) != 0 {
				t.Fatalf("the payment is %s", now.State)
			}
			err := h.db.InTx(t.Context(), func(tx *db.Tx) error { _, err := h.ReturnPayment(tx, p.ID, "ana"); return err })
			if name == "currency" {
				if !fault.Is(err, fault.Conflict) {
					t.Errorf("another currency was returned from here: %v", err)
				}
				return
			}
			h.settleAll()
			if err != nil || bank.refunded() != n.amount {
				t.Errorf("%d was returned, %v", bank.refunded(), err)
			}
		})
	}
}

func TestALatePaymentBuysTheTicketsAgain(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 2)
	q := h.cart(e, two)
	p := h.begun(q)
	h.lateCart(q)
	h.in(func(tx *db.Tx) error { _, err := h.SetPrice(tx, two.Category, 9900, "dearer", "ana"); return err })
	h.heard(told(p))
	h.settleAll()
	now := h.becomes(p, PaymentSettled, "")
	if n := h.number(`SELECT total_minor FROM sales.orders WHERE id = $1`, *now.Order); n != 5200 {
		t.Errorf("the order costs %d, not what was quoted", n)
	}
	h.auditCatalogue()
	h.auditMoney()
}

// The pool was changed after the tickets were given back: those that are bought again take
// of the pool there is, and of the code they were bought with.
func TestALatePaymentTakesOfThePoolOfNow(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := h.draft(func(*Event) {})
	pools := [2]Pool{}
	for i, name := range []string{"Hall", "Yard"} {
		h.in(func(tx *db.Tx) (err error) {
			pools[i], err = h.AddPool(tx, Pool{Event: e.ID, Name: name, Capacity: 20}, nil)
			return err
		})
	}
	c := h.add(e, Category{PriceMinor: 1000, Capacity: 20, Pool: &pools[0].ID, Class: 1})
	e = h.publish(e)
	code := h.code(Code{Event: e.ID, Code: "half", Permille: 500, MaxUses: 5})
	lines, err := h.price(t.Context(), e.ID, []Wanted{{Category: c.ID, Qty: 2}}, []string{"half"})
	if err != nil {
		t.Fatal(err)
	}
	cart, _, err := h.Hold(t.Context(), Purchase{Event: e.ID, Lines: lines, Currency: e.Currency})
	if err != nil {
		t.Fatal(err)
	}
	q := Quote{Cart: cart.ID, Event: e.ID, Currency: e.Currency, Lines: cart.Lines, Expires: cart.ExpiresAt}
	p := h.begun(q)
	h.lateCart(q)
	c.Pool = &pools[1].ID
	if _, err := h.ChangeCategory(t.Context(), c, "ana", nil); !fault.Is(err, fault.Conflict) {
		t.Fatalf("an order may be on its way to the pool: %v", err)
	}
	h.rests(e)
	if _, err := h.ChangeCategory(t.Context(), c, "ana", nil); err != nil {
		t.Fatal(err)
	}
	h.heard(told(p))
	h.settleAll()
	now := h.becomes(p, PaymentSettled, "")
	for name, want := range map[id.ID]int{pools[0].ID: 0, pools[1].ID: 2, code.ID: 2, c.ID: 2} {
		if sold := h.number(`SELECT sold FROM sales.stock WHERE id = $1`, name); sold != want {
			t.Errorf("%d are sold of %s, want %d", sold, name, want)
		}
	}
	if _, err := h.refund(*now.Order, Refunding{}); err != nil {
		t.Error(err)
	}
	h.auditCatalogue()
	h.auditMoney()
}

// again holds what somebody asks for with one key, at the price of the moment.
func (h *house) again(e Event, wanted ...Wanted) Quote {
	h.t.Helper()
	h.shelves.forget(e.ID)
	lines, err := h.price(h.t.Context(), e.ID, wanted, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	c, _, err := h.Hold(h.t.Context(), Purchase{Event: e.ID, Lines: lines, Currency: e.Currency, Key: "one", Asked: []byte("the same")})
	if err != nil {
		h.t.Fatal(err)
	}
	return Quote{Cart: c.ID, Event: e.ID, Currency: e.Currency, Lines: c.Lines, Expires: c.ExpiresAt}
}

func TestWhatWasFreeIsNotFreeLater(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := h.concert(Category{Capacity: 10})
	two := Wanted{Category: e.Categories[0].ID, Qty: 2}
	free := h.again(e, two)
	h.lateCart(free)
	h.in(func(tx *db.Tx) error {
		_, err := h.SetPrice(tx, two.Category, 9900, "not free any more", "ana")
		return err
	})
	if now := h.again(e, two); now.Cart != free.Cart || now.Total() != 19800 {
		t.Fatalf("%+v", now)
	}
	if out, err := h.checkout(free, pay.Stripe); !fault.Is(err, fault.Conflict) {
		t.Errorf("for nothing: %+v, %v", out.Order, err)
	}
}

// A payment that was begun for the hold before is not the way to pay for the present one.
func TestAPaymentOfAnotherPriceIsReplaced(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e, two := stand(h, 10)
	early := h.again(e, two)
	first := h.begun(early)
	h.lateCart(early)
	h.in(func(tx *db.Tx) error { _, err := h.SetPrice(tx, two.Category, 9900, "dearer", "ana"); return err })
	if second := h.begun(h.again(e, two)); second.ID == first.ID || second.AmountMinor != 20000 {
		t.Errorf("%d is asked for", second.AmountMinor)
	}
	h.becomes(first, PaymentExpired, reasonReplaced)
	if err := h.ClosePayment(t.Context(), first.ID); err != nil || !bank.closed[first.Session] {
		t.Errorf("the page at the earlier price can still be paid: %v", err)
	}
}

func TestAQuoteInAnotherCurrencyBuysNothing(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	euros := h.again(e, two)
	h.lateCart(euros)
	now := h.rests(e)
	now.Currency = "JPY"
	now, err := h.ChangeEvent(t.Context(), now, nil)
	if err != nil {
		t.Fatal(err)
	}
	if yen := h.again(h.publish(now), two); yen.Cart != euros.Cart {
		t.Fatal("the key names another cart")
	}
	if out, err := h.checkout(euros, pay.Stripe); !fault.Is(err, fault.Conflict) {
		t.Errorf("yen are paid in euros: %+v, %v", out.Payment, err)
	}
}

func TestALatePaymentGoesBackWhenTheTicketsAreGone(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e, two := stand(h, 2)
	q := h.cart(e, two)
	p := h.begun(q)
	h.lateCart(q)
	if _, err := h.buy(e, nil, two); err != nil {
		t.Fatal(err)
	}
	h.heard(told(p))
	h.settleAll()
	h.settleAll()
	h.becomes(p, PaymentRefunded, reasonLate)
	if bank.refunded() != 5200 || len(bank.refunds) != 1 {
		t.Errorf("%d went back in %d refunds", bank.refunded(), len(bank.refunds))
	}
	h.auditCatalogue()
	h.auditMoney()
}

func TestASecondPaymentOfACartGoesBackAlone(t *testing.T) {
	for name, late := range map[string]bool{"in time": false, "both late": true} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			bank := h.takesMoney()
			e, two := stand(h, 10)
			q := h.cart(e, two)
			first := h.begun(q)
			if _, err := h.checkout(q, pay.Transfer); err != nil {
				t.Fatal(err)
			}
			h.becomes(first, PaymentExpired, reasonReplaced)
			if err := h.ClosePayment(t.Context(), first.ID); err != nil || !bank.closed[first.Session] {
				t.Errorf("the page that was left can still be paid: %v", err)
			}
			second := h.begun(q)
			if late {
				h.lateCart(q)
			}
			h.heard(told(second))
			h.heard(told(first))
			h.settleAll()
			h.settleAll()
			if n := h.number(`SELECT count(*) FROM sales.orders`); n != 1 {
				t.Fatalf("%d orders of one cart", n)
			}
			if n := h.number(`SELECT count(*) FROM sales.payment WHERE state = 'settled'`); n != 1 {
				t.Errorf("%d payments have the order", n)
			}
			if n := h.number(`SELECT count(*) FROM sales.payment WHERE state = 'refunded' AND reason = 'twice'`); n != 1 || bank.refunded() != 5200 {
				t.Errorf("%d payments went back, %d in all", n, bank.refunded())
			}
			if n := h.number(`SELECT count(*) FROM sales.ticket WHERE voided_at IS NULL`); n != 2 {
				t.Errorf("%d tickets are left", n)
			}
			h.auditCatalogue()
			h.auditMoney()
		})
	}
}

func TestLostNoticesAreLookedUp(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e, two := stand(h, 10)
	paid, gone, silent := h.begun(h.cart(e, two)), h.begun(h.cart(e, two)), h.begun(h.cart(e, two))
	h.exec(`UPDATE sales.payment SET look_at = now() - interval '1 minute'`)
	for p, status := range map[id.ID]pay.Status{paid.ID: pay.Paid, gone.ID: pay.Expired} {
		st := bank.sessions["cs_"+p.String()]
		st.Status, st.Charge = status, "pi"
		bank.sessions["cs_"+p.String()] = st
	}
	if err := h.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.settleAll()
	h.becomes(paid, PaymentSettled, "")
	h.becomes(gone, PaymentExpired, "")
	if now := h.becomes(silent, PaymentPending, ""); !now.LookAt.After(h.db.Now()) {
		t.Error("the provider is asked again at once")
	}
	h.auditCatalogue()
}

func TestAnExpiredPaymentGivesItsTicketsBack(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 2)
	q := h.cart(e, two)
	p := h.begun(q)
	q.Expires = h.db.Now().Add(-time.Second) // the cart's own time is over
	h.exec(`UPDATE sales.payment SET quote = $2 WHERE id = $1`, p.ID, h.quotes.sign(q))
	n := told(p)
	n.kind, n.status, n.paid = "expired", "expired", "unpaid"
	h.heard(n)
	if _, err := h.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.buy(e, nil, two); err != nil {
		t.Errorf("the tickets are not back: %v", err)
	}
}

// A payment keeps its cart's tickets for longer than their price is promised. Another one
// must not do so again, and asking for the same cart again promises no more.
func TestTicketsAreNotKeptByOnePaymentAfterAnother(t *testing.T) {
	at := clock.At(time.Now())
	h := houseOn(t, dbtest.New(t, dbtest.WithClock(at)))
	h.takesMoney()
	e, two := stand(h, 10)
	q := h.again(e, two)
	first := h.begun(q)
	if now := h.again(e, two); now.Cart != q.Cart || !now.Expires.Equal(q.Expires) {
		t.Errorf("promised until %v, and when it is asked for again until %v", q.Expires, now.Expires)
	}
	pays := func(email string) (CheckedOut, error) {
		buyer := json.RawMessage(`{"name": "Ana", "email": "` + email + `", "locale": "en"}`)
		return h.Checkout(t.Context(), Checkout{Cart: q.Cart, Quote: h.quotes.sign(q), Method: pay.Stripe, Buyer: buyer, Origin: "https://usher.example"})
	}
	second, err := pays("anna@example.org")
	if err != nil || second.Payment.ID == first.ID {
		t.Fatalf("while the price is promised: %+v, %v", second.Payment, err)
	}
	at.Advance(h.cfg.Hold + time.Minute)
	if same, err := pays("anna@example.org"); err != nil || same.Payment.ID != second.Payment.ID {
		t.Errorf("the payment that was begun in time: %v", err)
	}
	until := h.number(`SELECT extract(epoch FROM expires_at)::int FROM sales.hold`)
	for _, email := range []string{"ana@example.org", "an@example.org"} {
		if _, err := pays(email); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: %v", email, err)
		}
	}
	if _, err := h.checkout(q, pay.Transfer); !fault.Is(err, fault.Conflict) {
		t.Errorf("by transfer: %v", err)
	}
	h.becomes(*second.Payment, PaymentPending, "")
	if now := h.number(`SELECT extract(epoch FROM expires_at)::int FROM sales.hold`); now != until {
		t.Errorf("the tickets are kept for %d seconds more", now-until)
	}
}

// The buyer loses patience with a slow provider and chooses a transfer. When the first
// page comes at last, it is closed, and the tickets wait for the transfer.
func TestAPaymentThatWasReplacedBeforeItsPageCameIsClosed(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e, two := stand(h, 2)
	q := h.cart(e, two)
	bank.slow = func() {
		bank.slow = nil
		if _, err := h.checkout(q, pay.Transfer); err != nil {
			t.Fatal(err)
		}
	}
	first := h.begun(q)
	h.becomes(first, PaymentExpired, reasonReplaced)
	if days := h.number(`SELECT extract(day FROM expires_at - now())::int FROM sales.hold`); days < h.cfg.Payment.Transfer.Days-1 {
		t.Errorf("the tickets of the transfer are kept for %d days", days)
	}
	h.closes(bank, h.payment(first))
}

func TestAnUnreachableProviderIsAskedAgainForTheSamePayment(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e, two := stand(h, 2)
	q := h.cart(e, two)
	bank.fails = fault.E("bank", fault.Transient, "out of reach", nil)
	if _, err := h.checkout(q, pay.Stripe); !fault.Is(err, fault.Transient) {
		t.Fatal(err)
	}
	bank.fails = fault.E("bank", fault.Conflict, "too small", nil)
	if _, err := h.checkout(q, pay.Stripe); !fault.Is(err, fault.Conflict) {
		t.Fatal(err)
	}
	bank.fails = nil
	if p := h.begun(q); p.State != PaymentPending || h.number(`SELECT count(*) FROM sales.payment WHERE state = 'failed'`) != 1 || h.number(`SELECT count(*) FROM sales.payment`) != 2 {
		t.Errorf("%s", p.State)
	}
}

func TestATransferIsWaitedForUntilItComes(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 4)
	q, never := h.cart(e, two), h.cart(e, two)
	out, err := h.checkout(q, pay.Transfer)
	if err != nil || out.Payment.Session != pay.Reference(out.Payment.ID) {
		t.Fatalf("%+v, %v", out.Payment, err)
	}
	lost, err := h.checkout(never, pay.Transfer)
	if err != nil {
		t.Fatal(err)
	}
	receive := func(minor int64) error {
		return h.db.InTx(t.Context(), func(tx *db.Tx) error { _, err := h.Receive(tx, out.Payment.ID, minor); return err })
	}
	if err := receive(5199); !fault.Is(err, fault.Invalid) {
		t.Errorf("too little: %v", err)
	}
	if err := receive(5200); err != nil {
		t.Fatal(err)
	}
	if err := receive(5200); !fault.Is(err, fault.Conflict) {
		t.Errorf("twice: %v", err)
	}
	h.settleAll()
	h.becomes(*out.Payment, PaymentSettled, "")
	h.exec(`UPDATE sales.payment SET look_at = now() - interval '1 hour', until = now() - interval '1 hour' WHERE id = $1`, lost.Payment.ID)
	if err := h.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.becomes(*lost.Payment, PaymentExpired, "")
	h.auditCatalogue()
	h.auditMoney()
}

func TestATransferMustHaveTimeToCome(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := h.draft(func(e *Event) { e.StartsAt = h.db.Now().Add(40 * time.Hour) })
	c := h.add(e, Category{PriceMinor: 100, Capacity: 5})
	e = h.publish(e)
	if _, err := h.checkout(h.cart(e, Wanted{Category: c.ID, Qty: 1}), pay.Transfer); !fault.Is(err, fault.Conflict) {
		t.Errorf("tickets are kept for money that comes after the event: %v", err)
	}
}

func TestAtTheDoorAndForNothingThereIsAnOrderAtOnce(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 4)
	q := h.cart(e, two)
	for range 2 {
		out, err := h.checkout(q, pay.Door)
		if err != nil || out.Payment.State != PaymentDue {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	payment := h.ids(`SELECT id FROM sales.payment`)[0]
	h.in(func(tx *db.Tx) error { _, err := h.Receive(tx, payment, 5200); return err })
	h.becomes(Payment{ID: payment}, PaymentSettled, "")
	free := h.add(e, Category{Capacity: 3})
	q = h.cart(e, Wanted{Category: free.ID, Qty: 1})
	first, err := h.checkout(q, "")
	if err != nil || first.Order == nil || first.Payment != nil {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, err := h.checkout(q, ""); err != nil || again.Order.ID != first.Order.ID {
		t.Errorf("%+v, %v", again, err)
	}
	h.auditCatalogue()
	h.auditMoney()
}

// Once a cart is given back the event may change what money it takes. What a payment of
// before brings goes back as it came, and buys nothing.
func TestMoneyOfAnotherKindBuysNothing(t *testing.T) {
	for name, change := range map[string]func(e *Event){
		"play money, then real": func(e *Event) { e.Sandbox = !e.Sandbox },
		"another currency":      func(e *Event) { e.Currency = "CHF" },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.takesMoney()
			e := h.draft(func(e *Event) { e.Sandbox = true })
			c := h.add(e, Category{PriceMinor: 2500, Capacity: 10})
			e = h.publish(e)
			q := h.cart(e, Wanted{Category: c.ID, Qty: 2})
			p := h.begun(q)
			if err := h.Release(t.Context(), q.Cart, q.Lines); err != nil {
				t.Fatal(err)
			}
			now := h.rests(e)
			change(&now)
			if _, err := h.ChangeEvent(t.Context(), now, nil); err != nil {
				t.Fatal(err)
			}
			h.heard(told(p))
			h.settleAll()
			h.settleAll()
			if p = h.becomes(p, PaymentRefunded, reasonChanged); p.Mode != pay.Sandbox || p.RefundedMinor != 5000 {
				t.Errorf("%d went back in %s", p.RefundedMinor, p.Mode)
			}
			if n := h.number(`SELECT count(*) FROM sales.orders`); n != 0 {
				t.Errorf("%d orders", n)
			}
			if n := h.number(`SELECT count(*) FROM sales.refund WHERE state = 'done'`); n != 1 {
				t.Error("the money is not back")
			}
			h.auditCatalogue()
			h.auditMoney()
		})
	}
}

// An order that was priced before comes after: the event's money is not changed under it.
func TestMoneyChangesOnlyWhenNoOrderIsOnItsWay(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := h.draft(func(*Event) {})
	c := h.add(e, Category{PriceMinor: 2500, Capacity: 10})
	change := func(want fault.Code, why string) {
		t.Helper()
		now, err := h.Event(t.Context(), e.ID)
		if err != nil {
			t.Fatal(err)
		}
		now.Sandbox = !now.Sandbox
		if _, err = h.ChangeEvent(t.Context(), now, nil); fault.CodeOf(err) != want && (err != nil || want != "") || why != "" && !strings.Contains(err.Error(), why) {
			t.Errorf("%v, want %s %s", err, want, why)
		}
	}
	change("", "") // a draft
	e = h.publish(e)
	lines, err := h.price(t.Context(), e.ID, []Wanted{{Category: c.ID, Qty: 1}}, nil) // by a till, for play money
	if err != nil {
		t.Fatal(err)
	}
	change(fault.Conflict, "on sale")
	if _, err := h.SetState(t.Context(), e.ID, EventPaused, nil); err != nil {
		t.Fatal(err)
	}
	change(fault.Conflict, "on its way")
	e = h.publish(e)
	q := h.cart(e, Wanted{Category: c.ID, Qty: 2})
	p := h.begun(q)
	if err := h.Release(t.Context(), q.Cart, q.Lines); err != nil {
		t.Fatal(err)
	}
	e = h.rests(e)
	h.heard(told(p)) // money, and no order yet
	change(fault.Conflict, "just paid")
	o, _, err := h.Order(t.Context(), Purchase{Event: e.ID, Lines: lines, Currency: e.Currency})
	if now, found := h.Event(t.Context(), e.ID); err != nil || found != nil || !now.Sandbox || o.Currency != now.Currency {
		t.Errorf("the order that was on its way: %+v, %v", o, err)
	}
	change(fault.Conflict, "are sold")
	h.settleAll()
	if p = h.becomes(p, PaymentSettled, ""); p.Mode != pay.Sandbox {
		t.Error(p.Mode)
	}
	h.audit()
}

func TestPlayMoneyIsNoRevenueAndTakesNoNumber(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := h.draft(func(e *Event) { e.Sandbox = true })
	c := h.add(e, Category{PriceMinor: 100, Capacity: 5})
	e = h.publish(e)
	p := h.begun(h.cart(e, Wanted{Category: c.ID, Qty: 1}))
	if p.Mode != pay.Sandbox {
		t.Fatal("an event of the sandbox takes real money")
	}
	h.heard(told(p))
	h.settleAll()
	now := h.becomes(p, PaymentSettled, "")
	r, err := h.RevenueOf(t.Context(), e.ID)
	if err != nil || r.PaidMinor != 0 {
		t.Errorf("revenue %+v, %v", r, err)
	}
	found, err := h.InvoicesOf(t.Context(), *now.Order)
	if err != nil || len(found) != 1 || found[0].Series != sandboxSeries {
		t.Errorf("%+v, %v", found, err)
	}
	if n := h.number(`SELECT count(*) FROM sales.invoice_counter WHERE series = 'R'`); n != 0 {
		t.Error("a test took a real number")
	}
}
