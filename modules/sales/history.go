package sales

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

// What a neighbour may read of sales: the past and the present of every category, in
// the same form whether we sell it or another shop does. A neighbour declares the
// part it needs as an interface of its own; each function visits its rows in order
// and ends with each's first error. Errors: fault.Transient, and each's.

// EachEvent visits events that are not drafts and start after a moment, by their start.
// saleFrom is zero where the sale began when the event was published.
func (s *Service) EachEvent(ctx context.Context, after time.Time, each func(event id.ID, slug, currency, zone string, saleFrom, saleUntil, startsAt time.Time) error) error {
	return s.eachEvent(ctx, after, each)
}

// EachShopName visits the events that another shop sells, with what that shop calls them
// in the facts that it tells.
func (s *Service) EachShopName(ctx context.Context, each func(event id.ID, shop string) error) error {
	return s.eachShopName(ctx, each)
}

// EachCategory visits the categories of an event with how much there is of each and
// what a ticket costs now, without the fee, in minor units.
func (s *Service) EachCategory(ctx context.Context, event id.ID, each func(category id.ID, name string, capacity, sold, held int, priceMinor int64) error) error {
	return s.eachCategory(ctx, event, each)
}

// SoldByDay visits the days on which tickets of an event were sold or came back, by
// category and day: midnight UTC of the date on the venue's clock. grossMinor is what
// was sold on the day, at the prices of then, less what came back.
func (s *Service) SoldByDay(ctx context.Context, event id.ID, each func(category id.ID, day time.Time, sold, returned int, grossMinor int64) error) error {
	return s.soldByDay(ctx, event, each)
}

// EachPrice visits what a category has cost, without the fee, the oldest first.
func (s *Service) EachPrice(ctx context.Context, category id.ID, each func(since time.Time, priceMinor int64, reason string) error) error {
	return s.eachPrice(ctx, category, each)
}

// EachPurchase visits the orders since a moment that were not cancelled, the oldest
// first, with who bought: customer tells buyers apart, a person's id, or a hash of the
// e-mail address of who did not sign in (person is then id.Nil); orders of nobody known
// are left out. weekend is an event on a Friday or Saturday of the venue's clock, and
// discounted that a ticket cost less than its price within the hour before, as with a code.
func (s *Service) EachPurchase(ctx context.Context, since time.Time, each func(customer string, person, event id.ID, at, startsAt time.Time, totalMinor int64, weekend, discounted bool) error) error {
	return s.eachPurchase(ctx, since, each)
}
