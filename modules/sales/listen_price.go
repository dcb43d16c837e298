package sales

import (
	"context"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/stream"
)

// priceListener sets the prices that pricing decided.
func (s *Service) priceListener() stream.Listener {
	return stream.Listener{
		Name: "sales.prices", Types: []string{facts.PriceChanged{}.FactType()}, Handle: s.reprice,
		About: "sets the prices that pricing decided", ReplayNote: "Old prices would come back.",
	}
}

// priceActor is who the price history names for what pricing decided by itself.
const priceActor = "pricing"

// reprice sets the prices that were decided, in the order of the decisions. One that
// was decided about a price that is no longer in force is passed over: somebody has
// set another by hand meanwhile, and what people do comes first.
func (s *Service) reprice(ctx context.Context, tx *db.Tx, batch []stream.Fact) error {
	for _, f := range batch {
		p, err := stream.Decode[facts.PriceChanged](f)
		if err != nil {
			return err
		}
		if err := s.repriceOne(ctx, tx, p); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) repriceOne(ctx context.Context, tx *db.Tx, p facts.PriceChanged) error {
	e, err := s.lockEvent(tx, p.Event)
	if fault.Is(err, fault.NotFound) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	c := e.Category(p.Category)
	if c == nil || c.PriceMinor != p.OldMinor {
		s.log.WarnContext(ctx, "a price decision came too late: the price has changed since", "category", p.Category, "decision", p.Decision)
		return nil
	}
	actor := priceActor
	if p.Approver != "" {
		actor = p.Approver
	}
	_, err = s.SetPrice(tx, p.Category, p.NewMinor, p.Reason, actor)
	s.shelves.forget(p.Event) // buyers meet the new price at the next look, at most snapshotAge later
	return err
}
