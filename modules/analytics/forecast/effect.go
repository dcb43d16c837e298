package forecast

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"

	"github.com/usherhq/usher/modules/kernel/fit"
)

// Effect is what is believed of the factor u by which an event's bookings differ from
// those its features tell: gamma distributed with mean 1 and variance 1/A, learned
// from the event's own days, the older of which count less.
type Effect struct {
	A        float64 `json:"a"`
	HalfLife float64 `json:"half_life"` // days
	Drift    float64 `json:"drift"`     // variance that u gains in 14 days ahead
}

// posterior is u's gamma distribution after the days: shape A and rate B.
type posterior struct{ A, B float64 }

// mean is the estimate of u.
func (p posterior) mean() float64 { return p.A / p.B }

// update learns u from the bookings y of days with the means mu (u = 1), the last
// being the newest:
//
//	A = a + Σ 2^(−age/HL) W·y/μ,  B = a + Σ 2^(−age/HL) W,  W = uμ/(φ + κuμ)
//
// A half-life of 0 forgets nothing. Source: the gamma-Poisson conjugate pair, with
// each day's information in place of its mean.
func (e Effect) update(v fit.Variance, y, mu []float64) posterior {
	p := posterior{e.A, e.A}
	for range 3 { // W depends on u
		u := p.mean()
		a, b := e.A, e.A
		keep, fade := 1.0, 1.0
		if e.HalfLife > 0 {
			fade = math.Exp2(-1 / e.HalfLife)
		}
		for i, n := range slices.Backward(y) {
			w := keep * v.Weight(u*mu[i])
			a += w * n / mu[i]
			b += w
			keep *= fade
		}
		p = posterior{a, b}
	}
	return p
}

// total is the distribution of the bookings of several days together: negative
// binomial with this mean and variance (> mean).
type total struct{ mean, variance float64 }

// ahead is the distribution of the bookings of the next h days, whose means (u = 1)
// sum up to sum and whose squares to squares.
func (e Effect) ahead(v fit.Variance, p posterior, sum, squares float64, h int) total {
	u := p.mean()
	m := u * sum
	drift := e.Drift * min(1, float64(h)/14)
	return total{m, v.Phi*m + v.Kappa*u*u*squares + m*m*(1/p.A+drift)}
}

// size is the negative binomial's r = m²/(v − m).
func (t total) size() float64 { return t.mean * t.mean / max(t.variance-t.mean, 1e-9*(1+t.mean)) }

// atLeast is P(N ≥ n) = I(n, r; m/(r+m)), the regularised incomplete beta function.
func (t total) atLeast(n int) float64 {
	switch {
	case n <= 0:
		return 1
	case t.mean <= 0:
		return 0
	}
	r := t.size()
	return mathext.RegIncBeta(float64(n), r, t.mean/(r+t.mean))
}

// quantile is the smallest n with P(N ≤ n) ≥ p.
func (t total) quantile(p float64) int {
	low, high := -1, 1
	for 1-t.atLeast(high+1) < p && high < 1<<30 {
		low, high = high, 2*high
	}
	for high-low > 1 {
		if mid := (low + high) / 2; 1-t.atLeast(mid+1) >= p {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}

// logProb is ln P(N = n), or ln P(N ≥ n) when only n were left.
func (t total) logProb(n int, soldOut bool) float64 {
	if soldOut {
		return math.Log(max(t.atLeast(n), 1e-6))
	}
	if t.mean <= 0 {
		return math.Log(1e-6)
	}
	r, k := t.size(), float64(n)
	a, _ := math.Lgamma(k + r)
	b, _ := math.Lgamma(r)
	c, _ := math.Lgamma(k + 1)
	return max(a-b-c+r*math.Log(r/(r+t.mean))+k*math.Log(t.mean/(r+t.mean)), math.Log(1e-6))
}

// sales is the expected number sold when n are left: E[min(N, n)] = Σ_{k=1}^{n} P(N ≥ k).
// Above 64 terms the sum is taken in steps, by the trapezoid rule.
func (t total) sales(n int) float64 {
	step := max(n/64, 1)
	sum := 0.0
	for k := 0; k < n; {
		next := min(k+step, n)
		sum += float64(next-k) * (t.atLeast(k+1) + t.atLeast(next)) / 2
		k = next
	}
	return sum
}
