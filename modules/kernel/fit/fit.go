// Package fit is the one regression solver of Usher: weighted ridge, and on top of
// it Poisson and logistic regression with priors and offsets.
//
// Forecasts, prices and the choice of vouchers share it. Every coefficient may have
// a prior: a promoter has few past events, so an estimate shrinks to what is known
// of events in general. Deterministic for the same input, whatever the number of
// processors.
package fit

import (
	"fmt"
	"math"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Data is n observations of p features.
type Data struct {
	X      [][]float64 // n rows of p features
	Y      []float64   // n observations
	W      []float64   // n weights, ≥ 0; nil: all 1
	Offset []float64   // n known parts of the linear predictor; nil: 0
}

// Prior is what is known of a coefficient before any data: normal with this mean
// and standard deviation. SD 0 or +Inf: nothing is known.
type Prior struct {
	Mean float64 `json:"mean"`
	SD   float64 `json:"sd"`
}

// precision is 1/SD², 0 when nothing is known.
func (p Prior) precision() float64 {
	if p.SD == 0 || math.IsInf(p.SD, 1) {
		return 0
	}
	return 1 / (p.SD * p.SD)
}

// Priors are those of a whole model. Coef nil: nothing is known of any coefficient.
type Priors struct {
	Intercept Prior
	Coef      []Prior // p of them
}

// Model is a linear predictor: η = Intercept + Σ Coef·x. It is what is stored.
type Model struct {
	Intercept float64   `json:"intercept"`
	Coef      []float64 `json:"coef"`
}

// Eta is the linear predictor at x, which must have as many features as the model.
func (m Model) Eta(x []float64) float64 {
	eta := m.Intercept
	for j, b := range m.Coef {
		eta += b * x[j]
	}
	return eta
}

// Solution is a fitted model with its uncertainty.
type Solution struct {
	Model
	Posterior  *Posterior
	Iterations int  // of reweighting; 1 for a linear fit
	Converged  bool // a further whole step moves no coefficient by more than the tolerance
}

// check refuses what the solver would turn into nonsense. op names the caller.
func (d Data) check(op string, p Priors) error {
	n := len(d.X)
	switch {
	case n != len(d.Y):
		return fault.E(op, fault.Invalid, fmt.Sprintf("%d rows of features but %d observations", n, len(d.Y)), nil)
	case d.W != nil && len(d.W) != n:
		return fault.E(op, fault.Invalid, fmt.Sprintf("%d rows of features but %d weights", n, len(d.W)), nil)
	case d.Offset != nil && len(d.Offset) != n:
		return fault.E(op, fault.Invalid, fmt.Sprintf("%d rows of features but %d offsets", n, len(d.Offset)), nil)
	case n == 0 && len(p.Coef) == 0:
		return fault.E(op, fault.Invalid, "neither rows nor priors: there is nothing to fit", nil)
	}
	width := d.width(p)
	if p.Coef != nil && len(p.Coef) != width {
		return fault.E(op, fault.Invalid, fmt.Sprintf("%d features but %d priors", width, len(p.Coef)), nil)
	}
	for i := range d.X {
		if err := d.checkRow(op, i, width); err != nil {
			return err
		}
	}
	for j, prior := range append([]Prior{p.Intercept}, p.Coef...) {
		if !finite(prior.Mean) || math.IsNaN(prior.SD) || prior.SD < 0 {
			return fault.E(op, fault.Invalid, fmt.Sprintf("prior %d (0 is the intercept's) is %v ± %v: give a number and a deviation ≥ 0", j, prior.Mean, prior.SD), nil)
		}
	}
	if n == 0 && p.Intercept.precision() == 0 {
		return fault.E(op, fault.Invalid, "no rows, and nothing known of the intercept", nil)
	}
	return nil
}

func (d Data) checkRow(op string, i, width int) error {
	if len(d.X[i]) != width {
		return fault.E(op, fault.Invalid, fmt.Sprintf("row %d has %d features, row 0 has %d", i, len(d.X[i]), width), nil)
	}
	for j, x := range d.X[i] {
		if !finite(x) {
			return fault.E(op, fault.Invalid, fmt.Sprintf("feature %d of row %d is %v", j, i, x), nil)
		}
	}
	if !finite(d.Y[i]) || !finite(d.offset(i)) {
		return fault.E(op, fault.Invalid, fmt.Sprintf("row %d has the observation %v and the offset %v", i, d.Y[i], d.offset(i)), nil)
	}
	if w := d.weight(i); !finite(w) || w < 0 {
		return fault.E(op, fault.Invalid, fmt.Sprintf("row %d has the weight %v: weights are ≥ 0", i, w), nil)
	}
	return nil
}

func (d Data) width(p Priors) int {
	if len(d.X) > 0 {
		return len(d.X[0])
	}
	return len(p.Coef)
}

func (d Data) weight(i int) float64 {
	if d.W == nil {
		return 1
	}
	return d.W[i]
}

func (d Data) offset(i int) float64 {
	if d.Offset == nil {
		return 0
	}
	return d.Offset[i]
}

func (p Priors) coef(j int) Prior {
	if p.Coef == nil {
		return Prior{}
	}
	return p.Coef[j]
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
