package fit

import (
	"fmt"
	"math"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Steps bounds the iterations of a fit by reweighting. Zero fields mean Defaults.
type Steps struct {
	Iterations int     // at most; 50
	Tolerance  float64 // the fit has converged when no coefficient moves more; 1e-9
	MaxStep    float64 // no coefficient moves more at once; 1.5
	EtaMin     float64 // the linear predictor is clipped to [EtaMin, EtaMax]; −12
	EtaMax     float64 // 9 for counts
	Start      *Model  // where to begin; nil: at the prior means
}

// Variance is how counts scatter: Var y = Phi·μ + Kappa·μ². Poisson is 1 and 0.
type Variance struct {
	Phi   float64 `json:"phi"`
	Kappa float64 `json:"kappa"`
}

// PoissonVariance is the variance of Poisson counts.
var PoissonVariance = Variance{Phi: 1}

// At is the variance at the mean mu.
func (v Variance) At(mu float64) float64 { return v.Phi*mu + v.Kappa*mu*mu }

// Weight is the weight of a count with the mean mu on the logarithmic scale: μ/(φ+κμ).
func (v Variance) Weight(mu float64) float64 { return mu / (v.Phi + v.Kappa*mu) }

// Poisson fits counts y ≥ 0 with mean exp(offset + b₀ + xb) and the given variance,
// by iteratively reweighted least squares with priors: weights μ/(φ+κμ), working
// response η − offset + (y−μ)/μ. With PoissonVariance it is Poisson regression, with
// another it is quasi-likelihood.
//
// Errors: fault.Invalid, as Linear, and for counts below 0.
// Source: P. McCullagh, J. A. Nelder, Generalized Linear Models, 2nd ed. (1989), ch. 2, 9.
func Poisson(d Data, p Priors, v Variance, s Steps) (*Solution, error) {
	if !finite(v.Phi) || !finite(v.Kappa) || v.Phi <= 0 || v.Kappa < 0 {
		return nil, fault.E("fit.Poisson", fault.Invalid, fmt.Sprintf("the variance is %v·μ + %v·μ²: the first must be above 0, the second not below", v.Phi, v.Kappa), nil)
	}
	for i, y := range d.Y {
		if y < 0 {
			return nil, fault.E("fit.Poisson", fault.Invalid, fmt.Sprintf("row %d has the count %v: counts are ≥ 0", i, y), nil)
		}
	}
	return irls("fit.Poisson", d, p, s.or(9), func(eta, y float64) (w, z float64) {
		mu := math.Exp(eta)
		return v.Weight(mu), eta + (y-mu)/mu
	})
}

// Logistic fits P(y = 1) = 1/(1 + e^−η), η = offset + b₀ + xb, for y in [0, 1], by
// iteratively reweighted least squares with priors. Perfectly separated rows without
// priors end at the clip of η.
//
// Errors: fault.Invalid, as Linear, and for observations outside [0, 1].
// Source: as Poisson, ch. 4.
func Logistic(d Data, p Priors, s Steps) (*Solution, error) {
	for i, y := range d.Y {
		if y < 0 || y > 1 {
			return nil, fault.E("fit.Logistic", fault.Invalid, fmt.Sprintf("row %d has the observation %v: it lies between 0 and 1", i, y), nil)
		}
	}
	return irls("fit.Logistic", d, p, s.or(12), func(eta, y float64) (w, z float64) {
		mu := Sigmoid(eta)
		w = max(mu*(1-mu), 1e-6)
		return w, eta + (y-mu)/w
	})
}

// Sigmoid is 1/(1 + e^−η).
func Sigmoid(eta float64) float64 { return 1 / (1 + math.Exp(-eta)) }

// irls iterates weighted ridge: at each η, working gives the weight and response of a row.
func irls(op string, d Data, p Priors, s Steps, working func(eta, y float64) (w, z float64)) (*Solution, error) {
	if err := d.check(op, p); err != nil {
		return nil, err
	}
	width := d.width(p)
	if s.Start != nil && len(s.Start.Coef) != width {
		return nil, fault.E(op, fault.Invalid, fmt.Sprintf("%d features but a start of %d", width, len(s.Start.Coef)), nil)
	}
	out := &Solution{Model: s.begin(p, width)}
	w, z := make([]float64, len(d.Y)), make([]float64, len(d.Y))
	var last *gram
	way := newWay(width, s.MaxStep)
	for !out.Converged && out.Iterations < s.Iterations {
		for i, x := range d.X {
			eta := min(max(out.Eta(x)+d.offset(i), s.EtaMin), s.EtaMax)
			w[i], z[i] = working(eta, d.Y[i])
			w[i] *= d.weight(i)
			z[i] -= d.offset(i)
		}
		next, g, err := ridge(d.X, z, w, p, width)
		if err != nil {
			return nil, err
		}
		out.Converged = way.step(&out.Model, next) <= s.Tolerance
		out.Iterations++
		last = g
	}
	out.Posterior = last.posterior(out.Model, p)
	return out, nil
}

// way is how a fit moves. Where counts scatter more than Poisson's the steps may jump to and
// fro over the end for ever: one that goes back by more than half of the last is halved, and
// so are all that follow.
// Source of the halving: I. C. Marschner, "glm2: Fitting generalized linear models with
// convergence problems", The R Journal 3/2 (2011). There the deviance tells when; here the
// direction does, as the priors and the clip have a part in it too.
type way struct {
	most   float64   // no coefficient moves more at once
	share  float64   // of each step that is taken
	steps  []float64 // the last in full, the intercept's first
	length float64   // of its largest move
}

func newWay(width int, most float64) *way {
	return &way{most: most, share: 1, steps: make([]float64, width+1)}
}

// step moves m towards next, and returns the largest move a whole step would have been.
func (w *way) step(m *Model, next Model) float64 {
	at := func(m *Model, j int) *float64 {
		if j == 0 {
			return &m.Intercept
		}
		return &m.Coef[j-1]
	}
	along, length := 0.0, 0.0
	for j, before := range w.steps {
		by := min(max(*at(&next, j)-*at(m, j), -w.most), w.most)
		along, length = along+by*before, max(length, math.Abs(by))
		w.steps[j] = by
	}
	if along < 0 && length > w.length/2 {
		w.share /= 2
	}
	w.length = length
	for j, by := range w.steps {
		*at(m, j) += w.share * by
	}
	return length
}

func (s Steps) begin(p Priors, width int) Model {
	m := Model{Intercept: p.Intercept.Mean, Coef: make([]float64, width)}
	for j := range m.Coef {
		m.Coef[j] = p.coef(j).Mean
	}
	if s.Start != nil {
		m.Intercept = s.Start.Intercept
		copy(m.Coef, s.Start.Coef)
	}
	return m
}

// or puts the defaults in; etaMax is the family's.
func (s Steps) or(etaMax float64) Steps {
	if s.Iterations <= 0 {
		s.Iterations = 50
	}
	if s.Tolerance <= 0 {
		s.Tolerance = 1e-9
	}
	if s.MaxStep <= 0 {
		s.MaxStep = 1.5
	}
	if s.EtaMin == 0 && s.EtaMax == 0 {
		s.EtaMin, s.EtaMax = -12, etaMax
	}
	return s
}
