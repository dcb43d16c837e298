package pricing

import (
	"context"
	"fmt"
	"math"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/listing"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// questionAbout gathers what is known about a category under a rule that need not be kept.
func (s *Service) questionAbout(ctx context.Context, r Rule) (question, error) {
	e, _, err := s.categoryOf(ctx, r.Category)
	if err != nil {
		return question{}, err
	}
	sold, err := s.soldByDay(ctx, e.ID)
	if err != nil {
		return question{}, err
	}
	return s.ask(ctx, e, r, sold)
}

// WhatIf is what to expect of a category at its price in force, at prices between its
// limits, and at one more where price is not 0; by price.
// Errors: fault.NotFound, fault.Invalid for a price that is none.
func (s *Service) WhatIf(ctx context.Context, category id.ID, price int64) ([]policy.Outcome, error) {
	if price < 0 || price > maxMinor {
		return nil, fault.BadField("pricing.WhatIf", "price", "is no price", fmt.Sprintf("minor units, 1 to %d", maxMinor))
	}
	r, err := s.RuleOf(ctx, category)
	if err != nil {
		return nil, err
	}
	q, err := s.questionAbout(ctx, r)
	if err != nil {
		return nil, err
	}
	return q.whatIf(price), nil
}

func (q *question) whatIf(price int64) (out []policy.Outcome) {
	const steps = 8
	r := q.rule
	asked := map[int64]bool{q.moment.Price: true}
	if price > 0 {
		asked[price] = true
	}
	for i := range int64(steps + 1) {
		p := r.FloorMinor + (r.CeilingMinor-r.FloorMinor)*i/steps
		p = (p + r.RoundingMinor/2) / r.RoundingMinor * r.RoundingMinor
		if p >= r.FloorMinor && p <= r.CeilingMinor {
			asked[p] = true
		}
	}
	belief, outlook := policy.Learn(q.days), policy.OutlookOf(q.ahead)
	for _, p := range sortedPrices(asked) {
		out = append(out, policy.WhatIf(r.limits(), q.moment, p, q.category.Free, outlook, belief))
	}
	return out
}

// Simulate plays a category's sale under a rule that need not be kept: the last days
// again, if days > 0, and the days to come. Errors: fault.NotFound, fault.Invalid with
// every fault.
func (s *Service) Simulate(ctx context.Context, r Rule, days int) (policy.Simulation, error) {
	if err := r.check(); err != nil {
		return policy.Simulation{}, err
	}
	if days < 0 || days > 365 {
		return policy.Simulation{}, fault.BadField("pricing.Simulate", "days", fmt.Sprintf("is %d", days), "0 to 365 days to play again")
	}
	q, err := s.questionAbout(ctx, r)
	if err != nil {
		return policy.Simulation{}, err
	}
	return q.simulate(days), nil
}

func (q *question) simulate(days int) policy.Simulation {
	c := policy.Course{Limits: q.rule.limits(), Moment: q.moment, Left: q.category.Free, Past: q.days, Ahead: q.ahead}
	if days > 0 {
		return policy.Replay(c, days)
	}
	return policy.Forward(c)
}

// Advice is how many places of a pool to keep for its dearer classes.
type Advice struct {
	Pool      id.ID  `json:"pool"`
	Name      string `json:"name"`
	Left      int    `json:"left"`
	Protected []int  `json:"protected"` // as set now; element i: for the classes 1 … i+1 together
	Advised   []int  `json:"advised"`
}

// Protection advises on the pools of an event, by what is still expected of each class
// at its price in force. Errors: fault.NotFound.
func (s *Service) Protection(ctx context.Context, event id.ID) ([]Advice, error) {
	e, err := s.shop.Listing(ctx, event)
	if err != nil {
		return nil, err
	}
	sold, err := s.soldByDay(ctx, event)
	if err != nil {
		return nil, err
	}
	var out []Advice
	for _, p := range e.Pools {
		var tiers []policy.Tier
		for class := 1; class <= len(p.Protected)+1; class++ {
			t, err := s.tier(ctx, e, p.ID, class, sold)
			if err != nil {
				return nil, err
			}
			tiers = append(tiers, t)
		}
		out = append(out, Advice{Pool: p.ID, Name: p.Name, Left: p.Left, Protected: p.Protected, Advised: policy.Protect(tiers, p.Left)})
	}
	return out, nil
}

// tier is what is still expected of the categories of one class of a pool.
func (s *Service) tier(ctx context.Context, e listing.Event, pool id.ID, class int, sold soldOn) (t policy.Tier, err error) {
	var worth, variance float64
	for i := range e.Categories {
		k := &e.Categories[i]
		if k.Pool != pool || k.Class != class {
			continue
		}
		r, err := s.RuleOf(ctx, k.ID)
		if err != nil {
			return t, err
		}
		q, err := s.ask(ctx, e, r, sold)
		if err != nil {
			return t, err
		}
		mean, sd := policy.DemandAt(r.limits(), k.PriceMinor, policy.OutlookOf(q.ahead), policy.Learn(q.days))
		t.Demand, worth, variance = t.Demand+mean, worth+mean*float64(k.PriceMinor), variance+sd*sd
	}
	t.SD = math.Sqrt(variance)
	if t.Demand > 0 {
		t.Price = int64(worth / t.Demand)
	}
	return t, nil
}

// Line is one category in the overview.
type Line struct {
	Event    listing.Event    `json:"-"`
	Category listing.Category `json:"-"`
	Rule     Rule             `json:"rule"`
	Title    string           `json:"title"`
	Price    int64            `json:"price_minor"`
	Fee      int64            `json:"fee_minor,omitempty"`
	Currency string           `json:"currency"`
	Left     int              `json:"left"`
}

// Overview lists every category of the events on sale with its rule, soonest event first.
func (s *Service) Overview(ctx context.Context) ([]Line, error) {
	events, err := s.shop.Listings(ctx)
	if err != nil {
		return nil, err
	}
	rules, err := s.rulesOf(ctx)
	if err != nil {
		return nil, err
	}
	by := make(map[id.ID]Rule, len(rules))
	for _, r := range rules {
		by[r.Category] = r
	}
	var out []Line
	for _, e := range events {
		for _, k := range e.Categories {
			r, kept := by[k.ID]
			if !kept {
				r = s.cfg.usual(&e, &k, k.PriceMinor)
			}
			out = append(out, Line{Event: e, Category: k, Rule: r, Title: e.Title + ", " + k.Title, Price: k.PriceMinor, Fee: k.FeeMinor, Currency: e.Currency, Left: k.Free})
		}
	}
	return out, nil
}
