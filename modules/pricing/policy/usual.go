package policy

import "math"

// UsualDemand is the booking curve of an event of which no forecast knows better:
// tickets a day from the first day of the sale to the last, at list price. It rises
// towards the event and begins with a rush (the prior means of analytics' forecast),
// and all of it together is as many tickets as there are.
func UsualDemand(days, capacity int) []float64 {
	out, sum := make([]float64, max(days, 0)), 0.0
	for a := range out {
		d := float64(len(out) - 1 - a)
		out[a] = math.Exp(1.3*math.Exp(-d/3) + .8*math.Exp(-d/10) + .4*math.Exp(-d/30) + .9*math.Exp(-float64(a)/4) + .3*math.Exp(-float64(a)/15))
		sum += out[a]
	}
	for a := range out {
		out[a] *= float64(capacity) / sum
	}
	return out
}
