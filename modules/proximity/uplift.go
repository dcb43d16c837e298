package proximity

import (
	"context"
	"fmt"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/proximity/choice"
)

// UpliftOf compares those who got an offer with those who would have got it but for the
// holdout. Errors: fault.NotFound.
func (s *Service) UpliftOf(ctx context.Context, offer id.ID) (choice.Lift, error) {
	if _, err := s.Offer(ctx, offer); err != nil {
		return choice.Lift{}, err
	}
	log, err := s.intendedRecords(ctx, offer)
	if err != nil {
		return choice.Lift{}, err
	}
	return choice.Uplift(log, offer.String()), nil
}

// liftWords say what the comparison shows.
func liftWords(l choice.Lift) string {
	if !l.Enough {
		return fmt.Sprintf("Too few people to say: it was given %d times and held back %d times so far.", l.Sent, l.Held)
	}
	s := fmt.Sprintf("%+.1f percentage points more came (95 %% interval %+.1f to %+.1f)", 100*l.Buys, 100*l.BuysLow, 100*l.BuysTop)
	if l.BuysLow <= 0 && l.BuysTop >= 0 {
		s += "; that may be chance"
	}
	return s + "."
}
