package policy

import "math"

// Tier is a category of several that sell from one pool.
type Tier struct {
	Price  int64   // minor units, > 0
	Demand float64 // expected tickets until the end
	SD     float64 // its standard deviation
}

// Protect is how many places to keep for the dearer tiers: element i is for the
// tiers 0 … i together, out of reach of tier i+1 and below. Tiers go from the
// dearest to the cheapest; the levels rise.
//
// Protection level y of the tiers above with mean price f̄, before the next at f:
// P(D > y) = f / f̄, D normal with the sums of means and variances.
// Source: EMSR-b, Belobaba 1992; Talluri and van Ryzin 2004, section 2.2.4.2.
func Protect(tiers []Tier, capacity int) []int {
	out := make([]int, 0, max(len(tiers)-1, 0))
	var mean, variance, worth float64
	for i := 0; i+1 < len(tiers); i++ {
		t := tiers[i]
		mean, variance, worth = mean+t.Demand, variance+t.SD*t.SD, worth+t.Demand*float64(t.Price)
		y := 0.0
		if mean > 0 {
			if ratio := float64(tiers[i+1].Price) / (worth / mean); ratio < 1 {
				y = mean + math.Sqrt(variance)*quantile(1-ratio)
			}
		}
		level := int(math.Round(clamp(y, 0, float64(capacity))))
		if i > 0 {
			level = max(level, out[i-1])
		}
		out = append(out, level)
	}
	return out
}

// quantile is Φ⁻¹(p), 0 < p < 1.
func quantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }
