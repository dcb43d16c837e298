package proximitytest

import (
	"fmt"

	"github.com/usherhq/usher/modules/proximity/choice"
	"github.com/usherhq/usher/modules/proximity/proximitytest/world"
)

// ChoiceFigures say what policies earn of what an oracle would, who knows every true
// probability: at the last of the sends, and on average since the first.
type ChoiceFigures struct {
	Policy  string
	Share   float64 // after all the sends, on 2,000 moments of a fresh sample
	Average float64 // of all sends, learning included
}

// learner makes a policy from a history.
type learner func(history []choice.Record, seed uint64) (choice.Policy, error)

var learners = []learner{
	func([]choice.Record, uint64) (choice.Policy, error) { return choice.Uniform{}, nil },
	func(h []choice.Record, seed uint64) (choice.Policy, error) { return choice.FitPooled(h, seed) },
	func(h []choice.Record, _ uint64) (choice.Policy, error) { return choice.FitLinUCB(h) },
	func(h []choice.Record, seed uint64) (choice.Policy, error) { return choice.FitSegments(h, seed), nil },
}

// Choices lets each policy learn from its own sends in some markets: random, pooled,
// linucb and segments, in this order.
func Choices(markets, sends int) (figures []ChoiceFigures, err error) {
	for _, learn := range learners {
		var f ChoiceFigures
		for seed := range markets {
			one, err := learnIn(uint64(seed), sends, learn)
			if err != nil {
				return nil, err
			}
			f.Policy = one.Policy
			f.Share += one.Share / float64(markets)
			f.Average += one.Average / float64(markets)
		}
		figures = append(figures, f)
	}
	return figures, nil
}

func learnIn(seed uint64, sends int, learn learner) (f ChoiceFigures, err error) {
	m := world.NewMarket(seed)
	var history []choice.Record
	policy, err := learn(nil, 0)
	if err != nil {
		return f, err
	}
	next, got, most := 50, 0.0, 0.0
	for n := range sends {
		if n == next {
			if policy, err = learn(history, uint64(n)); err != nil {
				return f, err
			}
			next += max(50, n/7)
		}
		at := m.Next()
		earned, best := expected(m, at, policy)
		got, most = got+earned, most+best
		r, err := send(m, at, policy)
		if err != nil {
			return f, err
		}
		history = append(history, r)
	}
	f.Average = got / most
	if policy, err = learn(history, uint64(sends)); err != nil {
		return f, err
	}
	got, most = 0, 0
	for range 2000 {
		earned, best := expected(m, m.Next(), policy)
		got, most = got+earned, most+best
	}
	f.Share, f.Policy = got/most, policy.Name()
	return f, nil
}

func contextOf(at world.Moment) choice.Context {
	return choice.Context{
		Zone: string(rune('a' + at.Zone)), Segment: fmt.Sprint("segment ", at.Segment),
		Hour: at.Hour, Queue: at.Queue, Purchases: at.Purchases, Paid: at.Paid,
	}
}

// optionsAt are the market's deals, for a person who may be in holdouts.
func optionsAt(m *world.Market, person int, holdout bool) (options []choice.Option) {
	for k, d := range m.Deals {
		o := choice.Option{Kind: choice.None, Value: d.Value, Depth: d.Depth}
		if k > 0 {
			o.Offer, o.Kind = fmt.Sprint("deal ", k), choice.Percent
			o.Held = holdout && choice.Holdout(fmt.Sprint("person ", person), o.Offer)
		}
		if d.Item {
			o.Kind = choice.Item
		}
		options = append(options, o)
	}
	return options
}

// expected is what the policy earns by the true probabilities, and the most possible.
// The holdout, which costs every policy the same, is left out.
func expected(m *world.Market, at world.Moment, p choice.Policy) (earned, best float64) {
	for a, q := range p.Probabilities(contextOf(at), optionsAt(m, at.Person, false)) {
		v := m.Buys(at, a) * m.Deals[a].Value
		earned += q * v
		best = max(best, v)
	}
	return earned, best
}

// send decides with the holdout, and lets the person buy or not.
func send(m *world.Market, at world.Moment, p choice.Policy) (choice.Record, error) {
	r, err := choice.Decide(p, contextOf(at), optionsAt(m, at.Person, true), m.Chance())
	if err != nil {
		return r, err
	}
	if r.Bought = m.Chance() < m.Buys(at, r.Chosen); r.Bought {
		r.Reward = m.Deals[r.Chosen].Value
	}
	return r, nil
}
