package sales

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

// rounds of the house: carts whose time is over give back what they hold.
const every = time.Second

// Run ends holds in time and tells the waiting rooms how the tills are doing, until
// ctx ends. Every replica runs it.
func (s *Service) Run(ctx context.Context) error {
	process, tick := id.New(), time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if _, err := s.Expire(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("carts did not give back what they held", "error", err)
		}
		if capacity, crowded := s.till.meter.read(); capacity > 0 || len(crowded) > 0 {
			if err := s.till.store.crowd(ctx, process, capacity, crowded); err != nil && ctx.Err() == nil {
				s.log.Warn("the waiting rooms could not be told", "error", err)
			}
		}
	}
}
