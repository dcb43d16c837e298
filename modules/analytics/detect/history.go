package detect

import (
	"math"
	"slices"
)

// past is a sliding window of values, in order of arrival.
type past []float64 //nolint:recvcheck // only push changes the slice itself

// push adds a value and forgets the oldest beyond size.
func (p *past) push(x float64, size int) {
	if len(*p) >= size {
		n := copy(*p, (*p)[len(*p)-size+1:])
		*p = (*p)[:n]
	}
	*p = append(*p, x)
}

// centre is the median and a robust standard deviation: 1.4826 × the median
// absolute deviation, or 1.2533 × the mean one where more than half of the values
// are equal (both are σ for normal values). scale 0 means that all are equal.
func (p past) centre() (median, scale float64) {
	sorted := slices.Clone(p)
	slices.Sort(sorted)
	median = middle(sorted)
	sum := 0.0
	for i, x := range sorted {
		sorted[i] = math.Abs(x - median)
		sum += sorted[i]
	}
	slices.Sort(sorted)
	if scale = 1.4826 * middle(sorted); scale == 0 {
		scale = 1.2533 * sum / float64(len(sorted))
	}
	return median, scale
}

// middle is the median of sorted values, at least one.
func middle(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// finite keeps what is no number out of a history; it counts as no value.
func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

const (
	maxSize     = 10_000 // values a history may hold
	leastValues = 10     // before the first judgement
)

// bounded brings the reference's parameters into their ranges.
func bounded(confidence float64, historySize int) (float64, int) {
	if !(confidence >= 1) {
		confidence = 1
	}
	return min(confidence, 100), min(max(historySize, leastValues), maxSize)
}
