package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/analytics/forecasttest"
)

// Retraining: seconds for so many past events.
var trainings = []struct {
	events int
	goal   time.Duration
}{{200, 10 * time.Second}, {5000, time.Minute}}

// forecasts is scenario K: the pure algorithms on simulated markets and crowds, in this
// process, and retraining by the job of the running usher.
func (b *bench) forecasts(ctx context.Context) error {
	t := forecasttest.Trial{Markets: 24, Events: 100, Particles: 200, Past: []int{0, 5, 20, 50, 200}}
	if b.n < 1_000_000 {
		t.Markets, t.Particles = 8, 100
	}
	c, err := t.Compare()
	if err != nil {
		return err
	}
	b.result.tell("Bayes oracle, which knows the market", "Brier %.4f within 14 days, %.4f by the event, of %d forecasts", c.Oracle[0].Brier, c.Oracle[1].Brier, c.Oracle[0].N)
	for _, n := range t.Past {
		b.forecastScores(n, c)
	}
	b.forecastGoals(c)
	for _, g := range trainings {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		events := forecasttest.NewMarket(1).Past(g.events, 15_000)
		calendar, start := forecast.NewCalendar(events), time.Now()
		if _, err := forecast.Train(events, calendar); err != nil {
			return err
		}
		b.result.tell(fmt.Sprintf("the fit alone on %d past events", g.events), "%.1f s", time.Since(start).Seconds())
	}
	if err := b.calibration(); err != nil {
		return err
	}
	b.clusters()
	return b.retrainings(ctx)
}

// calibration is of more markets than the oracle can look at: of few forecasts it is mostly chance.
func (b *bench) calibration() error {
	const markets, events = 48, 60
	c, err := forecasttest.Trial{Markets: markets, Events: events, Past: []int{0, 5, 20, 50}}.Compare()
	if err != nil {
		return err
	}
	for _, n := range []int{0, 5, 20, 50} {
		s := c.By[n].Method("blend").Within
		what, value := fmt.Sprintf("%d past events: calibration error within 14 days, %d markets", n, markets), fmt.Sprintf("%.4f of %d forecasts", s.ECE, s.N)
		if n == 20 {
			b.result.add(what, value, "≤ .0200", verdictOf(s.ECE <= .02))
		} else {
			b.result.tell(what, "%s", value)
		}
	}
	return nil
}

// forecastScores tells what each method reached.
func (b *bench) forecastScores(n int, c *forecasttest.Comparison) {
	var values []string
	for _, m := range c.By[n].Methods {
		if n == 0 && (m.Method == "pick-up" || m.Method == "climatology") {
			continue
		}
		values = append(values, fmt.Sprintf("%s %.4f / %.4f", m.Method, m.Within.Brier, m.Final.Brier))
	}
	b.result.tell(fmt.Sprintf("Brier with %d past events, within 14 days / by the event", n), "%s", strings.Join(values, "; "))
}

func (b *bench) forecastGoals(c *forecasttest.Comparison) {
	near, far := c.Oracle[0].Brier, c.Oracle[1].Brier
	atMost := func(n int, what string, got, most float64, goal string) {
		b.result.add(fmt.Sprintf("%d past events: %s", n, what), fmt.Sprintf("%.4f", got), fmt.Sprintf("≤ %.4f (%s)", most, goal), verdictOf(got <= most))
	}
	for _, g := range []struct {
		n     int
		share float64
	}{{0, .68}, {5, .60}, {20, .50}} {
		r := c.By[g.n]
		atMost(g.n, "Brier within 14 days", r.Method("blend").Within.Brier, g.share*r.Method("run-rate").Within.Brier, fmt.Sprintf("%.2f × run-rate", g.share))
	}
	twenty, fifty := c.By[20].Method("blend"), c.By[50].Method("blend")
	atMost(20, "Brier within 14 days", twenty.Within.Brier, near+.010, "oracle + .010")
	atMost(20, "Brier within 14 days", twenty.Within.Brier, .8*c.By[20].Method("pick-up").Within.Brier, ".80 × pick-up")
	atMost(20, "Brier by the event", twenty.Final.Brier, far+.018, "oracle + .018")
	auc := *twenty.Within.AUC
	b.result.add("20 past events: AUC within 14 days", fmt.Sprintf("%.4f", auc), "≥ .965", verdictOf(auc >= .965))
	for what, covered := range map[string]float64{"within 14 days": *twenty.WithinCoverage, "by the event": *twenty.FinalCoverage} {
		b.result.add("20 past events: coverage of the 80 % interval "+what, fmt.Sprintf("%.3f", covered), ".74 to .86", verdictOf(covered >= .74 && covered <= .86))
	}
	atMost(50, "Brier within 14 days", fifty.Within.Brier, near+.007, "oracle + .007")
	atMost(50, "Brier by the event", fifty.Final.Brier, far+.012, "oracle + .012")
}
