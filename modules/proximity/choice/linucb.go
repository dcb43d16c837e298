package choice

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// LinUCB regresses the reward of each option on the context, each on its own, and takes
// the one whose upper confidence bound is highest.
//
// Source: L. Li, W. Chu, J. Langford and R. Schapire, A Contextual-Bandit Approach to
// Personalized News Article Recommendation, WWW 2010, algorithm 1.
type LinUCB struct {
	Words vocabulary         `json:"words"`
	Scale float64            `json:"scale"` // of rewards
	Arms  map[string]*linear `json:"arms"`
}

// linear is a ridge regression: coefficients, and the inverse of I + Σxxᵀ.
type linear struct {
	Theta   []float64 `json:"theta"`
	Inverse []float64 `json:"inverse"` // row by row
}

const alpha = 0.5 // width of the bound

// FitLinUCB learns from the history. Errors: none that a record can cause.
func FitLinUCB(history []Record) (*LinUCB, error) {
	l := &LinUCB{Words: newVocabulary(history), Scale: 1, Arms: map[string]*linear{}}
	for _, r := range history {
		l.Scale = max(l.Scale, r.option().Value)
	}
	n := l.Words.size() + 1
	type sums struct {
		a *mat.SymDense
		b *mat.VecDense
	}
	arms := map[string]sums{}
	for _, r := range history {
		offer := r.option().Offer
		s, ok := arms[offer]
		if !ok {
			s = sums{mat.NewSymDense(n, nil), mat.NewVecDense(n, nil)}
			for j := range n {
				s.a.SetSym(j, j, 1)
			}
			arms[offer] = s
		}
		x := mat.NewVecDense(n, l.row(r.Context))
		s.a.SymRankOne(s.a, 1, x)
		s.b.AddScaledVec(s.b, r.Reward/l.Scale, x)
	}
	for offer, s := range arms {
		arm, err := solve(s.a, s.b)
		if err != nil {
			return nil, err
		}
		l.Arms[offer] = arm
	}
	return l, nil
}

// solve is the regression of one arm: the inverse of a, and b multiplied by it.
func solve(a *mat.SymDense, b *mat.VecDense) (*linear, error) {
	var chol mat.Cholesky
	var inverse mat.SymDense
	if !chol.Factorize(a) || chol.InverseTo(&inverse) != nil {
		return nil, fault.E("choice.FitLinUCB", fault.Internal, "a ridge regression has no inverse", nil)
	}
	arm := &linear{}
	for j := range b.Len() {
		t := 0.0
		for k := range b.Len() {
			arm.Inverse = append(arm.Inverse, inverse.At(j, k))
			t += inverse.At(j, k) * b.AtVec(k)
		}
		arm.Theta = append(arm.Theta, t)
	}
	return arm, nil
}

func (l *LinUCB) row(c Context) []float64 { return append([]float64{1}, l.Words.features(c)...) }

// Name is "linucb".
func (*LinUCB) Name() string { return "linucb" }

// Probabilities favour the option with the highest bound.
func (l *LinUCB) Probabilities(c Context, options []Option) []float64 {
	x := l.row(c)
	values := make([]float64, len(options))
	for a, o := range options {
		values[a] = l.bound(x, l.Arms[o.Offer])
	}
	q := make([]float64, len(options))
	q[best(values)] = 1
	return mixed(q)
}

// bound is θᵀx + α·√(xᵀA⁻¹x); of an option never tried A is I.
func (l *LinUCB) bound(x []float64, arm *linear) (value float64) {
	variance := 0.0
	for j := range x {
		if arm == nil {
			variance += x[j] * x[j]
			continue
		}
		value += arm.Theta[j] * x[j]
		for k := range x {
			variance += x[j] * arm.Inverse[j*len(x)+k] * x[k]
		}
	}
	return value + alpha*math.Sqrt(max(variance, 0))
}
