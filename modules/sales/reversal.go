package sales

import (
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/pay"
)

// Reversal is money of a payment that is taken back without us: the buyer disputes it at
// his bank, or somebody refunds it on the provider's own pages. Tickets and books stay as
// they are until a person decides.
type Reversal struct {
	ID          id.ID             `json:"id"`
	Payment     id.ID             `json:"payment"`
	Order       *id.ID            `json:"order,omitempty"` // nil: the money never became one
	Event       id.ID             `json:"event"`
	Kind        pay.ReversalKind  `json:"kind"`
	State       pay.ReversalState `json:"state"`
	AmountMinor int64             `json:"amount_minor"`
	Currency    string            `json:"currency"`
	Reason      string            `json:"reason,omitempty"`    // the provider's word
	AnswerBy    *time.Time        `json:"answer_by,omitempty"` // of an open dispute, at the provider's
	Ref         string            `json:"reference"`           // the provider's name of it
	SeenAt      *time.Time        `json:"seen_at,omitempty"`   // by a person, as it stands now
	CreatedAt   time.Time         `json:"created_at"`
	ToldAt      time.Time         `json:"changed_at"`
}

// reversalHeard notes what a provider says of a reversal. What is not news of the latest
// state changes nothing; what is waits to be seen again. Errors: fault.NotFound.
func (s *Service) reversalHeard(tx *db.Tx, mode pay.Mode, charge string, told pay.Reversal) error {
	payment, err := lockPaymentOfCharge(tx, mode, charge)
	if err != nil {
		return err
	}
	was, err := reversalByRef(tx, payment, told.Ref)
	switch {
	case fault.Is(err, fault.NotFound):
		was = Reversal{ID: id.New(), Payment: payment, Kind: told.Kind, Ref: told.Ref, CreatedAt: tx.Now()}
	case err != nil:
		return err
	case told.At.Before(was.ToldAt), told.At.Equal(was.ToldAt) && was.State != pay.ReversalOpen:
		return nil
	case told.State == was.State: // its time or amount may be another: nothing new to look at
	default:
		was.SeenAt = nil
	}
	was.State, was.AmountMinor, was.Currency, was.Reason, was.AnswerBy, was.ToldAt = told.State, told.Amount.Minor, told.Amount.Currency, told.Reason, told.AnswerBy, told.At
	s.log.Warn("a payment is taken back at its provider", "payment", payment, "kind", was.Kind, "state", was.State)
	return saveReversal(tx, &was)
}

// SeeReversal notes that a person knows of a reversal as it stands. Errors: fault.NotFound.
func (s *Service) SeeReversal(tx *db.Tx, reversal id.ID) (Reversal, error) {
	r, err := reversalByID(tx, reversal)
	if err != nil || !isUnseen(r) {
		return r, err
	}
	now := tx.Now()
	r.SeenAt = &now
	return r, saveReversal(tx, &r)
}

// takes reports whether the money is gone, or may be.
func takes(r Reversal) bool { return r.State != pay.ReversalWon }

// isUnseen reports whether nobody knows of it as it stands.
func isUnseen(r Reversal) bool { return r.SeenAt == nil }

// refundStart is the state in which a refund of a payment begins: of one that was taken back
// at its provider nothing is sent, lest the buyer has it twice. A person decides.
func refundStart(tx *db.Tx, payment id.ID) (RefundState, error) {
	taken, err := takenBack(tx, payment)
	if taken {
		return RefundByHand, err
	}
	return RefundWaiting, err
}
