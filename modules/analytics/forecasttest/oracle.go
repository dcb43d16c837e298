package forecasttest

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mathext"

	"github.com/usherhq/usher/modules/analytics/forecast"
)

// Oracle knows the market's truth and infers the rest from the bookings so far by a
// particle filter; what is to come it simulates. Nobody can forecast better on average.
type Oracle struct {
	m         *Market
	all       []*forecast.Event
	particles int
	r         *rand.Rand
}

// Oracle makes one with this many particles; all are the market's events.
func (m *Market) Oracle(all []*forecast.Event, particles int) *Oracle {
	return &Oracle{m, all, particles, rand.New(rand.NewPCG(1, 2))}
}

// SoldOut are the probabilities that e is sold out after each of the horizons in days,
// seen from the end of the day at.
func (o *Oracle) SoldOut(e *forecast.Event, at forecast.Day, horizons ...int) []float64 {
	t := o.m.truth(e, o.all)
	particles, buzz := o.filter(t, at)
	out := make([]float64, len(horizons))
	left := e.Capacity - e.SoldBy(at)
	price := e.Price[at-e.OnSale]
	for _, l := range particles {
		b, mean, variance := buzz, 0.0, 0.0
		for day := at + 1; day <= e.Date; day++ {
			l.drift = o.m.nextDrift(l.drift, o.r)
			mu := t.mean(day, l, price, b)
			mean += mu
			variance += o.m.variance(mu)
			b = o.m.nextBuzz(b, o.r)
			for k, h := range horizons {
				if int(day-at) == h {
					out[k] += tail(mean, variance, left) / float64(len(particles))
				}
			}
		}
	}
	return out
}

// filter draws the latent values given the bookings up to the day at; buzz is what the
// posts of that day tell of the next one.
func (o *Oracle) filter(t *truth, at forecast.Day) (particles []latent, buzz float64) {
	for range o.particles {
		particles = append(particles, o.m.draw(o.r))
	}
	weights := make([]float64, len(particles))
	for day := t.e.OnSale; day <= at; day++ {
		i := int(day - t.e.OnSale)
		for k := range particles {
			mu := t.mean(day, particles[k], t.e.Price[i], buzz)
			weights[k] = o.m.likelihood(mu, t.e.Sold[i])
		}
		particles = o.resample(particles, weights)
		for k := range particles {
			particles[k].drift = o.m.nextDrift(particles[k].drift, o.r)
			// A little noise keeps the fixed values from collapsing onto one particle.
			particles[k].level += .01 * o.r.NormFloat64()
		}
		buzz = math.Log1p(t.e.Social[i]) - 1.5
	}
	return particles, buzz
}

// resample draws particles by weight, systematically.
func (o *Oracle) resample(particles []latent, weights []float64) []latent {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	if !(sum > 0) {
		return particles
	}
	step := sum / float64(len(particles))
	u, acc, k := o.r.Float64()*step, weights[0], 0
	out := make([]latent, len(particles))
	for i := range out {
		for u > acc && k < len(particles)-1 {
			k++
			acc += weights[k]
		}
		out[i] = particles[k]
		u += step
	}
	return out
}

// variance is that of a day's tickets with the mean mu: groups and the day's chance.
func (m *Market) variance(mu float64) float64 {
	var one, two float64
	for i, p := range m.groups {
		one += p * float64(i+1)
		two += p * float64((i+1)*(i+1))
	}
	return mu*two/one + mu*mu/m.daily
}

// likelihood is P(n tickets | mu), by Panjer's recursion for negative binomial orders of
// groups. Source: H. H. Panjer, Recursive Evaluation of a Family of Compound
// Distributions, ASTIN Bulletin 12 (1981).
func (m *Market) likelihood(mu float64, n int) float64 {
	orders := mu / m.groupSize()
	p := orders / (orders + m.daily)
	a, b := p, (m.daily-1)*p
	var small [256]float64
	f := small[:]
	if n >= len(f) {
		f = make([]float64, n+1)
	}
	f[0] = math.Pow(1-p, m.daily)
	for k := 1; k <= n; k++ {
		for j := 1; j <= min(k, len(m.groups)); j++ {
			f[k] += (a + b*float64(j)/float64(k)) * m.groups[j-1] * f[k-j]
		}
	}
	return f[n]
}

// tail is P(N ≥ n) of a negative binomial with this mean and variance.
func tail(mean, variance float64, n int) float64 {
	if n <= 0 {
		return 1
	}
	size := mean * mean / max(variance-mean, 1e-9)
	return mathext.RegIncBeta(float64(n), size, mean/(size+mean))
}
