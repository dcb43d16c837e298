package fit

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Posterior is what the data leave uncertain: normal around the fitted coefficients,
// with the inverse of this precision as covariance (Laplace's approximation). Index 0
// is the intercept, 1 + j is coefficient j.
type Posterior struct {
	Mean      []float64   `json:"mean"`      // p+1
	Precision [][]float64 `json:"precision"` // (p+1)×(p+1), symmetric: the Hessian at the mean
}

// posterior undoes the centring: H = Σ w [1 x]ᵀ[1 x] + diag(1/sd²).
func (g *gram) posterior(m Model, p Priors) *Posterior {
	q := g.width + 1
	out := &Posterior{Mean: append([]float64{m.Intercept}, m.Coef...), Precision: make([][]float64, q)}
	for j := range out.Precision {
		out.Precision[j] = make([]float64, q)
	}
	h := out.Precision
	h[0][0] = g.total
	for j := range g.width {
		h[0][1+j] = g.total * g.mean[j]
		h[1+j][0] = h[0][1+j]
		for k := j; k < g.width; k++ {
			h[1+j][1+k] = g.at(j, k) + g.total*g.mean[j]*g.mean[k]
			h[1+k][1+j] = h[1+j][1+k]
		}
		h[1+j][1+j] += p.coef(j).precision()
	}
	return out
}

// Draw is one sample of the coefficients: Mean + scale·L⁻ᵀz with LLᵀ = Precision.
//
// z are p+1 independent standard normal numbers. scale 1 is the posterior itself; a
// smaller one explores less. Errors: fault.Invalid when z has another length or the
// precision is singular: a column that is constant or repeated, and has no prior.
func (p *Posterior) Draw(scale float64, z []float64) ([]float64, error) {
	if len(z) != len(p.Mean) {
		return nil, fault.E("fit.Draw", fault.Invalid, "one normal number for every coefficient, the intercept included", nil)
	}
	chol, err := p.cholesky()
	if err != nil {
		return nil, err
	}
	var u mat.TriDense
	chol.UTo(&u)
	var by mat.VecDense
	if err := by.SolveVec(&u, mat.NewVecDense(len(z), z)); err != nil {
		return nil, fault.E("fit.Draw", fault.Invalid, "the precision is nearly singular: give every coefficient a prior", err)
	}
	out := make([]float64, len(z))
	for j := range out {
		out[j] = p.Mean[j] + scale*by.AtVec(j)
	}
	return out, nil
}

// SD are the p+1 standard deviations of the coefficients. Errors: as Draw.
func (p *Posterior) SD() ([]float64, error) {
	chol, err := p.cholesky()
	if err != nil {
		return nil, err
	}
	var cov mat.SymDense
	if err := chol.InverseTo(&cov); err != nil {
		return nil, fault.E("fit.SD", fault.Invalid, "the precision is nearly singular: give every coefficient a prior", err)
	}
	sd := make([]float64, len(p.Mean))
	for j := range sd {
		sd[j] = math.Sqrt(cov.At(j, j))
	}
	return sd, nil
}

func (p *Posterior) cholesky() (*mat.Cholesky, error) {
	q := len(p.Mean)
	sym := mat.NewSymDense(q, nil)
	for j := range q {
		for k := j; k < q; k++ {
			sym.SetSym(j, k, p.Precision[j][k])
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(sym) {
		return nil, fault.E("fit.Posterior", fault.Invalid, "the precision is singular: give every coefficient a prior", nil)
	}
	return &chol, nil
}
