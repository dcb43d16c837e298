package sales

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/pay"
	"github.com/usherhq/usher/modules/sales/words"
)

// Checkout is what a buyer says who wants to pay for his cart.
type Checkout struct {
	Cart   id.ID
	Quote  string // of the cart: prices are ours to say
	Method pay.Method
	Buyer  json.RawMessage
	Person string // of identity, when he is signed in
	Origin string // where his browser sees us: https://tickets.example.org
}

// CheckedOut is an order, or how to pay for it.
type CheckedOut struct {
	Order   *Order   // at once: it is free, or paid at the door
	Payment *Payment // nil: it is free
}

// Checkout pays for a cart, or says where to pay; asking again gives the same answer.
// What is free, or paid at the door, is an order at once. Else the cart's tickets are
// kept until it can be paid no more. Another method replaces the one before.
//
// Errors: fault.Invalid, fault.Conflict when the cart has ended or the method is too
// slow for the event, fault.Transient when the provider cannot be reached: ask again.
func (s *Service) Checkout(ctx context.Context, in Checkout) (CheckedOut, error) {
	const op = "sales.Checkout"
	q, err := s.quotes.open(in.Quote)
	if err != nil {
		return CheckedOut{}, err
	}
	if q.Cart != in.Cart {
		return CheckedOut{}, fault.BadField(op, "quote", "is another cart's", "send the cart's own")
	}
	buyer, kept, err := readBuyer(in.Buyer)
	if err != nil {
		return CheckedOut{}, err
	}
	in.Buyer = kept
	e, err := s.snapshot(ctx, q.Event)
	if err != nil {
		return CheckedOut{}, err
	}
	if e.State == EventCancelled {
		return CheckedOut{}, fault.E(op, fault.Conflict, "the event is cancelled", nil)
	}
	if err := q.mayBuy(&e.Event); err != nil {
		return CheckedOut{}, err
	}
	if q.Total() == 0 {
		return s.checkoutFree(ctx, in, q)
	}
	by, err := s.pays.Of(pay.ModeOf(e.Sandbox), in.Method)
	if err != nil {
		return CheckedOut{}, err
	}
	p, err := s.openPayment(ctx, in, q, &e.Event, buyer)
	if err != nil {
		return CheckedOut{}, err
	}
	return s.begin(ctx, by, p, in.Origin, buyer)
}

func (s *Service) checkoutFree(ctx context.Context, in Checkout, q Quote) (CheckedOut, error) {
	holds, err := s.holds(ctx, q.Cart, q.Lines)
	if err == nil && !holds {
		var order *id.ID
		if order, err = s.orderOfCart(ctx, q.Cart); err == nil && order == nil {
			err = cartGone()
		}
	}
	if err != nil {
		return CheckedOut{}, err
	}
	o, _, err := s.Confirm(ctx, q.Cart, Purchase{Event: q.Event, Lines: q.Lines, Currency: q.Currency, Buyer: in.Buyer, Person: in.Person})
	return CheckedOut{Order: &o}, err
}

// openPayment finds the payment that the cart has, or makes one and keeps the tickets for it.
func (s *Service) openPayment(ctx context.Context, in Checkout, q Quote, e *Event, buyer Buyer) (p Payment, err error) {
	p = Payment{ID: id.New(), Event: q.Event, Cart: q.Cart, Mode: pay.ModeOf(e.Sandbox), Method: in.Method, State: PaymentCreated,
		AmountMinor: q.Total(), Currency: q.Currency, Quote: in.Quote, Bill: BillOf(e, q.Lines, buyer.Locale), Buyer: in.Buyer}
	if person, err := id.Parse(in.Person); err == nil {
		p.Person = &person
	}
	until, look, err := s.patience(in.Method, e, q, s.db.Now())
	if err != nil {
		return p, err
	}
	p.Until, p.LookAt = &until, &look
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		hold, err := lockHold(tx, q.Cart) // also lets only one checkout of a cart in
		if err != nil {
			return err
		}
		earlier, err := s.earlierPayment(tx, &p)
		if err != nil {
			return err
		}
		if earlier != nil {
			p = *earlier
			return nil
		}
		// What keeps the tickets for longer is one payment, not one after the other.
		if !hold.same(q.Lines) || !tx.Now().Before(q.Expires) {
			return cartGone()
		}
		if err := insertPayment(tx, p); err != nil {
			return err
		}
		if err = extendHold(tx, q.Cart, latest(q.Expires, until.Add(s.cfg.Payment.Grace))); err != nil || p.Method != pay.Transfer {
			return err
		}
		return s.post(tx, letter{Kind: letterBank, Event: p.Event, Subject: p.ID})
	})
	return p, err
}

