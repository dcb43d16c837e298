package analytics

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/id"
)

// What is believed of how many buyers of one event buy for a later one much like it,
// before any have been seen: as if 2 of 20 had.
const (
	priorBoth   = 2.0
	priorBuyers = 20.0

	likeWithin = 400 // days between the two events
)

// fellows is how many of those who bought for an event that is over bought for a later
// one much like it.
type fellows struct{ both, buyers float64 }

// chance is the share to expect: Beta-binomial, with the prior above.
func (f fellows) chance() float64 { return (f.both + priorBoth) / (f.buyers + priorBuyers) }

// fellowBuyers counts, over all pairs of past events as alike as least, who bought for
// the earlier one, and for both. A buyer is who can be recognised in two orders.
func (s *Service) fellowBuyers(ctx context.Context, h *history, least float64) (f fellows, err error) {
	later := h.laterAlike(least)
	bought := map[string]map[id.ID]bool{}
	err = s.shop.EachPurchase(ctx, s.db.Now().AddDate(-yearsOfCustomers, 0, 0), func(customer string, _, event id.ID, _, _ time.Time, _ int64, _, _ bool) error {
		if _, known := later[event]; known {
			if bought[customer] == nil {
				bought[customer] = map[id.ID]bool{}
			}
			bought[customer][event] = true
		}
		return nil
	})
	for _, events := range bought {
		for event := range events {
			for _, other := range later[event] {
				f.buyers++
				if events[other] {
					f.both++
				}
			}
		}
	}
	return f, err
}

// laterAlike are, for each past event, the past ones after it that are as alike as least.
func (h *history) laterAlike(least float64) map[id.ID][]id.ID {
	out := map[id.ID][]id.ID{}
	for _, a := range h.sales {
		if !a.over() || a.Whole.Genre == "" {
			continue
		}
		out[a.ID] = nil
		for _, b := range h.sales {
			apart := b.Whole.Date - a.Whole.Date
			if b.over() && apart > 0 && apart <= likeWithin && forecast.Similarity(a.Whole, b.Whole) >= least {
				out[a.ID] = append(out[a.ID], b.ID)
			}
		}
	}
	return out
}
