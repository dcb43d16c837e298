package sales

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/pay"
)

// TestPaymentsAndRefundsFollowTheirModel plays carts, payments by several ways,
// notices in any order, ends of holds, jobs that are late, and refunds. At each step
// the stock agrees with the tickets; in the end money that came belongs to the one
// order of its cart, or went back.
func TestPaymentsAndRefundsFollowTheirModel(t *testing.T) {
	h := newHouse(t)
	rapid.Check(t, func(r *rapid.T) {
		play := &tillPlay{h: h, bank: h.takesMoney(), received: map[id.ID]int64{}}
		play.e, play.wanted = stand(h, rapid.IntRange(2, 9).Draw(r, "capacity"))
		r.Repeat(map[string]func(*rapid.T){
			"cart": play.cart, "checkout": play.checkout, "transfer": play.transfer, "notice": play.notice, "again": play.again, "late": play.late, "jobs": play.jobs, "refund": play.refund,
			"": play.check,
		})
		play.end(r)
	})
}

// tillPlay is one run: what is left to the model is money, by payment.
type tillPlay struct {
	h        *house
	bank     *bank
	e        Event
	wanted   Wanted
	carts    []Quote
	notices  []notice
	payments []Payment
	received map[id.ID]int64
}

func (p *tillPlay) cart(r *rapid.T) {
	w := p.wanted
	w.Qty = rapid.IntRange(1, 3).Draw(r, "qty")
	lines, err := p.h.price(r.Context(), p.e.ID, []Wanted{w}, nil)
	must(r, err == nil, "price: %v", err)
	c, _, err := p.h.Hold(r.Context(), Purchase{Event: p.e.ID, Lines: lines, Currency: "EUR"})
	must(r, err == nil || fault.Is(err, fault.Conflict), "hold: %v", err)
	if err == nil {
		p.carts = append(p.carts, Quote{Cart: c.ID, Event: p.e.ID, Currency: "EUR", Lines: c.Lines, Expires: c.ExpiresAt})
	}
}

func (p *tillPlay) someCart(r *rapid.T) Quote {
	if len(p.carts) == 0 {
		r.Skip("no carts yet")
	}
	return rapid.SampledFrom(p.carts).Draw(r, "cart")
}

func (p *tillPlay) checkout(r *rapid.T) { p.pay(r, pay.Stripe) }
func (p *tillPlay) transfer(r *rapid.T) { p.pay(r, pay.Transfer) }

func (p *tillPlay) pay(r *rapid.T, m pay.Method) {
	out, err := p.h.checkout(p.someCart(r), m)
	must(r, err == nil || fault.Is(err, fault.Conflict), "checkout: %v", err)
	if err == nil && out.Payment.Method == pay.Stripe {
		p.payments = append(p.payments, *out.Payment)
	}
}

// notice is about any payment, also one that was replaced, and may say anything.
func (p *tillPlay) notice(r *rapid.T) {
	if len(p.payments) == 0 {
		r.Skip("no payments yet")
	}
	of := rapid.SampledFrom(p.payments).Draw(r, "payment")
	n := told(of)
	switch rapid.IntRange(0, 4).Draw(r, "says") {
	case 0:
		n.kind, n.status, n.paid = "expired", "expired", "unpaid"
	case 1:
		n.kind, n.paid = "async_payment_failed", "unpaid"
	case 2:
		n.paid = "unpaid"
	default:
		p.received[of.ID] = n.amount
	}
	p.notices = append(p.notices, n)
	must(r, p.h.hear(n) == nil, "a notice was refused")
}

func (p *tillPlay) again(r *rapid.T) {
	if len(p.notices) == 0 {
		r.Skip("no notices yet")
	}
	must(r, p.h.hear(rapid.SampledFrom(p.notices).Draw(r, "notice")) == nil, "a repeated notice was refused")
}

func (p *tillPlay) late(r *rapid.T) { p.h.lateCart(p.someCart(r)) }
func (p *tillPlay) jobs(*rapid.T)   { p.h.settleAll() }

func (p *tillPlay) refund(r *rapid.T) {
	orders := p.h.ids(`SELECT id FROM sales.orders WHERE event = $1 ORDER BY id`, p.e.ID)
	if len(orders) == 0 {
		r.Skip("no orders yet")
	}
	in := Refunding{Tickets: rapid.SliceOfNDistinct(rapid.IntRange(1, 3), 0, 2, rapid.ID).Draw(r, "tickets")}
	err := p.h.db.InTx(r.Context(), func(tx *db.Tx) error {
		_, err := p.h.RefundOrder(tx, rapid.SampledFrom(orders).Draw(r, "order"), in)
		return err
	})
	must(r, err == nil || fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid), "refund: %v", err)
}

func (p *tillPlay) check(r *rapid.T) {
	p.h.auditCatalogue()
	p.h.auditMoney()
	if p.h.t.Failed() {
		r.Fatal("the books do not agree")
	}
}

// end lets every job run, and asks where the money is.
func (p *tillPlay) end(r *rapid.T) {
	p.h.settleAll()
	p.h.settleAll()
	p.check(r)
	var received, kept int64
	orders := map[id.ID]int{}
	for _, of := range p.payments {
		now := p.h.payment(of)
		must(r, now.PaidMinor == p.received[of.ID], "%d came, %d is noted", p.received[of.ID], now.PaidMinor)
		must(r, now.PaidMinor == 0 || now.State == PaymentSettled || now.State == PaymentRefunded, "there is money, but the payment is %s", now.State)
	}
	for payment, minor := range p.received {
		received += minor
		now := p.h.payment(Payment{ID: payment})
		if kept += now.PaidMinor - now.RefundedMinor; now.State == PaymentSettled {
			orders[now.Cart]++
		}
	}
	for cart, n := range orders {
		must(r, n == 1, "the cart %s was sold %d times", cart, n)
	}
	must(r, received-kept == p.bank.refunded(), "%d of %d is kept, and %d went back", kept, received, p.bank.refunded())
}