// patience says until when a method can be paid, and when to ask its provider first.
func (s *Service) patience(m pay.Method, e *Event, q Quote, now time.Time) (until, look time.Time, err error) {
	switch m {
	case pay.Stripe:
		return now.Add(s.cfg.Payment.Stripe.Session), now.Add(lookAfter), nil
	case pay.Transfer:
		day := 24 * time.Hour
		if until = now.Add(time.Duration(s.cfg.Payment.Transfer.Days) * day); until.After(e.StartsAt.Add(-day)) {
			until = e.StartsAt.Add(-day)
		}
		if until.Before(now.Add(day)) {
			err = fault.E("sales.Checkout", fault.Conflict, "the event is too soon for a bank transfer", nil).WithFix("choose another way to pay")
		}
		return until, until, err
	}
	return q.Expires, q.Expires, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// earlierPayment is the payment that the cart has already, when it is as good as p;
// one that p replaces is closed. nil: there is none.
func (s *Service) earlierPayment(tx *db.Tx, p *Payment) (*Payment, error) {
	found, err := lockPaymentsOfCart(tx, p.Cart)
	if err != nil {
		return nil, err
	}
	for i := range found {
		was := &found[i]
		if !was.waits() || was.Method == p.Method && was.AmountMinor == p.AmountMinor && was.inTime(tx.Now()) && sameJSON(was.Buyer, p.Buyer) {
			return was, nil
		}
		if err := s.endPayment(tx, was, reasonReplaced); err != nil {
			return nil, err
		}
	}
	return nil, nil //nolint:nilnil // none is an answer
}

// inTime reports whether a payment can be paid yet, or begun where its provider has not
// answered, which may want its buyers to have some time.
func (p *Payment) inTime(now time.Time) bool {
	left := p.Until.Sub(now)
	return left > 0 && (p.Session != "" || p.Method != pay.Stripe || left > pay.StripeLeast)
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	first, errX := json.Marshal(x)
	second, errY := json.Marshal(y)
	return errX == nil && errY == nil && bytes.Equal(first, second)
}

// begin asks the provider, with nothing locked meanwhile.
func (s *Service) begin(ctx context.Context, by pay.Provider, p Payment, origin string, buyer Buyer) (CheckedOut, error) {
	if p.State != PaymentCreated {
		return CheckedOut{Payment: &p}, nil
	}
	if p.Method == pay.Door {
		return s.placeDue(ctx, p)
	}
	r := pay.Request{Payment: p.ID, Amount: p.amount(), Email: buyer.Email, Locale: buyer.Locale, Until: *p.Until, Back: origin + "/pay/" + s.PaymentToken(p.ID)}
	t := words.In(buyer.Locale)
	for _, l := range p.Bill.Lines {
		r.Items = append(r.Items, pay.Item{Title: l.named(t), Qty: l.Qty, UnitMinor: l.UnitMinor})
	}
	st, err := by.Begin(ctx, r)
	if err != nil && !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Invalid) {
		return CheckedOut{}, err
	}
	if err != nil { // asking again would not help: this payment has failed
		st = pay.State{Status: pay.Failed}
	}
	heard := s.db.InTx(ctx, func(tx *db.Tx) (err error) {
		p, err = s.hears(tx, p.ID, p.Mode, st)
		return err
	})
	if err == nil {
		err = heard
	}
	return CheckedOut{Payment: &p}, err
}

// placeDue places an order that is paid at the door.
func (s *Service) placeDue(ctx context.Context, p Payment) (CheckedOut, error) {
	o, refused, err := s.sell(ctx, &p, false)
	if err != nil {
		return CheckedOut{}, err
	}
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		if p, err = lockPayment(tx, p.ID); err != nil {
			return err
		}
		// One that was ended while it was sold is due all the same: there is its order.
		if p.State != PaymentCreated && (p.State != PaymentExpired || refused != "") {
			return nil
		}
		if p.LookAt = nil; refused == "" {
			p.State, p.Reason, p.Order = PaymentDue, "", &o.ID
		} else {
			p.State, p.Reason = PaymentFailed, refused
		}
		return updatePayment(tx, p)
	})
	if err == nil && refused != "" {
		err = cartGone()
	}
	return CheckedOut{Order: &o, Payment: &p}, err
}

// PaymentToken is the secret part of the link to a payment.
func (s *Service) PaymentToken(payment id.ID) string { return signedID(s.payKey, payment) }

// PaymentByToken finds a payment by its link. Errors: fault.NotFound.
func (s *Service) PaymentByToken(ctx context.Context, token string) (Payment, error) {
	payment, ok := openID(s.payKey, token)
	if !ok {
		return Payment{}, fault.E("sales.Payment", fault.NotFound, "there is no such payment", fmt.Errorf("the link was not made here"))
	}
	return s.Payment(ctx, payment)
}
