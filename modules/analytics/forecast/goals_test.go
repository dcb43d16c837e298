package forecast_test

import (
	"testing"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/analytics/forecasttest"
)

// The goals are those of the design page on predictions; `make bench` measures them on
// more events than a test can afford.
func TestForecastReachesItsGoals(t *testing.T) {
	if testing.Short() {
		t.Skip("a simulation of several seconds")
	}
	c, err := forecasttest.Trial{Markets: 16, Events: 60, Particles: 100, Past: []int{0, 5, 20, 50}}.Compare()
	if err != nil {
		t.Fatal(err)
	}
	oracle := [2]float64{c.Oracle[0].Brier, c.Oracle[1].Brier}
	t.Logf("oracle: %.4f within 14 days, %.4f by the event, of %d forecasts", oracle[0], oracle[1], c.Oracle[0].N)
	atMost := func(n int, what string, got, most float64) {
		t.Helper()
		t.Logf("%2d past events: %s %.4f, goal %.4f", n, what, got, most)
		if got > most {
			t.Errorf("%d past events: %s %.4f, want at most %.4f", n, what, got, most)
		}
	}
	blend := func(n int) (forecast.MethodScore, float64) {
		return c.By[n].Method("blend"), c.By[n].Method("run-rate").Within.Brier
	}
	b, rate := blend(0)
	atMost(0, "Brier within 14 days", b.Within.Brier, .68*rate)
	b, rate = blend(5)
	atMost(5, "Brier within 14 days", b.Within.Brier, .60*rate)
	b, rate = blend(20)
	atMost(20, "Brier within 14 days", b.Within.Brier, min(oracle[0]+.010, .5*rate, .8*c.By[20].Method("pick-up").Within.Brier))
	atMost(20, "Brier by the event", b.Final.Brier, oracle[1]+.018)
	atMost(20, "ECE within 14 days", b.Within.ECE, .02)
	atMost(20, "1 − AUC within 14 days", 1-*b.Within.AUC, 1-.965)
	for _, cover := range []float64{*b.WithinCoverage, *b.FinalCoverage} {
		atMost(20, "coverage of the 80 % interval", cover, .86)
		atMost(20, "1 − coverage", 1-cover, 1-.74)
	}
	b, _ = blend(50)
	atMost(50, "Brier within 14 days", b.Within.Brier, oracle[0]+.007)
	atMost(50, "Brier by the event", b.Final.Brier, oracle[1]+.012)
}
