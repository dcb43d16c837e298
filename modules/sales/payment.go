package sales

import (
	"context"
	"encoding/json"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/money"
	"github.com/usherhq/usher/modules/sales/pay"
)

// PaymentState is how far a payment is.
//
//	created ─► pending ─► processing ─┬─► paid ─┬─► settled      money for an order
//	    └─────────┴──► failed, expired┤         └─► refunded     money for nothing: too late, or twice
//	                     (money may   ┴─► flagged                not the money that was asked for
//	                      still come)
//	created ─► due ─► settled                                    an order that is paid at the door
//
// Notices come twice, late and in any order: money that came is never forgotten, and
// what says that none came is heeded only as long as that is true.
type PaymentState string

// States of a payment.
const (
	PaymentCreated    PaymentState = "created"    // the provider does not know it yet
	PaymentPending    PaymentState = "pending"    // it can be paid
	PaymentProcessing PaymentState = "processing" // the buyer paid by a slow way
	PaymentFailed     PaymentState = "failed"
	PaymentExpired    PaymentState = "expired" // its time is over, or another way to pay replaced it
	PaymentDue        PaymentState = "due"     // there is an order, and money to be taken at the door
	PaymentPaid       PaymentState = "paid"    // there is money, and no order yet
	PaymentSettled    PaymentState = "settled" // there is an order for it
	PaymentFlagged    PaymentState = "flagged" // a person must look at it
	PaymentRefunded   PaymentState = "refunded"
)

// paymentStates are all of them.
var paymentStates = []PaymentState{PaymentCreated, PaymentPending, PaymentProcessing, PaymentFailed, PaymentExpired, PaymentDue, PaymentPaid, PaymentSettled, PaymentFlagged, PaymentRefunded}

// Reasons of what the house did on its own.
const (
	reasonLate      = "late"       // paid after the tickets were gone
	reasonTwice     = "twice"      // the cart was already sold
	reasonCancelled = "cancelled"  // the event was
	reasonChanged   = "changed"    // the event takes another currency, or real money instead of play money
	reasonReplaced  = "replaced"   // by another way to pay
	reasonGivenBack = "given_back" // the buyer gave the tickets back before he paid
	reasonWrong     = "wrong"      // not the amount that was asked for
)

// Payment is one way in which one cart is paid.
type Payment struct {
	ID            id.ID           `json:"id"`
	Event         id.ID           `json:"event"`
	Cart          id.ID           `json:"cart"`
	Mode          pay.Mode        `json:"mode"`
	Method        pay.Method      `json:"method"`
	State         PaymentState    `json:"state"`
	Reason        string          `json:"reason,omitempty"`
	AmountMinor   int64           `json:"amount_minor"`
	PaidMinor     int64           `json:"paid_minor"`
	RefundedMinor int64           `json:"refunded_minor"`
	Currency      string          `json:"currency"`
	Session       string          `json:"reference,omitempty"`
	Charge        string          `json:"-"`
	Redirect      string          `json:"-"`
	Quote         string          `json:"-"`
	Bill          Bill            `json:"bill"`
	Buyer         json.RawMessage `json:"buyer,omitempty"`
	Person        *id.ID          `json:"person,omitempty"`
	Order         *id.ID          `json:"order,omitempty"`
	Until         *time.Time      `json:"until,omitempty"`
	LookAt        *time.Time      `json:"-"`
	PaidAt        *time.Time      `json:"paid_at,omitempty"`
	CreatedAt     time.Time       `json:"created_at"`
	ChangedAt     time.Time       `json:"changed_at"`
}

func (p *Payment) amount() money.Money {
	return money.Money{Minor: p.AmountMinor, Currency: p.Currency}
}

// open reports whether the buyer is still at it.
func (p *Payment) open() bool {
	return p.waits() || p.State == PaymentProcessing
}

// waits reports whether nobody has paid, and somebody may.
func (p *Payment) waits() bool { return p.State == PaymentCreated || p.State == PaymentPending }

// hopeful reports whether money may come and would be welcome news.
func (p *Payment) hopeful() bool {
	return p.open() || p.State == PaymentFailed || p.State == PaymentExpired
}

