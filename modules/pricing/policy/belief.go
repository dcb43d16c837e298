// Package policy decides prices: what demand does at another price, which price
// earns most, and whether the promoter's limits let it through. It is pure: values
// in, values out.
//
//	Learn    the days so far → Belief (level and price sensitivity, with doubt)
//	Choose   Belief, forecast, tickets left → Choice (the price that earns most)
//	Guard    Limits, Moment, Choice → Verdict; every price passes through it
package policy

import "math"

// Curve is demand as a function of the price: the forecast at list price times
// exp(A - B·(ratio - 1)), where ratio is price to list price.
type Curve struct {
	A float64 // log of demand to forecast, at list price
	B float64 // how strongly demand falls with the price, > 0
}

// Factor is demand at a price, to the forecast at list price.
func (c Curve) Factor(ratio float64) float64 { return math.Exp(c.A - c.B*(ratio-1)) }

// The prior: what is believed of an event that has sold nothing.
const (
	priorA, priorASD = 0, .35
	priorB, priorBSD = 1.4, .4

	leastB     = .2 // demand falls with the price, whatever few days may say
	dispersion = .2 // variance of a day's sales is m + dispersion·m²
)

// Day is one day of the past, as the learner sees it.
type Day struct {
	Forecast float64 // tickets at list price, ≥ 0
	Ratio    float64 // price to list price, weighted by time when it changed, > 0
	Sold     float64 // tickets, ≥ 0
	Full     bool    // it sold out that day: demand was at least Sold
}

// Belief is the posterior of the curve: a normal distribution.
type Belief struct {
	Mean            Curve
	VarA, Cov, VarB float64
	Days            int // it was learned from
}

// Prior is the belief before the first day.
func Prior() Belief {
	return Belief{Mean: Curve{priorA, priorB}, VarA: priorASD * priorASD, VarB: priorBSD * priorBSD}
}

// Learn is the belief after days: the mode of the posterior by Fisher scoring on the
// negative-binomial quasi-likelihood (a day weighs μ/(1+.2μ)), and the inverse of its
// information (Laplace's approximation). Days without a forecast teach nothing.
// Source: Wedderburn 1974 (quasi-likelihood); Tierney and Kadane 1986 (Laplace).
func Learn(days []Day) Belief {
	b := Prior()
	for _, d := range days {
		if d.usable() {
			b.Days++
		}
	}
	var at information
	for range 30 {
		at = informationOf(days, b.Mean)
		da, db := at.solve()
		da, db = clamp(da, -1, 1), clamp(db, -1, 1)
		if b.Mean.B+db < leastB {
			// On the bound only the level is free.
			db, da = leastB-b.Mean.B, clamp((at.ga-at.hab*(leastB-b.Mean.B))/at.haa, -1, 1)
		}
		b.Mean.A, b.Mean.B = b.Mean.A+da, b.Mean.B+db
		if math.Abs(da)+math.Abs(db) < 1e-9 {
			break
		}
	}
	at = informationOf(days, b.Mean)
	b.VarA, b.Cov, b.VarB = at.inverse()
	return b
}

func (d Day) usable() bool { return d.Forecast > 0 && d.Ratio > 0 && d.Sold >= 0 }

// information is gradient and Fisher information of the log posterior, 2 × 2.
type information struct{ ga, gb, haa, hab, hbb float64 }

func informationOf(days []Day, c Curve) information {
	const pa, pb = 1 / (priorASD * priorASD), 1 / (priorBSD * priorBSD)
	in := information{ga: -pa * (c.A - priorA), gb: -pb * (c.B - priorB), haa: pa, hbb: pb}
	for _, d := range days {
		if !d.usable() {
			continue
		}
		mean, sold := d.Forecast*c.Factor(d.Ratio), d.Sold
		if d.Full {
			sold = max(sold, mean)
		}
		x := -(d.Ratio - 1)
		residual, weight := (sold-mean)/(1+dispersion*mean), mean/(1+dispersion*mean)
		in.ga += residual
		in.gb += residual * x
		in.haa += weight
		in.hab += weight * x
		in.hbb += weight * x * x
	}
	return in
}

func (in information) solve() (da, db float64) {
	va, cov, vb := in.inverse()
	return va*in.ga + cov*in.gb, cov*in.ga + vb*in.gb
}

// inverse exists always: the prior makes the information positive definite.
func (in information) inverse() (va, cov, vb float64) {
	det := in.haa*in.hbb - in.hab*in.hab
	return in.hbb / det, -in.hab / det, in.haa / det
}

// Samples is how many curves stand for a belief.
const Samples = 16

// quartileMiddles are the standard normal's quantiles at 1/8, 3/8, 5/8 and 7/8,
// scaled to variance 1: four equally likely values.
var quartileMiddles = [4]float64{-1.362895, -.377513, .377513, 1.362895}

// Curves are sixteen equally likely curves with the belief's mean and covariance,
// always the same ones, so that a decision can be repeated.
func (b Belief) Curves() (out [Samples]Curve) {
	// Cholesky: [[la, 0], [m, lb]].
	la := math.Sqrt(b.VarA)
	m := b.Cov / la
	lb := math.Sqrt(max(b.VarB-m*m, 0))
	for i, u := range quartileMiddles {
		for j, v := range quartileMiddles {
			out[4*i+j] = Curve{b.Mean.A + la*u, max(b.Mean.B+m*u+lb*v, leastB)}
		}
	}
	return out
}

func clamp(x, low, high float64) float64 { return min(max(x, low), high) }
