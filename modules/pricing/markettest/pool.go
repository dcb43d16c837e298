package markettest

import (
	"math"
	"math/rand/v2"
)

// Pool is one capacity sold at several prices, to people who each want one of them.
// The cheapest come first.
type Pool struct {
	Capacity int
	Tiers    []PoolTier // the dearest first
}

// PoolTier is one price of a pool: demand is normal, rounded, not below 0.
type PoolTier struct {
	Price    int64
	Mean, SD float64
}

// DrawPool makes one with 2 to 4 tiers and about as many buyers as places.
func DrawPool(r *rand.Rand) Pool {
	p := Pool{Capacity: 100 + r.IntN(300)}
	price, load := 3000+1000*r.Float64(), .9+.5*r.Float64()
	n := 2 + r.IntN(3)
	for range n {
		mean := load * float64(p.Capacity) / float64(n) * (.6 + .8*r.Float64())
		p.Tiers = append(p.Tiers, PoolTier{Price: int64(price), Mean: mean, SD: mean * (.2 + .2*r.Float64())})
		price *= .55 + .3*r.Float64()
	}
	return p
}

// Optimum is the most it can earn: the dynamic program over tiers, cheapest first.
// Source: Brumelle and McGill 1993, Airline seat allocation with multiple nested fares.
func (p *Pool) Optimum() float64 {
	return p.solve(func(tier, left int, value []float64) int {
		// Sell as long as a ticket brings more than the place is worth to the tiers above.
		n := 0
		for n < left && float64(p.Tiers[tier].Price) >= value[left-n]-value[left-n-1] {
			n++
		}
		return n
	})
}

// Protected is what it earns when levels[i] places are kept for the tiers 0 … i; none:
// first come, first served.
func (p *Pool) Protected(levels []int) float64 {
	return p.solve(func(tier, left int, _ []float64) int {
		if tier == 0 || levels == nil {
			return left
		}
		return max(left-levels[tier-1], 0)
	})
}

// solve expects, tier by tier, what the places left will bring when most says how
// many a tier may have.
func (p *Pool) solve(most func(tier, left int, value []float64) int) float64 {
	value := make([]float64, p.Capacity+1)
	for tier := range p.Tiers {
		t, next := p.Tiers[tier], make([]float64, p.Capacity+1)
		for left := range next {
			limit, rest := most(tier, left, value), 1.0
			for d := range limit {
				chance := t.chance(d)
				next[left] += chance * (float64(t.Price)*float64(d) + value[left-d])
				rest -= chance
			}
			next[left] += rest * (float64(t.Price)*float64(limit) + value[left-limit])
		}
		value = next
	}
	return value[p.Capacity]
}

// chance is P(demand = d).
func (t PoolTier) chance(d int) float64 {
	below := func(x float64) float64 { return math.Erfc((t.Mean-x)/t.SD/math.Sqrt2) / 2 }
	if d == 0 {
		return below(.5)
	}
	return below(float64(d)+.5) - below(float64(d)-.5)
}

// JudgePools compares protection levels and first come, first served with the optimum
// of n pools: mean shares.
func JudgePools(n int, protect func(p *Pool) []int) (protected, served float64) {
	for i := range n {
		p := DrawPool(rand.New(rand.NewPCG(uint64(i), 11)))
		best := p.Optimum()
		protected += p.Protected(protect(&p)) / best
		served += p.Protected(nil) / best
	}
	return protected / float64(n), served / float64(n)
}
