package proximitytest

import (
	"math"
	"slices"
)

func mean(x []float64) (m float64) {
	for _, v := range x {
		m += v / float64(len(x))
	}
	return m
}

// quantile is the value at p of the sorted ones; NaN without any.
func quantile(x []float64, p float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(x))
	return s[min(int(p*float64(len(s))), len(s)-1)]
}
