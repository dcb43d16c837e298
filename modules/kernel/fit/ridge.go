package fit

import (
	"math"

	"github.com/sajari/regression"
	"gonum.org/v1/gonum/mat"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// tiny is added to the diagonal, so that a constant or collinear column gets a
// coefficient near its prior mean instead of nonsense.
const tiny = 1e-9

// Linear fits y = offset + b₀ + Xb by weighted least squares with normal priors:
//
//	minimise Σ wᵢ(yᵢ − offsetᵢ − b₀ − xᵢb)² + Σ (bⱼ − meanⱼ)²/sdⱼ²
//
// Without priors it is WLS; with means of 0 it is ridge with λⱼ = 1/sdⱼ².
// Errors: fault.Invalid for rows of unequal width, NaN, infinities, weights below 0.
// Source: A. E. Hoerl, R. W. Kennard, Ridge Regression, Technometrics 12 (1970).
func Linear(d Data, p Priors) (*Solution, error) {
	if err := d.check("fit.Linear", p); err != nil {
		return nil, err
	}
	y := make([]float64, len(d.Y))
	for i := range y {
		y[i] = d.Y[i] - d.offset(i)
	}
	m, g, err := ridge(d.X, y, d.W, p, d.width(p))
	if err != nil {
		return nil, err
	}
	return &Solution{Model: m, Posterior: g.posterior(m, p), Iterations: 1, Converged: true}, nil
}

// ridge solves the weighted problem of Linear for checked input. The prior means are
// taken out of y first, so the solver shrinks to zero.
func ridge(x [][]float64, y, w []float64, p Priors, width int) (Model, *gram, error) {
	g := newGram(x, y, w, p, width)
	delta, err := g.solve(p)
	if err != nil {
		return Model{}, nil, err
	}
	m := Model{Intercept: g.mean[width] + p.Intercept.Mean, Coef: make([]float64, width)}
	for j := range m.Coef {
		m.Intercept -= delta[j] * g.mean[j]
		m.Coef[j] = delta[j] + p.coef(j).Mean
	}
	return m, g, nil
}

// solve gives the slopes of the centred problem.
//
// sajari/regression does the least squares, but never sees a row of data: it would
// build an n×n matrix, and takes collinear columns without a word. It gets the rows
// of the Cholesky factor R of the Gram matrix (RᵀR = G), and their negatives, so that
// all means are zero and its forced intercept is too. Columns are scaled to length 1.
func (g *gram) solve(p Priors) ([]float64, error) {
	q := g.width + 1
	scale := make([]float64, q)
	for j := range q {
		d := g.at(j, j) + tiny
		if j < g.width {
			d += p.coef(j).precision()
		}
		scale[j] = math.Sqrt(d)
	}
	r, err := g.factor(scale)
	if err != nil {
		return nil, err
	}
	if g.width == 0 {
		return nil, nil
	}
	var reg regression.Regression
	for i := range q {
		row, minus := make([]float64, g.width), make([]float64, g.width)
		for j := range row {
			row[j] = r.At(i, j)
			minus[j] = -row[j]
		}
		reg.Train(regression.DataPoint(r.At(i, g.width), row), regression.DataPoint(-r.At(i, g.width), minus))
	}
	if err := reg.Run(); err != nil {
		return nil, fault.E("fit.solve", fault.Internal, "the regression failed", err)
	}
	slopes := make([]float64, g.width)
	for j := range slopes {
		slopes[j] = reg.Coeff(j+1) * scale[g.width] / scale[j]
		if !finite(slopes[j]) {
			return nil, fault.E("fit.solve", fault.Invalid, "the features are too large to be compared: scale them to about 1", nil)
		}
	}
	return slopes, nil
}

// factor is the upper Cholesky factor of the Gram matrix with columns scaled to
// length 1. Columns that agree to the last bit get a larger diagonal.
func (g *gram) factor(scale []float64) (*mat.TriDense, error) {
	q := g.width + 1
	sym := mat.NewSymDense(q, nil)
	for more := 0.0; more < 1e-3; more = max(more*100, 1e-12) {
		for j := range q {
			for k := j; k < q; k++ {
				sym.SetSym(j, k, g.at(j, k)/scale[j]/scale[k])
			}
			sym.SetSym(j, j, 1+more)
		}
		var chol mat.Cholesky
		if chol.Factorize(sym) {
			r := mat.NewTriDense(q, mat.Upper, nil)
			chol.UTo(r)
			return r, nil
		}
	}
	return nil, fault.E("fit.factor", fault.Invalid, "the features are too large to be compared: scale them to about 1", nil)
}
