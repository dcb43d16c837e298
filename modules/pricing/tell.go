package pricing

import (
	"context"
	"fmt"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/listing"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// tellFor is how long a message about a price may travel: a phone that wakes up later
// does not hear of a price that may be another by then.
const tellFor = 30 * time.Minute

// tellTemplate is the template that a promoter may write in his own words and
// languages; without one it is the plain alert, in English and German.
const tellTemplate = "price-changed"

// tell tells the followers of an event of a new price, if what it says is still so:
// the price is in force, and tickets can be bought.
func (s *Service) tell(ctx context.Context, decision id.ID) error {
	d, err := s.Decision(ctx, decision)
	if err != nil {
		return err
	}
	e, err := s.shop.Listing(ctx, d.Event)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	now := s.db.Now()
	k := e.Category(d.Category)
	if k == nil || k.PriceMinor != d.NewMinor || k.Free <= 0 || !e.Live || !now.Before(e.SaleEnd) || now.Sub(d.At) > time.Hour {
		return nil
	}
	past, err := s.shop.PricesSince(ctx, k.ID, d.At.AddDate(0, 0, -30))
	if err != nil {
		return err
	}
	err = s.crier.Tell(ctx, d.ID, tellTemplate, FollowTag(e.Slug), tidings(&e, k, d, past), now.Add(tellFor))
	if fault.Is(err, fault.NotFound) {
		return nil // no app: nobody to tell
	}
	return err
}

// FollowTag is the tag of installations whose owner follows an event.
func FollowTag(slug string) string { return "follow:" + slug }

// tidings are the words about a new price. Amounts are what a buyer pays: with the fee.
// With a reduction stands the lowest price of the 30 days before it.
func tidings(e *listing.Event, k *listing.Category, d Decision, past []listing.Price) map[string]any {
	pays := func(minor int64) string { return amount(minor+k.FeeMinor, e.Currency) }
	body := fmt.Sprintf("%s is now %s, it was %s.", k.Title, pays(d.NewMinor), pays(d.OldMinor))
	german := fmt.Sprintf("%s kostet jetzt %s, bisher %s.", k.Title, germanAmount(pays(d.NewMinor)), germanAmount(pays(d.OldMinor)))
	words := map[string]any{"title": e.Title, "url": e.Path, "category": k.Title, "now": pays(d.NewMinor), "before": pays(d.OldMinor), "slug": e.Slug}
	if d.NewMinor < d.OldMinor {
		low := lowestBefore(past, d.At)
		body += " Lowest price of the 30 days before: " + pays(low) + "."
		german += " Niedrigster Preis der 30 Tage davor: " + germanAmount(pays(low)) + "."
		words["lowest"] = pays(low)
	}
	words["body"], words["body_de"] = body, german
	return words
}

// lowestBefore is the lowest price in force within 30 days before a moment.
func lowestBefore(past []listing.Price, at time.Time) int64 {
	m := policy.Moment{Now: at}
	for _, p := range past {
		if p.At.Before(at) {
			m.Past, m.Price = append(m.Past, policy.Price{At: p.At, Minor: p.Minor}), p.Minor
		}
	}
	return policy.Lowest30(m)
}
