package choice

import (
	"math"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Value is what a policy earns per decision, judged by what another one did.
type Value struct {
	SNIPS     float64 `json:"snips"` // self-normalised inverse propensity score
	DR        float64 `json:"dr"`    // doubly robust: what to trust
	Low       float64 `json:"low"`   // the 95 % interval of DR
	High      float64 `json:"high"`
	Decisions int     `json:"decisions"`
	Effective float64 `json:"effective"` // decisions that the weights are worth (Kish)
}

// mostWeight clips importance weights, which costs a little bias and saves much variance.
const mostWeight = 20.0

// Evaluate judges a policy by a log of at least 50 decisions that it was not fitted to.
// The doubly robust estimate uses a reward model fitted to the other half of the log.
// Errors: fault.Invalid for a log that is too short or without propensities.
//
// Source: M. Dudík, J. Langford and L. Li, Doubly Robust Policy Evaluation and Learning,
// ICML 2011; A. Swaminathan and T. Joachims, The Self-Normalized Estimator for
// Counterfactual Learning, NIPS 2015.
func Evaluate(p Policy, log []Record) (Value, error) {
	scores, v, err := score(p, log)
	if err != nil {
		return Value{}, err
	}
	v.DR, v.Low, v.High = interval(scores)
	return v, nil
}

// Verdict is what Compare finds.
type Verdict struct {
	Gain   float64 `json:"gain"` // of the candidate over the current policy, per decision
	Low    float64 `json:"low"`  // the 95 % interval
	High   float64 `json:"high"`
	Better bool    `json:"better"` // the whole interval is above 0
}

// Compare judges whether a candidate should replace the current policy: the difference of
// their doubly robust scores, decision by decision. Errors: as Evaluate.
func Compare(current, candidate Policy, log []Record) (Verdict, error) {
	now, _, err := score(current, log)
	if err != nil {
		return Verdict{}, err
	}
	then, _, err := score(candidate, log)
	if err != nil {
		return Verdict{}, err
	}
	for i := range then {
		then[i] -= now[i]
	}
	var v Verdict
	v.Gain, v.Low, v.High = interval(then)
	v.Better = v.Low > 0
	return v, nil
}

const leastDecisions = 50

// score is the doubly robust score of each decision.
func score(p Policy, log []Record) (scores []float64, v Value, err error) {
	const op = "choice.Evaluate"
	if len(log) < leastDecisions {
		return nil, v, fault.E(op, fault.Invalid, "a policy is judged by at least 50 decisions", nil)
	}
	var halves [2][]Record
	for i, r := range log {
		if err := r.check(op); err != nil {
			return nil, v, err
		}
		halves[i%2] = append(halves[i%2], r)
	}
	var models [2]*Pooled // each judges the half it has not seen
	for k := range models {
		if models[k], err = FitPooled(halves[1-k], 0); err != nil {
			return nil, v, err
		}
	}
	var weights, squares, rewards float64
	for i, r := range log {
		q := done(p.Probabilities(r.Context, r.Options), r.Options)
		w := min(q[r.Chosen]/r.Propensity, mostWeight)
		s := w * (r.Reward - models[i%2].Expect(r.Context, r.option()))
		for a, o := range r.Options {
			if q[a] > 0 {
				s += q[a] * models[i%2].Expect(r.Context, o)
			}
		}
		scores = append(scores, s)
		weights, squares, rewards = weights+w, squares+w*w, rewards+w*r.Reward
	}
	v.Decisions = len(log)
	if weights > 0 {
		v.SNIPS, v.Effective = rewards/weights, weights*weights/squares
	}
	return scores, v, nil
}

func (r *Record) check(op string) error {
	if r.Chosen < 0 || r.Chosen >= len(r.Options) || !(r.Propensity > 0) || r.Propensity > 1.001 {
		return fault.E(op, fault.Invalid, "a decision in the log has no propensity, or was none of its options", nil)
	}
	return nil
}

// interval is the mean of x with its 95 % interval.
func interval(x []float64) (mean, low, high float64) {
	n := float64(len(x))
	for _, v := range x {
		mean += v / n
	}
	square := 0.0
	for _, v := range x {
		square += (v - mean) * (v - mean)
	}
	half := 1.96 * math.Sqrt(square/(n*(n-1)))
	return mean, mean - half, mean + half
}
