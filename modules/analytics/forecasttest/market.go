// Package forecasttest simulates markets whose truth is known, for the tests and
// benchmarks of analytics/forecast. It shares no formula with the product: bookings
// come as orders of groups, announcement and last minute follow power laws, prices a
// log-logistic curve, and demand drifts.
//
// Oracle is the forecaster that knows a market's truth and lacks only what nobody can
// know: what is peculiar to an event and how chance will fall.
package forecasttest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/usherhq/usher/modules/analytics/forecast"
)

// Market is the truth behind the events of one promoter.
type Market struct {
	r *rand.Rand

	genres  []genre
	artists []float64 // ln factors
	weekday [7]float64
	payday  float64
	weekend float64
	season  float64 // of the triangle's height
	steep   float64 // of the price curve
	leadPow float64 // how demand grows with the days on sale; below 1 a long sale is slow
	capPow  float64
	fill    float64 // median of demand/capacity

	effect float64   // sd of ln u of an event
	mixing float64   // sd of an event's own mixture
	drift  float64   // sd of ln demand's drift, long-run
	stick  float64   // its autocorrelation from day to day
	burst  power     // by days on sale
	late   power     // by days to the event
	daily  float64   // gamma shape of a day's chance
	buzz   float64   // of ln(1 + posts) on the next day's demand
	groups []float64 // probabilities of 1, 2, … tickets in an order
}

// genre is the mixture of its bookings and its level.
type genre struct {
	name  string
	mix   [3]float64 // ln weights of burst, steady, late
	level float64    // ln
	price float64
}

// power is (1 + x/scale)^−exponent.
type power struct{ scale, exponent float64 }

func (p power) at(x float64) float64 { return math.Pow(1+x/p.scale, -p.exponent) }

// NewMarket draws a market. The same seed gives the same market and events.
func NewMarket(seed uint64) *Market {
	r := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	m := &Market{
		r: r, payday: .12 * r.Float64() * 2, weekend: .2 + .12*r.NormFloat64(), season: .12 + .05*r.NormFloat64(),
		steep: 2.6 + .6*r.NormFloat64(), leadPow: .35 + .15*r.NormFloat64(), capPow: -.05 + .1*r.NormFloat64(),
		fill:   .95 + .3*(r.Float64()-.5),
		effect: .42 + .1*(r.Float64()-.5), mixing: .35, drift: .22 + .1*(r.Float64()-.5), stick: .93 + .04*r.Float64(),
		burst: power{2 + 2*r.Float64(), 1.2 + .6*r.Float64()}, late: power{4 + 5*r.Float64(), 1.6 + .8*r.Float64()},
		daily: 6 + 8*r.Float64(), buzz: .12 + .1*r.Float64(),
		groups: []float64{.3, .45, .08, .13, .02, .02},
	}
	for i := range m.weekday {
		m.weekday[i] = .1 * r.NormFloat64()
	}
	for i, name := range []string{"rock", "jazz", "comedy", "electronic", "folk"} {
		m.genres = append(m.genres, genre{name, [3]float64{-1.5 + .3*r.NormFloat64(), .25 * r.NormFloat64(), -.5 + .3*r.NormFloat64()}, .2 * r.NormFloat64(), 18 + 6*float64(i)})
	}
	for range 40 {
		m.artists = append(m.artists, .18*r.NormFloat64())
	}
	return m
}

// Past makes n events that follow each other about three days apart, the first on the
// given day, with all their bookings.
func (m *Market) Past(n int, first forecast.Day) []*forecast.Event {
	out := make([]*forecast.Event, n)
	day := first
	for i := range out {
		out[i] = m.event(fmt.Sprintf("e%d", i), day)
		day += forecast.Day(1 + m.r.IntN(5))
	}
	for _, e := range out {
		m.sell(e, out)
	}
	return out
}

