package markettest

import (
	"math/rand/v2"
	"slices"
)

// Seller sets the price of a day. It is told how many are left, and what it sold on
// the days before, at which prices.
type Seller interface {
	Price(day, left int, sold []int, prices []int64) int64
}

// Sale is how an event went.
type Sale struct {
	Takings float64 // minor units
	Changes int     // of the price, after the first
}

// Run sells an event once. The same seed draws the same luck for any seller, as far
// as the prices agree.
func (m *Market) Run(seed uint64, s Seller) Sale {
	r := rand.New(rand.NewPCG(seed, 1))
	left, out := m.Capacity, Sale{}
	var sold []int
	var prices []int64
	for day := range m.Truth {
		price := s.Price(day, left, sold, prices)
		if day > 0 && price != prices[day-1] {
			out.Changes++
		}
		// A day's luck is drawn apart, so that another price does not shift the next day's.
		n := min(m.Demand(rand.New(rand.NewPCG(seed, r.Uint64())), day, price), left)
		left -= n
		out.Takings += float64(price) * float64(n)
		sold, prices = append(sold, n), append(prices, price)
		if left == 0 {
			break
		}
	}
	return out
}

// Score is how a seller did in many markets, each against its own optimum.
type Score struct {
	Share   float64 // mean of takings to optimum
	P10     float64 // the share that nine markets of ten exceed
	List    float64 // mean share of the list price
	Fluid   float64 // mean of the fluid bound to the optimum
	Changes float64 // mean price changes an event
	Most    int     // and the most of all
}

// Judge runs a seller (made anew for each run) through markets, each runs times.
func Judge(markets []Market, runs int, seller func(m *Market) Seller) Score {
	var out Score
	shares := make([]float64, 0, len(markets))
	for i := range markets {
		m := &markets[i]
		best, sum := m.Optimum(), 0.0
		for run := range runs {
			s := m.Run(uint64(i*1000+run), seller(m))
			sum += s.Takings
			out.Changes += float64(s.Changes)
			out.Most = max(out.Most, s.Changes)
		}
		share := sum / float64(runs) / best
		shares = append(shares, share)
		out.Share += share
		out.List += m.Fixed(m.List) / best
		out.Fluid += m.Fluid() / best
	}
	n := float64(len(markets))
	out.Share, out.List, out.Fluid, out.Changes = out.Share/n, out.List/n, out.Fluid/n, out.Changes/n/float64(runs)
	slices.Sort(shares)
	out.P10 = shares[len(shares)/10]
	return out
}

// Markets draws n of one load.
func Markets(n int, load float64) []Market {
	out := make([]Market, n)
	for i := range out {
		out[i] = Draw(rand.New(rand.NewPCG(uint64(i), 7)), load)
	}
	return out
}
