package main

import (
	"context"
	"fmt"

	"github.com/usherhq/usher/modules/proximity/proximitytest"
	"github.com/usherhq/usher/modules/proximity/proximitytest/world"
	"github.com/usherhq/usher/modules/proximity/zoning"
)

// proximityCases are how much is simulated; a quick look does a quarter.
type proximityCases struct{ people, stalls, evenings, markets int }

// proximity is scenario P: the pure algorithms, in this process.
func (b *bench) proximity(ctx context.Context) error {
	n := proximityCases{people: 4000, stalls: 400, evenings: 20, markets: 12}
	if b.n < 1_000_000 {
		n = proximityCases{people: 1000, stalls: 100, evenings: 5, markets: 4}
	}
	for _, part := range []func(proximityCases) error{b.zones, b.queues, b.attack, b.choices} {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := part(n); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) zones(n proximityCases) error {
	f := proximitytest.Zoning(world.HardRadio(), n.people)
	of := fmt.Sprintf(" (%d stays)", f.Stays)
	b.result.add("enters and exits within "+proximitytest.Tolerance.String()+of, fmt.Sprintf("F1 %.3f (precision %.3f, recall %.3f)", f.F1, f.Precision, f.Recall), "≥ 0.95", verdictOf(f.F1 >= 0.95))
	b.result.add("flaps a visit", fmt.Sprintf("%.3f", f.Flaps), "≤ 0.05", verdictOf(f.Flaps <= 0.05))
	b.result.add("mean error of a dwell", fmt.Sprintf("%.1f s (median %.1f s)", f.DwellError, f.DwellMedian), "≤ 10 s", verdictOf(f.DwellError <= 10))
	for _, c := range []zoning.Confidence{zoning.High, zoning.Medium} {
		if v := f.ByConfidence[c]; v[1] > 0 {
			b.result.tell("visits of "+string(c)+" confidence that were true", "%.1f %% of %d", 100*float64(v[0])/float64(v[1]), v[1])
		}
	}
	return nil
}

func (b *bench) queues(n proximityCases) error {
	for _, g := range []struct{ share, people float64 }{{0.2, 0.35}, {0.4, 0.25}, {0.7, 0.18}} {
		f := proximitytest.Queues(g.share, n.stalls, 10_000)
		with := fmt.Sprintf(" at %.0f %% app share", 100*g.share)
		b.result.add("WAPE of people in a queue"+with, fmt.Sprintf("%.1f %% (bias %+.1f %%)", 100*f.People, 100*f.Bias), fmt.Sprintf("≤ %.0f %%", 100*g.people), verdictOf(f.People <= g.people))
		b.result.add("the 80 % interval holds the truth"+with, fmt.Sprintf("%.1f %% of %d minutes", 100*f.Covered, f.Minutes), "75–85 %", verdictOf(f.Covered >= 0.75 && f.Covered <= 0.85))
		if g.share == 0.4 {
			b.result.add("WAPE of waits"+with, fmt.Sprintf("%.1f %%", 100*f.Wait), "≤ 25 %", verdictOf(f.Wait <= 0.25))
		}
	}
	return nil
}

func (b *bench) attack(n proximityCases) error {
	f := proximitytest.AttackEverything(n.evenings)
	b.result.add(fmt.Sprintf("differencing attack on %d published figures of %d evenings (%d true cells and ways under 10 devices)", f.Figures, f.Evenings, f.Small),
		fmt.Sprintf("%d recovered", len(f.Found)), "0", verdictOf(len(f.Found) == 0))
	return nil
}

func (b *bench) choices(n proximityCases) error {
	for _, g := range []struct {
		sends int
		goal  float64
	}{{2000, 0.85}, {10_000, 0.88}} {
		figures, err := proximitytest.Choices(n.markets, g.sends)
		if err != nil {
			return err
		}
		random := figures[0].Share
		for _, f := range figures {
			what := fmt.Sprintf("%s: share of the oracle after %d sends", f.Policy, g.sends)
			value := fmt.Sprintf("%.1f %% (%.1f %% on average while learning)", 100*f.Share, 100*f.Average)
			if f.Policy != "pooled" {
				b.result.tell(what, "%s", value)
				continue
			}
			b.result.add(what, value, fmt.Sprintf("≥ %.0f %%, ≥ 12 points over random", 100*g.goal), verdictOf(f.Share >= g.goal && f.Share-random >= 0.12))
		}
	}
	return nil
}
