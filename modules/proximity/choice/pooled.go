package choice

import (
	"math/rand/v2"
	"slices"

	"github.com/usherhq/usher/modules/kernel/fit"
)

// Pooled is the default policy, a Bayesian logistic regression that all offers share:
//
//	logit P(buy) = base(x) + arm_a + x·δ_a
//
// so that an offer without data behaves as offers of its kind do, and learns from what
// is known of the person from all others. It draws coefficients from its posterior,
// narrowed to 0.3, and takes the option with the highest P × value, none among them.
//
// Source: O. Chapelle and L. Li, An Empirical Evaluation of Thompson Sampling, NIPS 2011;
// the scale and the priors from prediction.md.
type Pooled struct {
	Words vocabulary  `json:"words"`
	Arms  []string    `json:"arms"`  // offers with coefficients of their own
	Draws [][]float64 `json:"draws"` // samples of [intercept, base, (arm, δ) of each arm]
	Mean  []float64   `json:"mean"`
}

const (
	sdBase, sdArm, sdDelta = 1.0, 0.6, 0.35
	scale                  = 0.3
	draws                  = 32
	mostArms               = 12
)

var intercept = fit.Prior{Mean: -1.5, SD: 1.5}

// lift is what is believed of an option before there is data.
func lift(o Option) float64 {
	switch {
	case o.Offer == "":
		return 0
	case o.Kind == Item:
		return 0.25
	case o.Depth < 0.15:
		return 0.3
	}
	return 0.6
}

// FitPooled learns from the history. Without any it knows the priors. seed makes the
// draws. Errors: none that a record can cause.
func FitPooled(history []Record, seed uint64) (*Pooled, error) {
	p := &Pooled{Words: newVocabulary(history), Arms: armsOf(history)}
	width := p.Words.size()
	priors := fit.Priors{Intercept: intercept}
	for range width {
		priors.Coef = append(priors.Coef, fit.Prior{SD: sdBase})
	}
	for range p.Arms { // the arm's lift is an offset until data move it
		priors.Coef = append(priors.Coef, fit.Prior{SD: sdArm})
		for range width {
			priors.Coef = append(priors.Coef, fit.Prior{SD: sdDelta})
		}
	}
	var d fit.Data
	for _, r := range history {
		o := r.option()
		d.X = append(d.X, p.row(r.Context, o.Offer))
		d.Offset = append(d.Offset, lift(o))
		y := 0.0
		if r.Bought {
			y = 1
		}
		d.Y = append(d.Y, y)
	}
	s, err := fit.Logistic(d, priors, fit.Steps{Tolerance: 1e-4, Iterations: 15})
	if err != nil {
		return nil, err
	}
	p.Mean = s.Posterior.Mean
	random := rand.New(rand.NewPCG(seed, 0xca7))
	for range draws {
		z := make([]float64, len(p.Mean))
		for j := range z {
			z[j] = random.NormFloat64()
		}
		theta, err := s.Posterior.Draw(scale, z)
		if err != nil {
			return nil, err
		}
		p.Draws = append(p.Draws, theta)
	}
	return p, nil
}

// armsOf are the offers that were made most.
func armsOf(history []Record) []string {
	count := map[string]int{}
	for _, r := range history {
		count[r.option().Offer]++
	}
	arms := most(count)
	return arms[:min(len(arms), mostArms)]
}

// row is the design of one option.
func (p *Pooled) row(c Context, offer string) []float64 {
	x := p.Words.features(c)
	row := make([]float64, len(x)+len(p.Arms)*(1+len(x)))
	copy(row, x)
	if k := slices.Index(p.Arms, offer); k >= 0 {
		at := len(x) + k*(1+len(x))
		row[at] = 1
		copy(row[at+1:], x)
	}
	return row
}

// buys is P(buy) with the coefficients theta.
func (p *Pooled) buys(theta []float64, x []float64, o Option) float64 {
	eta := theta[0] + lift(o)
	for j, v := range x {
		eta += theta[1+j] * v
	}
	if k := slices.Index(p.Arms, o.Offer); k >= 0 {
		at := 1 + len(x) + k*(1+len(x))
		eta += theta[at]
		for j, v := range x {
			eta += theta[at+1+j] * v
		}
	}
	return fit.Sigmoid(eta)
}

// Name is "pooled".
func (*Pooled) Name() string { return "pooled" }

// Probabilities are the shares of draws in which each option is best.
func (p *Pooled) Probabilities(c Context, options []Option) []float64 {
	x := p.Words.features(c)
	q := make([]float64, len(options))
	values := make([]float64, len(options))
	for _, theta := range p.Draws {
		for a, o := range options {
			values[a] = p.buys(theta, x, o) * o.Value
		}
		q[best(values)] += 1 / float64(len(p.Draws))
	}
	return mixed(q)
}

// Expect is the expected reward of an option, by the most probable coefficients.
func (p *Pooled) Expect(c Context, o Option) float64 {
	return p.buys(p.Mean, p.Words.features(c), o) * o.Value
}
