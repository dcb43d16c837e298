package choice

import "slices"

// Trial is how the policies would have done in a past experiment, and what its offers brought.
type Trial struct {
	Decisions int         `json:"decisions"`
	Policies  []Tried     `json:"policies"`
	Offers    []TriedLift `json:"offers"`
}

// Tried is a policy that was fitted to every other decision and judged by the rest.
type Tried struct {
	Policy string `json:"policy"`
	Value
	Gain Verdict `json:"gain"` // over choosing at random, by the doubly robust scores
}

// TriedLift is what an offer brought over none.
type TriedLift struct {
	Offer string `json:"offer"`
	Lift
}

// Try fits each policy to one half of a log, decision by decision in turn, and judges it by
// the other. Errors: as Evaluate, for each half.
func Try(log []Record) (Trial, error) {
	var halves [2][]Record
	for i, r := range log {
		halves[i%2] = append(halves[i%2], r)
	}
	t := Trial{Decisions: len(log)}
	pooled, err := FitPooled(halves[0], 1)
	if err != nil {
		return t, err
	}
	bound, err := FitLinUCB(halves[0])
	if err != nil {
		return t, err
	}
	var random []float64
	for _, p := range []Policy{Uniform{}, pooled, bound, FitSegments(halves[0], 1)} {
		scores, v, err := score(p, halves[1])
		if err != nil {
			return t, err
		}
		v.DR, v.Low, v.High = interval(scores)
		if random == nil {
			random = slices.Clone(scores)
		}
		for i := range scores {
			scores[i] -= random[i]
		}
		one := Tried{Policy: p.Name(), Value: v}
		one.Gain.Gain, one.Gain.Low, one.Gain.High = interval(scores)
		one.Gain.Better = one.Gain.Low > 0
		t.Policies = append(t.Policies, one)
	}
	for _, offer := range armsOf(log) {
		if offer != "" {
			t.Offers = append(t.Offers, TriedLift{offer, Uplift(against(log, offer), offer)})
		}
	}
	return t, nil
}

// against is the experiment of one offer: those who got it, and those who got none, as if
// they were its holdout.
func against(log []Record, offer string) (out []Record) {
	for _, r := range log {
		i := slices.IndexFunc(r.Options, func(o Option) bool { return o.Offer == offer })
		switch {
		case i < 0:
		case r.Chosen == i:
			r.Intended = i
			out = append(out, r)
		case r.Chosen == 0:
			r.Options = slices.Clone(r.Options)
			r.Intended, r.Options[i].Held = i, true
			out = append(out, r)
		}
	}
	return out
}
