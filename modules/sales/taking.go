package sales

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales/pay"
)

// taking is money that somebody at the door of an event took for an order.
type taking struct {
	Event       id.ID      `json:"event"`
	Order       id.ID      `json:"order"`
	AmountMinor int64      `json:"amount_minor" validate:"min=1"` // as it was due
	TakenAt     *time.Time `json:"taken_at,omitempty"`            // of a device that was offline: the money is taken, whatever we answer; else our clock counts
}

// errReceived marks the refusal of money that was received before.
var errReceived = errors.New("received already")

// ReceiveAtDoor notes the money of an order that is paid at the door of this event, and of
// no other: who stands at a door takes money for that and nothing else. Errors:
// fault.NotFound for an order that is not paid there, and those of Receive.
func (s *Service) ReceiveAtDoor(tx *db.Tx, t taking) (Payment, error) {
	const op = "sales.ReceiveAtDoor"
	p, err := lockPaymentOfOrder(tx, t.Order)
	switch {
	case fault.Is(err, fault.NotFound), err == nil && (p.Event != t.Event || p.Method != pay.Door):
		return Payment{}, fault.E(op, fault.NotFound, "this event has no such order that is paid at the door", err)
	case err != nil:
		return p, err
	case p.State == PaymentSettled:
		return p, fault.E(op, fault.Conflict, "the money was received already", errReceived).
			WithFix("let them in, and take nothing; money that was taken twice stands under Paid twice")
	}
	if p.State == PaymentDue && t.AmountMinor != p.AmountMinor {
		return p, fault.BadField(op, "amount_minor", "another amount is due by now", "take "+p.amount().String()+"; give back what was taken besides")
	}
	if p, err = s.receive(tx, p, t.AmountMinor); err != nil {
		return p, err
	}
	return p, insertTaking(tx, t, deviceOf(web.CallerOf(tx.Ctx())), true)
}

// notBooked keeps money in sight that was taken and could not be booked: err says why, and
// stays the answer. Whoever only pressed the button twice took it once.
func (s *Service) notBooked(ctx context.Context, t taking, err error) error {
	if !errors.Is(err, errReceived) && (t.TakenAt == nil || !mended(err)) {
		return err
	}
	return cmp.Or(s.db.InTx(ctx, func(tx *db.Tx) error {
		return insertTaking(tx, t, deviceOf(web.CallerOf(ctx)), false)
	}), err)
}

// Overpaid is an order for which more was taken at the door than was due: only devices that
// were offline, and lists that were old, can do that.
type Overpaid struct {
	Order   id.ID        `json:"order"`
	Takings []DoorTaking `json:"takings"` // the earliest first
}

// DoorTaking is one time that somebody took the money of an order.
type DoorTaking struct {
	Device      string    `json:"device"`
	At          time.Time `json:"at"`
	AmountMinor int64     `json:"amount_minor"`
	Currency    string    `json:"currency"`
	Booked      bool      `json:"booked"` // it paid the order; any other is to be given back
}

// Overpaid lists the orders of an event with money that could not be booked.
func (s *Service) Overpaid(ctx context.Context, event id.ID) ([]Overpaid, error) {
	found, err := s.takingsTooMuch(ctx, event)
	if err != nil {
		return nil, err
	}
	out := make([]Overpaid, 0, len(found))
	for order, takings := range found {
		out = append(out, Overpaid{order, takings})
	}
	slices.SortFunc(out, func(a, b Overpaid) int {
		return cmp.Or(a.Takings[0].At.Compare(b.Takings[0].At), compareIDs(a.Order, b.Order))
	})
	return out, nil
}
