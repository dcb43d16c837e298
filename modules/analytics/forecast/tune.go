package forecast

import (
	"math"
	"slices"
)

// priorEffect is what to believe of events' effects before n of them have been seen:
// a₀ = 4·.4^f, drift 0.06·3.5^f, f = 6/(6+n). The fewer events, the less sure the
// coefficients, and the more an event may differ from them.
func priorEffect(n int) Effect {
	f := 6 / float64(6+n)
	return Effect{A: 4 * math.Pow(.4, f), HalfLife: 21, Drift: .06 * math.Pow(3.5, f)}
}

const (
	folds     = 6
	fewEvents = 4   // below it the priors stand
	mostTuned = 300 // the latest events are enough to tune on
)

// The values tried.
var (
	gridA        = []float64{.8, 1.2, 1.6, 2.2, 3, 4, 5.5, 7.5, 10, 14, 20, 30}
	gridHalfLife = []float64{5, 7, 10, 14, 21, 30, 45, 90}
	gridDrift    = []float64{.01, .02, .03, .045, .06, .08, .11, .15, .21, .3}
)

// trial is one forecast of an event that its model has not seen, and how it came out.
type trial struct {
	past, mu []float64 // bookings so far and their means, u = 1
	ahead    [2]struct {
		days         int
		sum, squares float64
		sold         int
		soldOut      bool
	}
	model *Model
}

// tune chooses the effect's parameters by cross-validation over events: the
// log-likelihood of held-out events' next 14 days, and of all their days, seen from
// several days before.
func (t *training) tune() error {
	if len(t.past) < fewEvents {
		return nil
	}
	first := max(len(t.past)-mostTuned, 0)
	var trials []trial
	for k := range folds {
		m := *t.model
		m.Coef = slices.Clone(m.Coef)
		var train []*record
		var held []int
		for i := first; i < len(t.past); i++ {
			if i%folds == k {
				held = append(held, i)
			} else {
				train = append(train, t.all[i])
			}
		}
		if err := t.fit(train, &m, 1, 5); err != nil {
			return err
		}
		for _, i := range held {
			trials = append(trials, t.trials(&m, i)...)
		}
	}
	before := t.model.Effect.A
	t.model.Effect = best(trials, len(t.past))
	if t.model.Effect.A == before {
		return nil
	}
	return t.fit(t.all, t.model, 1, 5)
}

// trials are forecasts of the i-th event by a model that has not seen it.
func (t *training) trials(m *Model, i int) (out []trial) {
	e := t.past[i]
	for _, d := range []int{45, 30, 21, 14, 7, 3} {
		at := e.Date - Day(d)
		if at < e.OnSale || e.Capacity-e.SoldBy(at) <= 0 || at >= e.OnSale+Day(len(e.Sold)) {
			continue
		}
		o := m.outlook(e, at, t.fame[i], t.rivals[i])
		tr := trial{past: o.past, mu: o.pastMu, model: m}
		for k, h := range []int{min(14, d), d} {
			a := &tr.ahead[k]
			a.days, a.sum, a.squares = h, o.sums[h].sum, o.sums[h].squares
			a.sold = e.SoldBy(at+Day(h)) - o.Sold
			a.soldOut = o.Sold+a.sold >= e.Capacity
		}
		out = append(out, tr)
	}
	return out
}

// best is the effect with the highest penalised likelihood, found one parameter at a time.
func best(trials []trial, events int) Effect {
	prior := priorEffect(events)
	e, top := prior, math.Inf(-1)
	for range 3 {
		for _, set := range []struct {
			grid []float64
			at   *float64
		}{{gridA, &e.A}, {gridHalfLife, &e.HalfLife}, {gridDrift, &e.Drift}} {
			keep := *set.at
			for _, v := range append([]float64{keep}, set.grid...) {
				*set.at = v
				if s := likelihood(trials, e, prior); s > top {
					top, keep = s, v
				}
			}
			*set.at = keep
		}
	}
	return e
}

// likelihood is of all trials, each event's counting once in all, with log-normal
// priors around the prior effect.
func likelihood(trials []trial, e, prior Effect) (sum float64) {
	for _, t := range trials {
		p := e.update(t.model.Variance, t.past, t.mu)
		for _, a := range t.ahead {
			sum += e.ahead(t.model.Variance, p, a.sum, a.squares, a.days).logProb(a.sold, a.soldOut) / 6
		}
	}
	for _, pair := range [][3]float64{{e.A, prior.A, .4}, {e.HalfLife, prior.HalfLife, .4}, {e.Drift, prior.Drift, .4}} {
		z := math.Log(pair[0]/pair[1]) / pair[2]
		sum -= z * z / 2
	}
	return sum
}
