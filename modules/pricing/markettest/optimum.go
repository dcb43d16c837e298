package markettest

import "slices"

// Optimum is the most that a seller who knows the true demand can expect to earn
// with the market's prices, in minor units: the finite-horizon dynamic program
//
//	V(t, x) = max over p of E[p·min(x, D) + V(t+1, x - min(x, D))], V(T, ·) = 0,
//
// one step a day. Source: Gallego and van Ryzin 1994, Optimal dynamic pricing of
// inventories with stochastic demand over finite horizons.
func (m *Market) Optimum() float64 { return m.solve(m.Prices) }

// Fixed is what a price that never changes earns, in minor units.
func (m *Market) Fixed(price int64) float64 { return m.solve([]int64{price}) }

func (m *Market) solve(prices []int64) float64 {
	value, next := make([]float64, m.Capacity+1), make([]float64, m.Capacity+1)
	for day := range slices.Backward(m.Truth) {
		value, next = next, value
		chances := make([][]float64, len(prices))
		for i, p := range prices {
			chances[i] = m.chances(m.Mean(day, p), m.Capacity)
		}
		best := len(prices) - 1
		value[0] = 0
		for x := 1; x <= m.Capacity; x++ {
			// The best price falls as more is left: begin where the last one ended.
			value[x], best = climb(best, len(prices), func(i int) float64 { return worth(prices[i], x, chances[i], next) })
		}
	}
	return value[m.Capacity]
}

// worth is the value of asking a price with x left, today and after.
func worth(price int64, x int, chances, next []float64) float64 {
	sum, rest := 0.0, 1.0
	for d := 0; d < x && d < len(chances); d++ {
		sum += chances[d] * (float64(price)*float64(d) + next[x-d])
		rest -= chances[d]
	}
	return sum + rest*(float64(price)*float64(x)+next[0])
}

// climb finds the top of a function with one, from a place to begin.
func climb(at, n int, f func(int) float64) (top float64, where int) {
	top = f(at)
	for _, step := range [2]int{-1, 1} {
		moved := false
		for i := at + step; i >= 0 && i < n; i += step {
			v := f(i)
			if v <= top {
				break
			}
			top, at, moved = v, i, true
		}
		if moved {
			break
		}
	}
	return top, at
}

// Fluid is the upper bound that ignores chance: the best constant mix of prices when
// demand is exactly its mean. With one curve and no bound on the price it is one
// price: the higher of the one that earns most a buyer and the one that just sells
// out; here the best of the market's prices, and of mixes of two neighbours.
func (m *Market) Fluid() float64 {
	total := func(p int64) (n float64) {
		for day := range m.Truth {
			n += m.Mean(day, p)
		}
		return n
	}
	best, c := 0.0, float64(m.Capacity)
	for i, p := range m.Prices {
		n := total(p)
		best = max(best, float64(p)*min(n, c))
		if i == 0 {
			continue
		}
		// Part of the time the cheaper one, so that it just sells out.
		q := m.Prices[i-1]
		if more := total(q); n < c && c < more {
			share := (c - n) / (more - n)
			best = max(best, share*float64(q)*more+(1-share)*float64(p)*n)
		}
	}
	return best
}
