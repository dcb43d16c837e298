// Package markettest is the world that prices are judged by: events whose true
// demand is known, the best that anybody could earn in them, and a run of a seller
// through them. It shares no code with the product: what it is used to judge
// (modules/pricing/policy) is passed in.
package markettest

import (
	"math"
	"math/rand/v2"
)

// Market is one event with one category, from the first day of its sale to the last.
type Market struct {
	Forecast   []float64 // tickets a day at list price, as a seller is told
	Truth      []float64 // and as they are, but for the level
	A, B       float64   // demand is Truth · exp(A - B·(price/List - 1))
	Dispersion float64   // variance of a day is m + Dispersion·m²; 0: Poisson
	Capacity   int
	List       int64   // minor units
	Prices     []int64 // that may be asked, rising
}

// Mean is the true mean demand of a day at a price.
func (m *Market) Mean(day int, price int64) float64 {
	return m.Truth[day] * math.Exp(m.A-m.B*(float64(price)/float64(m.List)-1))
}

// Draw makes a market whose forecast is load times its capacity. Sales begin with a
// rush and end with another. The truth is wilder than sellers are wont to believe:
// its level is off the forecast's by a log-normal factor (sd .45), the rushes are by
// as much as a third stronger, weaker or longer than forecast, and the sensitivity
// to the price is 1.4 ± .5.
func Draw(r *rand.Rand, load float64) Market {
	m := Market{Dispersion: .2, Capacity: 80 + r.IntN(320), List: int64(20+r.IntN(60)) * 100}
	m.A, m.B = .45*r.NormFloat64(), max(1.4+.5*r.NormFloat64(), .2)
	days := 30 + r.IntN(60)
	told := shape{rush: 3 * r.Float64(), end: 4 * r.Float64(), slope: 4 + 10*r.Float64()}
	truth := shape{rush: told.rush * about(r), end: told.end * about(r), slope: told.slope * about(r)}
	tickets := load * float64(m.Capacity)
	m.Forecast, m.Truth = told.curve(days, tickets), truth.curve(days, tickets)
	for p := m.List * 7 / 10; p <= m.List*3/2; p += 50 {
		m.Prices = append(m.Prices, p)
	}
	return m
}

// about is a factor near 1.
func about(r *rand.Rand) float64 { return math.Exp(min(max(.2*r.NormFloat64(), -.4), .4)) }

// shape is a booking curve: a rush at first, one at the end that grows over slope days.
type shape struct{ rush, end, slope float64 }

func (s shape) curve(days int, tickets float64) []float64 {
	out, sum := make([]float64, days), 0.0
	for i := range out {
		out[i] = 1 + s.rush*math.Exp(-float64(i)/4) + s.end*math.Exp(-float64(days-1-i)/s.slope)
		sum += out[i]
	}
	for i := range out {
		out[i] *= tickets / sum
	}
	return out
}

// Demand draws how many want a ticket on a day at a price.
func (m *Market) Demand(r *rand.Rand, day int, price int64) int {
	mean := m.Mean(day, price)
	if m.Dispersion > 0 {
		mean *= gamma(r, 1/m.Dispersion) * m.Dispersion
	}
	n := 0
	for gap := r.ExpFloat64(); gap < mean; gap += r.ExpFloat64() {
		n++
	}
	return n
}

// gamma draws with mean and variance shape, which is a whole number: as many
// waiting times.
func gamma(r *rand.Rand, shape float64) (sum float64) {
	for range int(math.Round(shape)) {
		sum += r.ExpFloat64()
	}
	return sum
}

// chances is the distribution of a day's demand, until all but 1e-10 of it.
func (m *Market) chances(mean float64, most int) []float64 {
	var p, kept float64
	size, ratio := 1/m.Dispersion, 0.0
	if m.Dispersion > 0 {
		p, ratio = math.Pow(size/(size+mean), size), mean/(size+mean)
	} else {
		p = math.Exp(-mean)
	}
	out := make([]float64, 0, 64)
	for k := 0; k < most && kept < 1-1e-10; k++ {
		out = append(out, p)
		kept += p
		if m.Dispersion > 0 {
			p *= (float64(k) + size) / float64(k+1) * ratio
		} else {
			p *= mean / float64(k+1)
		}
	}
	return out
}
