// Package pay takes money in the ways a promoter offers, behind one interface:
// Stripe's pages, a bank transfer with a reference, cash at the door. No number of
// a card ever reaches us.
package pay

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/money"
)

// Mode keeps play money apart from real money: a provider belongs to one of them.
type Mode string

// The modes.
const (
	Live    Mode = "live"
	Sandbox Mode = "sandbox"
)

// ModeOf is the mode in which an event takes money.
func ModeOf(sandbox bool) Mode {
	if sandbox {
		return Sandbox
	}
	return Live
}

// Method is a way to pay.
type Method string

// The methods. What costs nothing is not paid at all.
const (
	Stripe   Method = "stripe"
	Transfer Method = "transfer"
	Door     Method = "door"
)

// Status is what a provider knows about a payment.
type Status string

// The states at a provider.
const (
	Open       Status = "open"       // it can be paid
	Processing Status = "processing" // the buyer did his part, the money is on its way
	Paid       Status = "paid"
	Failed     Status = "failed"
	Expired    Status = "expired" // it can be paid no more, and was not
	Due        Status = "due"     // it is trusted to be paid later
)

// Request asks a provider to take a payment.
type Request struct {
	Payment id.ID // also what makes a repeated request the same one
	Amount  money.Money
	Items   []Item // what the buyer reads; they add up to Amount
	Email   string
	Locale  string    // BCP 47
	Back    string    // where the buyer comes back to, whether he paid or not
	Until   time.Time // from then on it cannot be paid
}

// Item is a line of what is paid.
type Item struct {
	Title     string
	Qty       int
	UnitMinor int64
}

// State is a payment as its provider sees it.
type State struct {
	Status   Status
	Session  string // the provider's name of the payment; what the buyer writes on a transfer
	Charge   string // what a refund names, once it is paid
	Redirect string // where the buyer pays; "": nowhere
	Paid     money.Money
}

// Refund gives money back.
type Refund struct {
	ID      id.ID
	Attempt int // raised when a person tries again after a failure
	Charge  string
	Amount  money.Money
}

// RefundStatus is how far a refund is.
type RefundStatus string

// The states of a refund.
const (
	RefundSent   RefundStatus = "sent" // the provider works on it
	RefundDone   RefundStatus = "done"
	RefundFailed RefundStatus = "failed"
	RefundByHand RefundStatus = "by_hand" // a person must send the money
)

// Refunded is what became of a refund.
type Refunded struct {
	Status RefundStatus
	Ref    string // the provider's name of it
	Reason string // of a failure, in words for the promoter
}

// Provider takes money in one way and one mode. Every call may be repeated: the same
// payment or refund is never made twice. Errors: fault.Transient when repeating may
// help; fault.Invalid and fault.Conflict when the provider refuses.
type Provider interface {
	Begin(ctx context.Context, r Request) (State, error)
	// Look asks how a payment stands, for when its notice was lost.
	Look(ctx context.Context, session string) (State, error)
	// Close makes an open payment one that cannot be paid.
	Close(ctx context.Context, session string) error
	Refund(ctx context.Context, r Refund) (Refunded, error)
}

// Notice is what a provider tells on its own.
type Notice struct {
	ID       string // the provider's, unique: a notice that comes again changes nothing
	Payment  id.ID  // with State
	State    *State
	Refund   id.ID // with Refunded
	Outcome  *Refunded
	Charge   string // with Reversal: State.Charge of the payment
	Reversal *Reversal
}

// Reversal is money that had come and is taken back without us.
type Reversal struct {
	Kind     ReversalKind
	Ref      string // the provider's name of it
	State    ReversalState
	Amount   money.Money
	Reason   string     // the provider's word
	AnswerBy *time.Time // until when an open dispute can be answered
	At       time.Time  // when the provider said so: notices come in any order
}

// ReversalKind is who takes money back.
type ReversalKind string

// The kinds of reversals.
const (
	Dispute   ReversalKind = "dispute" // the buyer, at his bank
	Elsewhere ReversalKind = "refund"  // somebody, on the provider's own pages
)

// ReversalState is how far it is.
type ReversalState string

// The states of a reversal.
const (
	ReversalOpen ReversalState = "open" // undecided
	ReversalWon  ReversalState = "won"  // the money stays
	ReversalLost ReversalState = "lost" // it is gone
)

// Listener reads the notices of a provider. Errors: fault.Unauthenticated when the
// provider did not sign it just now, fault.Invalid when it is of the other mode.
type Listener interface {
	Notice(body []byte, signature string) (Notice, error)
}

// NotOffered says that nobody can pay in this way.
func NotOffered(m Method) error {
	return fault.BadField("pay.Method", "method", "is not offered: "+string(m), "choose another way to pay")
}