// hear moves the payment by what its provider says and reports whether that is news.
func (p *Payment) hear(st pay.State, now time.Time) bool {
	if !p.hopeful() {
		return false
	}
	was := *p
	if st.Session != "" && p.Session == "" {
		p.Session = st.Session
	}
	if st.Redirect != "" {
		p.Redirect = st.Redirect
	}
	switch st.Status {
	case pay.Paid:
		p.receive(st, now)
	case pay.Processing:
		if p.waits() {
			p.State = PaymentProcessing
		}
	case pay.Failed:
		if p.open() {
			p.State, p.LookAt = PaymentFailed, nil
		}
	case pay.Expired:
		if p.waits() {
			p.State, p.LookAt = PaymentExpired, nil
		}
	case pay.Open: // without a session nobody was told where to pay
		if p.State == PaymentCreated && p.Session != "" {
			p.State = PaymentPending
		}
	}
	return p.State != was.State || p.Session != was.Session || p.Redirect != was.Redirect
}

// receive notes money. Another amount or currency is not what was sold: a person decides.
func (p *Payment) receive(st pay.State, now time.Time) {
	p.Charge, p.PaidAt, p.LookAt = st.Charge, &now, nil
	if st.Paid.Currency == p.Currency {
		p.PaidMinor = st.Paid.Minor
	}
	if st.Paid == p.amount() {
		p.State, p.Reason = PaymentPaid, ""
		return
	}
	p.State, p.Reason = PaymentFlagged, reasonWrong+": "+st.Paid.String()+" instead of "+p.amount().String()
}

// processingTime is how long tickets are kept for money that is on its way.
const processingTime = 7 * 24 * time.Hour

// changed does what follows from a payment's new state, in the same transaction.
func (s *Service) changed(tx *db.Tx, p *Payment) error {
	switch p.State {
	case PaymentPaid:
		return tx.Enqueue(settleJob(p.ID))
	case PaymentFlagged:
		s.log.Warn("a payment is not what was asked for", "payment", p.ID, "reason", p.Reason)
	case PaymentProcessing:
		return extendHold(tx, p.Cart, tx.Now().Add(processingTime))
	case PaymentFailed, PaymentExpired:
		return s.letGo(tx, p)
	}
	return nil
}

// letGo keeps the tickets no longer than the cart's own quote said.
func (s *Service) letGo(tx *db.Tx, p *Payment) error {
	q, err := s.quotes.open(p.Quote)
	if err != nil {
		return err
	}
	return extendHold(tx, p.Cart, q.Expires)
}

// hears applies what a provider says about a payment. Errors: fault.NotFound.
func (s *Service) hears(tx *db.Tx, payment id.ID, mode pay.Mode, st pay.State) (Payment, error) {
	if err := lockCartOf(tx, payment); err != nil { // first, as a checkout does
		return Payment{}, err
	}
	p, err := lockPayment(tx, payment)
	if err != nil {
		return p, err
	}
	if p.Mode != mode || p.Session != "" && st.Session != "" && p.Session != st.Session {
		return p, fault.E("sales.Payment", fault.NotFound, "there is no such payment in this mode", nil)
	}
	was := p
	if !p.hear(st, tx.Now()) {
		return p, nil
	}
	if err := updatePayment(tx, p); err != nil {
		return p, err
	}
	switch {
	case p.State != was.State:
		return p, s.changed(tx, &p)
	case p.State == PaymentExpired && p.Session != was.Session: // it was replaced before its provider answered
		return p, tx.Enqueue(closeJob(p.ID))
	}
	return p, nil
}

// Hear takes a provider's notice. One that was heard before, or concerns nothing of
// ours, changes nothing. Errors: fault.NotFound when the method has no notices;
// fault.Unauthenticated and fault.Invalid for one that is not genuine.
func (s *Service) Hear(ctx context.Context, mode pay.Mode, body []byte, signature string) error {
	const op = "sales.Hear"
	by, err := s.pays.Of(mode, pay.Stripe)
	listener, ok := by.(pay.Listener)
	if err != nil || !ok {
		return fault.E(op, fault.NotFound, "nobody listens here", err)
	}
	n, err := listener.Notice(body, signature)
	if err != nil {
		return err
	}
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		fresh, err := noteNotice(tx, mode, n.ID)
		if err != nil || !fresh {
			return err
		}
		if n.Outcome != nil {
			return s.refundHeard(tx, mode, n.Refund, *n.Outcome)
		}
		if n.Reversal != nil {
			return s.reversalHeard(tx, mode, n.Charge, *n.Reversal)
		}
		if n.State == nil {
			return nil
		}
		_, err = s.hears(tx, n.Payment, mode, *n.State)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		s.log.Warn("a provider told of a payment that is none of ours", "mode", mode, "notice", n.ID)
		return nil
	}
	return err
}
