package sales

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Line is so many tickets of one category at the price they were quoted.
type Line struct {
	Category  id.ID   `json:"category"`
	Qty       int     `json:"qty"`
	UnitMinor int64   `json:"unit_minor"`
	Seats     []id.ID `json:"seats,omitempty"` // the numbered ones, Qty of them; none: general admission
	Also      []Debit `json:"-"`               // further stock it takes: pools, protection levels, the use of a code
}

// Debit is an amount of one stock.
type Debit struct {
	Stock id.ID
	Qty   int
}

// debits are all that the line takes: its category, each seat once, and what else it shares.
func (l *Line) debits(each func(stock id.ID, qty int)) {
	each(l.Category, l.Qty)
	for _, seat := range l.Seats {
		each(seat, 1)
	}
	for _, d := range l.Also {
		each(d.Stock, d.Qty)
	}
}

// Cart is what a buyer has in hand: lines held back until a moment that only the
// database's clock decides.
type Cart struct {
	ID        id.ID         `json:"id"`
	Event     id.ID         `json:"event"`
	Lines     []Line        `json:"lines"`
	Left      time.Duration `json:"-"` // until the hold ends, when it was asked
	ExpiresAt time.Time     `json:"expires_at"`
}

// Order is tickets sold.
type Order struct {
	ID         id.ID           `json:"id"`
	Event      id.ID           `json:"event"`
	Lines      []Line          `json:"lines"`
	Qty        int             `json:"qty"`
	TotalMinor int64           `json:"total_minor"`
	Currency   string          `json:"currency"`
	Buyer      json.RawMessage `json:"buyer,omitempty"`
	Person     string          `json:"person,omitempty"` // of identity, when the buyer was signed in
	CreatedAt  time.Time       `json:"created_at"`
}

// RepeatKey tells a repeated request from a new one, for ever: a hash of who
// asks, where, and the Idempotency-Key; or of the cart an order comes from.
type RepeatKey [16]byte

// NewRepeatKey hashes its parts.
func NewRepeatKey(parts ...string) RepeatKey {
	b := make([]byte, 0, 128)
	for _, p := range parts {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(p))), p...)
	}
	sum := sha256.Sum256(b)
	return RepeatKey(sum[:16])
}

// kind is what is asked of the till.
type kind int

const (
	askOrder   kind = iota // sell at once
	askHold                // keep back for a cart
	askConfirm             // sell what a cart holds
	askRelease             // give back what a cart holds
)

// ask is one request at the till.
type ask struct {
	kind   kind
	order  Order // of an order or a confirmation; its lines are a confirmation's cart
	cart   id.ID
	lines  []Line // sorted by category, each once
	key    RepeatKey
	body   [16]byte      // hash of what was asked
	hold   time.Duration // of a hold
	fresh  bool          // cannot be a repetition: the caller stated no key
	answer chan verdict  // holds one: the till never waits for a buyer who left
	left   atomic.Bool   // the buyer has: nothing is written for him unless it is just being
}

// verdict is the till's answer.
type verdict struct {
	order    Order
	replayed bool
	expires  time.Time
	err      error
}

// sells reports whether the ask ends in an order.
func (a *ask) sells() bool { return a.kind == askOrder || a.kind == askConfirm }

// change is what an ask does to a stock of which it concerns qty.
func (a *ask) change(qty int) (sold, held int) {
	switch a.kind {
	case askOrder:
		return qty, 0
	case askHold:
		return 0, qty
	case askConfirm:
		return qty, -qty
	default:
		return 0, -qty
	}
}

// Faults the till answers with.
func soldOut() error {
	return fault.E("sales.till", fault.Conflict, "there are not enough tickets left", nil).WithFix("ask for fewer, or for another category")
}

func cartGone() error {
	return fault.E("sales.till", fault.Conflict, "the cart has expired", nil).WithFix("choose the tickets again")
}

func keyReused() error {
	return fault.BadField("sales.till", "Idempotency-Key", "was used for another order", "use a new key for each new order")
}

func crowded() error {
	return fault.E("sales.till", fault.Transient, "very many people are buying at this moment", nil).
		WithFix("repeat the request with the same Idempotency-Key").After(time.Second)
}

func noCategory() error {
	return fault.E("sales.till", fault.NotFound, "there is no such category", nil)
}
