package policy_test

import (
	"math"
	"testing"

	"github.com/usherhq/usher/modules/pricing/policy"
)

// course is a sale of 20 days past and 40 to come, with so many sold a day.
func course(sold, forecast float64, left int) policy.Course {
	c := policy.Course{Limits: usual(3000), Moment: calm(3000), Left: left}
	c.Moment.Doors = c.Moment.Now.AddDate(0, 0, 41)
	for range 20 {
		c.Past = append(c.Past, policy.Day{Forecast: forecast, Ratio: 1, Sold: sold})
	}
	for range 40 {
		c.Ahead = append(c.Ahead, forecast)
	}
	return c
}

func TestASimulationForwardExpectsWhatTheBeliefSays(t *testing.T) {
	scarce := policy.Forward(course(12, 8, 200)) // twice as many want one as there are
	if scarce.Days != 40 || scarce.Gain.Mean < .05 || scarce.Better < .8 || scarce.Changes < 1 || !(scarce.Gain.Low <= scarce.Gain.Mean && scarce.Gain.Mean <= scarce.Gain.High) {
		t.Errorf("%+v", scarce)
	}
	if first, last := scarce.Prices[0], scarce.Prices[30]; last <= first {
		t.Errorf("scarce tickets become no dearer: %.0f, then %.0f", first, last)
	}
	for i := range scarce.Prices {
		if scarce.Low[i] < 2100 || scarce.High[i] > 4500 {
			t.Errorf("day %d: %d to %d is outside the limits", i, scarce.Low[i], scarce.High[i])
		}
	}
	if again := policy.Forward(course(12, 8, 200)); again.Moved != scarce.Moved {
		t.Error("the same simulation twice gives two answers")
	}
	never := course(12, 8, 200)
	never.Limits.MinGain = 10
	if s := policy.Forward(never); s.Changes != 0 || s.Kept != s.Moved || s.Gain.Mean != 0 {
		t.Errorf("without a change both sell the same: %+v", s)
	}
}

func TestAReplayIsWhatHappenedWhenNothingWouldHaveChanged(t *testing.T) {
	c := course(5, 5, 300)
	c.Limits.MinGain, c.Ahead = 10, nil
	s := policy.Replay(c, 14)
	if want := 14 * 5 * 3000.0; s.Days != 14 || s.Kept.Mean != want || s.Moved.Mean != want || s.Changes != 0 {
		t.Errorf("%+v, want %v", s, want)
	}
	dear := course(15, 5, 100) // three times the forecast, and little left
	s = policy.Replay(dear, 14)
	if s.Days != 14+40 || s.Gain.Mean <= .05 || s.Kept.Low != s.Kept.High || math.IsNaN(s.Gain.Mean) {
		t.Errorf("%+v: it would have sold out as well, and dearer", s)
	}
	if s := policy.Replay(policy.Course{Limits: usual(3000), Moment: calm(3000)}, 14); s.Days != 0 {
		t.Errorf("nothing to replay: %+v", s)
	}
}
