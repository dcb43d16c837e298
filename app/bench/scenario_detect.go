package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/usherhq/usher/modules/analytics/detect"
)

const (
	detectRateGoal    = 100_000 // updates a second and core
	detectPeaceGoal   = 1440.0  // bins between false alarms
	detectSeries      = 1000
	detectHistory     = 240 // bins from which the baseline is estimated
	detectLongest     = 10_000
	detectDelaySeries = 2000
	detectPeaceSeries = 400
)

// detectDelays are the changes whose delay has a goal.
var detectDelays = []struct {
	rate, up, down, goal float64 // a bin; ratios, 0: none; bins
}{
	{20, 1.5, 0.5, 4},
	{20, 1.3, 0.7, 10},
	{5, 1.5, 0, 13},
	{100, 1.3, 0.7, 3},
}

// detectors is scenario S: the pure algorithm, in this process.
func (b *bench) detectors(ctx context.Context) error {
	quick := 1
	if b.n < 1_000_000 {
		quick = 2
	}
	for _, g := range detectDelays {
		for _, ratio := range []float64{g.up, g.down} {
			if ratio == 0 {
				continue
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			delay := meanDelay(g.rate, ratio, detectDelaySeries/quick)
			b.result.add(fmt.Sprintf("mean delay to %+.0f %% at %.0f a bin", 100*(ratio-1), g.rate), fmt.Sprintf("%.1f bins", delay),
				fmt.Sprintf("≤ %.0f", g.goal), verdictOf(delay <= g.goal))
		}
	}
	for _, rate := range []float64{1, 5, 20, 100, 400} {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		peace := meanPeace(rate, detectPeaceSeries/quick)
		b.result.add(fmt.Sprintf("bins between false alarms at %.0f a bin", rate), fmt.Sprintf("%.0f (± %.0f %%)", peace, 200/math.Sqrt(float64(detectPeaceSeries/quick))),
			fmt.Sprintf("≥ %.0f", detectPeaceGoal), verdictOf(peace >= detectPeaceGoal))
	}
	rate := detectUpdates(2 * time.Second)
	b.result.add(fmt.Sprintf("updates over %d series, one core", detectSeries), fmt.Sprintf("%.0f a second", rate),
		fmt.Sprintf("≥ %d", detectRateGoal), verdictOf(rate >= detectRateGoal))
	return nil
}

// counter draws the counts of a Poisson process from the gaps between its arrivals.
type counter struct {
	*rand.Rand
	gap float64
}

func newCounter(kind, series int) *counter {
	r := rand.New(rand.NewPCG(uint64(kind), uint64(series)))
	return &counter{r, r.ExpFloat64()}
}

func (c *counter) next(mean float64) (n float64) {
	for ; mean > c.gap; n++ {
		mean -= c.gap
		c.gap = c.ExpFloat64()
	}
	c.gap -= mean
	return n
}

func learned(c *counter, rate float64) *detect.Shift {
	s := detect.NewShift(0)
	for range detectHistory {
		s.Learn(c.next(rate), 1)
	}
	return s
}

// meanDelay is in bins; series that alarm in the 60 bins before the change do not count.
func meanDelay(rate, ratio float64, series int) float64 {
	sum, n := 0, 0
	for i := 0; n < series; i++ {
		c := newCounter(1, i)
		s := learned(c, rate)
		quiet := true
		for range 60 {
			_, alarm := s.Update(c.next(rate), 1)
			quiet = quiet && !alarm
		}
		if !quiet {
			continue
		}
		for bins := 1; ; bins++ {
			if _, alarm := s.Update(c.next(rate*ratio), 1); alarm || bins == 100 {
				sum, n = sum+bins, n+1
				break
			}
		}
	}
	return float64(sum) / float64(n)
}

func meanPeace(rate float64, series int) float64 {
	sum := 0
	for i := range series {
		c := newCounter(2, i)
		s := learned(c, rate)
		bins := 1
		for ; bins < detectLongest; bins++ {
			if _, alarm := s.Update(c.next(rate), 1); alarm {
				break
			}
		}
		sum += bins
	}
	return float64(sum) / float64(series)
}

// detectUpdates is updates a second in one goroutine, the counts drawn before.
func detectUpdates(during time.Duration) float64 {
	all := make([]*detect.Shift, detectSeries)
	counts := make([][64]float64, detectSeries)
	for i := range all {
		c := newCounter(3, i)
		rate := float64(1 + i%200)
		all[i] = learned(c, rate)
		for k := range counts[i] {
			counts[i][k] = c.next(rate)
		}
	}
	begun, n := time.Now(), 0
	for bin := 0; time.Since(begun) < during; bin++ {
		for i, s := range all {
			s.Update(counts[i][bin%64], 1)
		}
		n += detectSeries
	}
	return float64(n) / time.Since(begun).Seconds()
}
