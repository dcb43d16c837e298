package sales

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// GiveBack puts what a cart holds on sale again. Payments that were begun for it end: nobody
// is asked for money for what is kept no more. What is paid all the same is bought again, or
// goes back, as if it came too late. Errors: fault.Conflict when the cart has ended, was
// bought, or its money has come or is on its way.
func (s *Service) GiveBack(ctx context.Context, cart id.ID, lines []Line) error {
	begun, err := s.paymentUnderWay(ctx, cart, true)
	if err != nil {
		return err
	}
	if begun != nil {
		if err := s.db.InTx(ctx, func(tx *db.Tx) error { return s.endPayments(tx, cart) }); err != nil {
			return err
		}
	}
	return s.Release(ctx, cart, lines)
}

// giveBackWithin is how long a cart is kept whose payments have ended, should we be cut short
// before its tickets are on sale again.
const giveBackWithin = time.Minute

// endPayments ends the payments that were begun for a cart.
func (s *Service) endPayments(tx *db.Tx, cart id.ID) error {
	hold, err := lockHold(tx, cart) // first, as a checkout does
	if err == nil && len(hold.lines) == 0 {
		err = cartGone()
	}
	if err != nil {
		return err
	}
	if err := extendHold(tx, cart, tx.Now().Add(giveBackWithin)); err != nil {
		return err
	}
	found, err := lockPaymentsOfCart(tx, cart)
	if err != nil {
		return err
	}
	for i := range found {
		p := &found[i]
		if !p.waits() {
			return fault.E("sales.GiveBack", fault.Conflict, "the cart is paid, or is being paid", nil).WithFix("ask for a refund")
		}
		if err := s.endPayment(tx, p, reasonGivenBack); err != nil {
			return err
		}
	}
	return nil
}
