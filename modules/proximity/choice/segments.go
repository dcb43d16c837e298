package choice

import (
	"math"
	"math/rand/v2"
)

// Segments keeps, for each segment and offer, how many bought, draws each rate from its
// Beta posterior and takes the option with the highest rate × value.
//
// Source: W. R. Thompson, On the Likelihood that One Unknown Probability Exceeds Another,
// Biometrika 25 (1933).
type Segments struct {
	Counts map[string]map[string]tally `json:"counts"` // by segment, then offer
	Seed   uint64                      `json:"seed"`
}

type tally struct {
	Bought float64 `json:"b"`
	Sent   float64 `json:"n"`
}

// FitSegments learns from the history. seed makes the draws.
func FitSegments(history []Record, seed uint64) *Segments {
	s := &Segments{Counts: map[string]map[string]tally{}, Seed: seed}
	for _, r := range history {
		arms := s.Counts[r.Context.Segment]
		if arms == nil {
			arms = map[string]tally{}
			s.Counts[r.Context.Segment] = arms
		}
		t := arms[r.option().Offer]
		t.Sent++
		if r.Bought {
			t.Bought++
		}
		arms[r.option().Offer] = t
	}
	return s
}

// Name is "segments".
func (*Segments) Name() string { return "segments" }

// Probabilities are the shares of draws in which each option is best.
func (s *Segments) Probabilities(c Context, options []Option) []float64 {
	random := rand.New(rand.NewPCG(s.Seed, 0x5e9))
	q := make([]float64, len(options))
	values := make([]float64, len(options))
	for range draws {
		for a, o := range options {
			t := s.Counts[c.Segment][o.Offer]
			yes, no := gamma(random, 1+t.Bought), gamma(random, 1+t.Sent-t.Bought)
			values[a] = yes / (yes + no) * o.Value
		}
		q[best(values)] += 1.0 / draws
	}
	return mixed(q)
}

// gamma draws from the gamma distribution of a shape ≥ 1.
// Source: G. Marsaglia and W. W. Tsang, A Simple Method for Generating Gamma Variables, TOMS 26 (2000).
func gamma(r *rand.Rand, shape float64) float64 {
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		z := r.NormFloat64()
		v := 1 + c*z
		v = v * v * v
		if v > 0 && math.Log(1-r.Float64()) < z*z/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}
