package forecast

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/fit"
)

// pmf is the negative binomial's, by its recursion.
func pmf(t total, upTo int) []float64 {
	r := t.size()
	q := t.mean / (r + t.mean)
	p := []float64{math.Pow(1-q, r)}
	for k := 1; k <= upTo; k++ {
		p = append(p, p[k-1]*q*(r+float64(k)-1)/float64(k))
	}
	return p
}

func TestTotalIsNegativeBinomial(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mean := rapid.Float64Range(.1, 60).Draw(t, "mean")
		d := total{mean, mean * rapid.Float64Range(1.05, 12).Draw(t, "dispersion")}
		n := rapid.IntRange(0, 150).Draw(t, "n")
		below, sales := 0.0, 0.0
		for k, p := range pmf(d, n) {
			if k < n {
				below += p
				sales += p * float64(k)
			} else if math.Abs(math.Max(math.Log(p), math.Log(1e-6))-d.logProb(n, false)) > 1e-6 {
				t.Fatalf("ln P(N = %d) = %v, want %v", n, d.logProb(n, false), math.Log(p))
			}
		}
		if math.Abs(d.atLeast(n)-(1-below)) > 1e-9 {
			t.Fatalf("P(N ≥ %d) = %v, want %v", n, d.atLeast(n), 1-below)
		}
		if want := sales + float64(n)*(1-below); math.Abs(d.sales(n)-want) > .02*max(want, 1) {
			t.Fatalf("E min(N, %d) = %v, want %v", n, d.sales(n), want)
		}
		p := rapid.Float64Range(.01, .99).Draw(t, "p")
		if q := d.quantile(p); 1-d.atLeast(q+1) < p || q > 0 && 1-d.atLeast(q) >= p {
			t.Fatalf("the %v quantile is %d", p, q)
		}
	})
}

func TestTheEffectIsLearnedFromTheEventsDays(t *testing.T) {
	v := fit.Variance{Phi: 2, Kappa: .1}
	mu, twice := make([]float64, 200), make([]float64, 200)
	for i := range mu {
		mu[i], twice[i] = 5, 10
	}
	if u := (Effect{A: 3}).update(v, twice, mu).mean(); math.Abs(u-2) > .06 {
		t.Errorf("bookings are twice the mean, u = %v", u)
	}
	if u := (Effect{A: 3}).update(v, nil, nil); u.mean() != 1 || u.A != 3 {
		t.Errorf("without days u = %v, A = %v", u.mean(), u.A)
	}
	late := append(append([]float64{}, mu[:100]...), twice[:100]...) // doubled in the second half
	if a, b := (Effect{A: 3, HalfLife: 10}).update(v, late, mu).mean(), (Effect{A: 3}).update(v, late, mu).mean(); a < 1.8 || b > 1.6 {
		t.Errorf("what was last counts most: %v with a half-life, %v without", a, b)
	}
}

func TestFarAheadIsLessSure(t *testing.T) {
	e, v := Effect{A: 3, Drift: .2}, fit.PoissonVariance
	p := posterior{3, 3}
	near, far, farther := e.ahead(v, p, 50, 500, 1), e.ahead(v, p, 50, 500, 14), e.ahead(v, p, 50, 500, 60)
	if !(near.variance < far.variance) || far.variance != farther.variance {
		t.Errorf("variances %v, %v, %v", near.variance, far.variance, farther.variance)
	}
}

// Without an effect of events, the fit is quasi-likelihood on independent days.
func TestWithoutEffectsTheFitIsPoissonRegression(t *testing.T) {
	tr := newTraining(market(12), nil)
	m := tr.model
	m.Effect.A = 1e9
	for range 60 {
		if _, err := m.step(tr.all); err != nil {
			t.Fatal(err)
		}
	}
	var d fit.Data
	for _, r := range tr.all {
		r.means(m)
		for i := range r.x {
			y := r.y[i]
			if r.soldOut && i == len(r.x)-1 {
				y = max(y, r.mu[i])
			}
			d.X, d.Y, d.Offset = append(d.X, r.x[i]), append(d.Y, y), append(d.Offset, r.logC)
		}
	}
	s, err := fit.Poisson(d, fit.Priors{Intercept: fit.Prior{SD: 1e-5}, Coef: m.Priors}, m.Variance, fit.Steps{Iterations: 200})
	if err != nil {
		t.Fatal(err)
	}
	for j := range m.Coef {
		if math.Abs(m.Coef[j]-s.Coef[j]) > 1e-3 {
			t.Errorf("%s: %v, want %v", m.Names[j], m.Coef[j], s.Coef[j])
		}
	}
}

// market is events of two genres that sell out now and then.
func market(n int) (out []*Event) {
	for i := range n {
		e := &Event{ID: string(rune('a' + i)), OnSale: Day(19_000 + 5*i), Date: Day(19_030 + 5*i), Capacity: 80 + 10*(i%5), Genre: []string{"rock", "folk"}[i%2]}
		left := e.Capacity
		for k := range 31 {
			y := min((k*k*7+i*13)%7+(i%3), left)
			left -= y
			e.Sold = append(e.Sold, y)
		}
		out = append(out, e)
	}
	return out
}
