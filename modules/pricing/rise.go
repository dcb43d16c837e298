package pricing

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/listing"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// Rise is how likely a category's price goes up soon, as seen at a moment.
type Rise struct {
	Category   id.ID
	Event      id.ID
	PriceMinor int64
	Chance     float64 // 0: nothing is said of it
	Until      time.Time
	At         time.Time
}

const (
	riseDays  = 3                // ahead
	riseEvery = time.Hour        // it is looked at again
	riseGood  = 2 * time.Hour    // what was said is true for so long, unless it is taken back
	riseNews  = .05              // a chance that has moved by less is no news
	riseStale = 45 * time.Minute // after which it is said again all the same
)

// riseTemplate is the template for what followers are told; without one it is the plain
// alert.
const riseTemplate = "price-likely-to-rise"

// chanceOf is how likely the price of a category goes up by itself within riseDays; 0
// where prices do not move by themselves, where nothing can be bought, and where less
// than Config.RiseShown would be said. Errors: fault.NotFound, fault.Transient.
func (s *Service) chanceOf(ctx context.Context, e *listing.Event, r Rule, sold soldOn) (Rise, error) {
	now := s.db.Now()
	out := Rise{Category: r.Category, Event: e.ID, Until: now.AddDate(0, 0, riseDays), At: now}
	k := e.Category(r.Category)
	if k == nil {
		return out, nil
	}
	out.PriceMinor = k.PriceMinor
	if r.Mode != policy.Auto || r.Concession || k.Free <= 0 || !e.Live || now.Before(e.SaleFrom) || !now.Before(e.SaleEnd) {
		return out, nil
	}
	if stop, err := s.isStopped(ctx, e.ID); err != nil || stop {
		return out, err
	}
	q, err := s.ask(ctx, *e, r, sold)
	if err != nil {
		return out, err
	}
	p := policy.Rise(policy.Course{Limits: r.limits(), Moment: q.moment, Left: k.Free, Past: q.days, Ahead: q.ahead}, riseDays)
	if p >= s.cfg.RiseShown {
		out.Chance = min(p, .99) // chance may fall otherwise yet
	}
	return out, nil
}

// Foretell looks at how likely each price of an event goes up, says so where that is
// news, and takes back what is no longer so. Errors: fault.NotFound, fault.Transient.
func (s *Service) Foretell(ctx context.Context, event id.ID) error {
	e, err := s.shop.Listing(ctx, event)
	if err != nil {
		return err
	}
	rules, err := s.rulesOf(ctx, event)
	if err != nil {
		return err
	}
	sold, err := s.soldByDay(ctx, event)
	if err != nil {
		return err
	}
	for _, r := range rules {
		seen, err := s.chanceOf(ctx, &e, r, sold)
		if err != nil {
			return err
		}
		if err := s.db.InTx(ctx, func(tx *db.Tx) error { return s.say(tx, r, seen) }); err != nil {
			return err
		}
	}
	return nil
}

// say announces what was seen, if it is news, and asks for followers to be told. A rule or a
// kill switch that was changed meanwhile has taken it back, and it stays so.
func (s *Service) say(tx *db.Tx, r Rule, seen Rise) error {
	if stop, err := stopped(tx, seen.Event); err != nil || stop {
		return err
	}
	held, err := lockRule(tx, r.Category)
	if err != nil || held.Version != r.Version {
		return err
	}
	said, err := lastRise(tx, seen.Category)
	if err != nil || !seen.news(said) {
		return err
	}
	if err := announceRise(tx, seen); err != nil {
		return err
	}
	if !s.cfg.Followers || seen.Chance < s.cfg.RiseTold {
		return nil
	}
	return tx.Enqueue(tellRiseJob(seen.Category, tx.Now().Add(s.cfg.TellAfter)))
}

// news reports whether what is seen differs from what was said.
func (r Rise) news(said Rise) bool {
	switch {
	case r.Chance == 0 || said.Chance == 0:
		return r.Chance != said.Chance
	case r.PriceMinor != said.PriceMinor, math.Abs(r.Chance-said.Chance) >= riseNews:
		return true
	}
	return r.At.Sub(said.At) >= riseStale
}

// announceRise keeps and announces what is said of a price.
func announceRise(tx *db.Tx, r Rise) error {
	if err := keepRise(tx, r); err != nil {
		return err
	}
	return tx.Emit(facts.PriceRiseForeseen{Event: r.Event, Category: r.Category, PriceMinor: r.PriceMinor, Chance: r.Chance, Until: r.Until, GoodUntil: r.At.Add(riseGood), At: r.At})
}

// takeBack says no more of prices of an event, of one category where it is not id.Nil, or
// with id.Nil of all events: what was said of them rests on rules that have changed.
func takeBack(tx *db.Tx, event, category id.ID) error {
	list, err := lockRises(tx, event, category)
	if err != nil {
		return err
	}
	for _, r := range list {
		r.Chance, r.At = 0, tx.Now()
		if err := announceRise(tx, r); err != nil {
			return err
		}
	}
	return nil
}

// tellRise tells the followers of an event that a price is likely to go up, if that is
// so at this moment: it is worked out anew.
func (s *Service) tellRise(ctx context.Context, category id.ID) error {
	e, k, err := s.categoryOf(ctx, category)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	r, err := s.RuleOf(ctx, category)
	if err != nil {
		return err
	}
	sold, err := s.soldByDay(ctx, e.ID)
	if err != nil {
		return err
	}
	seen, err := s.chanceOf(ctx, &e, r, sold)
	if err != nil || seen.Chance < s.cfg.RiseTold {
		return err
	}
	once := occasion(e.ID.String(), "rise "+weekOf(s.db.Now()))
	err = s.crier.Tell(ctx, once, riseTemplate, FollowTag(e.Slug), riseWords(&e, k, seen), s.db.Now().Add(tellFor))
	if fault.Is(err, fault.NotFound) {
		return nil // no app: nobody to tell
	}
	return err
}

// weekOf names a week: followers of an event hear of a rise once in each.
func weekOf(t time.Time) string {
	year, week := t.ISOWeek()
	return fmt.Sprintf("%d-%d", year, week)
}

// riseWords are the words about a price that is likely to go up; amounts are with the fee.
func riseWords(e *listing.Event, k *listing.Category, r Rise) map[string]any {
	now := amount(k.PriceMinor+k.FeeMinor, e.Currency)
	chance := fmt.Sprintf("%.0f %%", 100*r.Chance)
	return map[string]any{
		"title": e.Title, "url": e.Path, "slug": e.Slug, "category": k.Title, "now": now, "chance": chance, "days": riseDays,
		"body":    fmt.Sprintf("%s is %s now, and will probably cost more within %d days: the chance is about %s.", k.Title, now, riseDays, chance),
		"body_de": fmt.Sprintf("%s kostet jetzt %s und wird binnen %d Tagen wahrscheinlich teurer: Die Chance dafür ist etwa %s.", k.Title, germanAmount(now), riseDays, chance),
	}
}

// germanAmount writes an amount as it is written in German: "12,50 EUR".
func germanAmount(amount string) string { return strings.Replace(amount, ".", ",", 1) }
