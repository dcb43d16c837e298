package detect_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/usherhq/usher/modules/analytics/detect"
)

// arrivals counts a Poisson process by its gaps: a generator that shares nothing
// with the one the thresholds were calibrated with.
type arrivals struct {
	r    *rand.Rand
	left float64 // of the gap to the next arrival, in units of expected arrivals
}

func newArrivals(seed, series uint64) *arrivals {
	r := rand.New(rand.NewChaCha8([32]byte{byte(seed), byte(series), byte(series >> 8), byte(series >> 16)}))
	return &arrivals{r, r.ExpFloat64()}
}

// bin counts the arrivals of one bin with this mean.
func (a *arrivals) bin(mean float64) (n float64) {
	for mean > a.left {
		mean -= a.left
		a.left = a.r.ExpFloat64()
		n++
	}
	a.left -= mean
	return n
}

const goalHistory = 240 // bins from which the baseline is estimated

// trained is a detector with a baseline estimated from the series' own past.
func trained(a *arrivals, rate float64, history int) *detect.Shift {
	s := detect.NewShift(0)
	for range history {
		s.Learn(a.bin(rate), 1)
	}
	return s
}

func TestShiftReachesItsGoals(t *testing.T) {
	if testing.Short() {
		t.Skip("a simulation of several seconds")
	}
	for _, g := range []struct {
		rate   float64
		ratios []float64
		delay  float64 // bins
	}{
		{20, []float64{1.5, 0.5}, 4},
		{20, []float64{1.3, 0.7}, 10},
		{5, []float64{1.5}, 13},
		{100, []float64{1.3, 0.7}, 3},
	} {
		for _, ratio := range g.ratios {
			t.Run(fmt.Sprintf("%v per bin, times %v", g.rate, ratio), func(t *testing.T) {
				t.Parallel()
				mean, half := delayTo(g.rate, ratio, 1500)
				t.Logf("mean delay %.2f ± %.2f bins, goal %v", mean, half, g.delay)
				if mean > g.delay {
					t.Errorf("mean delay %.2f bins, want at most %v", mean, g.delay)
				}
			})
		}
	}
	for _, rate := range []float64{0.3, 5, 20, 60, 100, 400} {
		for _, history := range []int{30, goalHistory} {
			t.Run(fmt.Sprintf("peace at %v per bin after %d", rate, history), func(t *testing.T) {
				t.Parallel()
				mean, half := peace(rate, history, 400)
				t.Logf("mean peace %.0f ± %.0f bins", mean, half)
				if mean < 1440 {
					t.Errorf("a false alarm every %.0f bins, want at least 1440", mean)
				}
			})
		}
	}
}

// delayTo is the mean number of bins from a change to its alarm, in the right
// direction, and the half-width of its 95 % interval. A series that alarms before the
// change does not count; one that alarms in the wrong direction counts as 100 bins.
func delayTo(rate, ratio float64, series int) (mean, half float64) {
	want := detect.Up
	if ratio < 1 {
		want = detect.Down
	}
	var delays []float64
	for i := 0; len(delays) < series; i++ {
		a := newArrivals(1, uint64(i))
		s := trained(a, rate, goalHistory)
		if early(s, a, rate, 60) {
			continue
		}
		for n := 1; ; n++ {
			alarm, ok := s.Update(a.bin(rate*ratio), 1)
			if ok && alarm.Direction != want || n == 100 {
				delays = append(delays, 100)
				break
			} else if ok {
				delays = append(delays, float64(n))
				break
			}
		}
	}
	return meanOf(delays)
}

// early lets peace reign for some bins: the CUSUMs are then where they usually are.
func early(s *detect.Shift, a *arrivals, rate float64, bins int) bool {
	for range bins {
		if _, ok := s.Update(a.bin(rate), 1); ok {
			return true
		}
	}
	return false
}

// peace is the mean number of bins to the first alarm without any change, counted
// to 10,000 at most, which errs on the strict side.
func peace(rate float64, history, series int) (mean, half float64) {
	var lengths []float64
	for i := range series {
		a := newArrivals(2, uint64(i))
		s := trained(a, rate, history)
		n := 1
		for ; n < 10_000; n++ {
			if _, ok := s.Update(a.bin(rate), 1); ok {
				break
			}
		}
		lengths = append(lengths, float64(n))
	}
	return meanOf(lengths)
}

func meanOf(x []float64) (mean, half float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		half += (v - mean) * (v - mean)
	}
	return mean, 1.96 * math.Sqrt(half) / float64(len(x))
}