// event draws an event's features.
func (m *Market) event(id string, date forecast.Day) *forecast.Event {
	r := m.r
	g := m.genres[r.IntN(len(m.genres))]
	lead := int(math.Round(60 * math.Exp(.45*r.NormFloat64())))
	lead = min(max(lead, 12), 150)
	e := &forecast.Event{
		ID: id, Date: date, OnSale: date - forecast.Day(lead),
		Capacity: int(math.Round(260 * math.Exp(.6*r.NormFloat64()))), Genre: g.name,
		Artist: fmt.Sprintf("artist %d", r.IntN(len(m.artists))), City: []string{"Ulm", "Linz"}[r.IntN(2)],
		ListPrice: math.Round(g.price * math.Exp(.2*r.NormFloat64())),
	}
	e.Capacity = max(e.Capacity, 40)
	e.Tags = []string{g.name, []string{"indoor", "outdoor"}[r.IntN(2)]}
	return e
}

// sell draws the bookings of e, day by day.
func (m *Market) sell(e *forecast.Event, all []*forecast.Event) {
	t := m.truth(e, all)
	l := m.draw(m.r)
	left := e.Capacity
	buzz, change := 0.0, 0
	price := e.ListPrice
	for day := e.OnSale; day <= e.Date; day++ {
		if change++; change > 20 && m.r.Float64() < .04 { // now and then the promoter moves the price
			price, change = e.ListPrice*[]float64{.85, 1, 1.1, 1.2}[m.r.IntN(4)], 0
		}
		mean := t.mean(day, l, price, buzz)
		y := min(m.orders(m.r, mean), left)
		left -= y
		buzz = m.nextBuzz(buzz, m.r)
		e.Sold = append(e.Sold, y)
		e.Price = append(e.Price, price)
		e.Social = append(e.Social, math.Round(math.Expm1(1.5+buzz)))
		l.drift = m.nextDrift(l.drift, m.r)
	}
}

// nextBuzz is tomorrow's posts, in logarithms around the usual.
func (m *Market) nextBuzz(now float64, r *rand.Rand) float64 { return .7*now + .35*r.NormFloat64() }

func (m *Market) nextDrift(now float64, r *rand.Rand) float64 {
	return m.stick*now + m.drift*math.Sqrt(1-m.stick*m.stick)*r.NormFloat64()
}

// latent is what nobody knows of an event.
type latent struct {
	level float64    // ln u
	mix   [3]float64 // of its mixture, ln
	drift float64    // today
}

// draw makes an event's latent values.
func (m *Market) draw(r *rand.Rand) latent {
	l := latent{level: m.effect * r.NormFloat64(), drift: m.drift * r.NormFloat64()}
	for i := range l.mix {
		l.mix[i] = m.mixing * r.NormFloat64()
	}
	return l
}

// orders draws a day's tickets: a gamma-distributed day, Poisson orders, groups.
func (m *Market) orders(r *rand.Rand, mean float64) (tickets int) {
	for range poisson(r, mean/m.groupSize()*gamma(r, m.daily)/m.daily) {
		tickets += m.group(r)
	}
	return tickets
}

func (m *Market) groupSize() (mean float64) {
	for i, p := range m.groups {
		mean += p * float64(i+1)
	}
	return mean
}

func (m *Market) group(r *rand.Rand) int {
	u := r.Float64()
	for i, p := range m.groups {
		if u -= p; u < 0 {
			return i + 1
		}
	}
	return len(m.groups)
}

// poisson draws by counting exponential gaps.
func poisson(r *rand.Rand, mean float64) (n int) {
	for t := r.ExpFloat64(); t < mean; t += r.ExpFloat64() {
		n++
	}
	return n
}

// gamma draws by Marsaglia and Tsang's method; shape ≥ 1.
func gamma(r *rand.Rand, shape float64) float64 {
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := math.Pow(1+c*x, 3) //nolint:staticcheck // QF1005: products round otherwise, and every seed's market would change
		if v > 0 && math.Log(1-r.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}
