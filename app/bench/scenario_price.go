package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/usherhq/usher/modules/pricing/markettest"
	"github.com/usherhq/usher/modules/pricing/policy"
)

const (
	priceMarkets  = 100
	priceRuns     = 20 // of each market
	priceShare    = .94
	priceOverList = .08
	priceP10      = .88
	priceChanges  = 12
	priceGuarded  = 1_000_000
)

// prices is scenario Q: the policy in this process, in markets whose truth is known.
func (b *bench) prices(ctx context.Context) error {
	runs := priceRuns
	if b.n < 1_000_000 {
		runs = 4
	}
	for _, load := range []float64{1, .6, 1.5, 2.5} {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s := markettest.Judge(markettest.Markets(priceMarkets, load), runs, func(m *markettest.Market) markettest.Seller { return newPricer(m) })
		what := fmt.Sprintf("load %g, %d markets × %d runs: ", load, priceMarkets, runs)
		if load != 1 {
			b.result.tell(what+"of the optimum", "%.1f %%; list price %.1f %%; p10 %.1f %%; %.1f changes an event, %d at most", 100*s.Share, 100*s.List, 100*s.P10, s.Changes, s.Most)
			continue
		}
		b.result.add(what+"of the optimum", fmt.Sprintf("%.1f %%", 100*s.Share), "≥ 94 %", verdictOf(s.Share >= priceShare))
		b.result.add("points over the list price", fmt.Sprintf("%.1f (list price %.1f %%, fluid bound %.1f %%)", 100*(s.Share-s.List), 100*s.List, 100*s.Fluid), "≥ 8", verdictOf(s.Share-s.List >= priceOverList))
		b.result.add("the tenth worst market", fmt.Sprintf("%.1f %%", 100*s.P10), "≥ 88 %", verdictOf(s.P10 >= priceP10))
		b.result.add("price changes an event", fmt.Sprintf("%.1f on average, %d at most", s.Changes, s.Most), "≤ 12, each", verdictOf(s.Most <= priceChanges))
	}
	protected, served := markettest.JudgePools(100, func(p *markettest.Pool) []int {
		tiers := make([]policy.Tier, len(p.Tiers))
		for i, t := range p.Tiers {
			tiers[i] = policy.Tier{Price: t.Price, Demand: t.Mean, SD: t.SD}
		}
		return policy.Protect(tiers, p.Capacity)
	})
	b.result.tell("protection levels (EMSR-b), 100 pools: of the optimum", "%.2f %%; first come, first served %.1f %%", 100*protected, 100*served)
	b.rises()
	begun := time.Now()
	let, outside := guarded(priceGuarded)
	b.result.add("prices outside their limits", fmt.Sprintf("%d of %d decisions (%d changed a price), %.1f s", outside, priceGuarded, let, time.Since(begun).Seconds()), "0", verdictOf(outside == 0))
	return nil
}

// pricer sells with the policy, once a day, inside the usual guard-rails.
type pricer struct {
	m      *markettest.Market
	limits policy.Limits
	past   []policy.Price
}

var opening = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func usualLimits(list int64) policy.Limits {
	return policy.Limits{List: list, Floor: list * 7 / 10, Ceiling: list * 3 / 2, Rounding: 50, Daily: .1, MinGain: .005, Every: time.Hour, Most: priceChanges, Quiet: 24 * time.Hour, Mode: policy.Auto}
}

func newPricer(m *markettest.Market) *pricer {
	return &pricer{m: m, limits: usualLimits(m.List), past: []policy.Price{{At: opening.Add(-48 * time.Hour), Minor: m.List}}}
}

func (p *pricer) days(day int, sold []int, prices []int64) []policy.Day {
	days := make([]policy.Day, day)
	for i := range days {
		days[i] = policy.Day{Forecast: p.m.Forecast[i], Ratio: float64(prices[i]) / float64(p.m.List), Sold: float64(sold[i])}
	}
	return days
}

func (p *pricer) moment(day int) policy.Moment {
	return policy.Moment{Now: opening.AddDate(0, 0, day), Doors: opening.AddDate(0, 0, len(p.m.Forecast)), Price: p.past[len(p.past)-1].Minor, Past: p.past, Changed: len(p.past) - 1}
}

// Price is what the policy asks on a day.
func (p *pricer) Price(day, left int, sold []int, prices []int64) int64 {
	at := p.moment(day)
	c := policy.Choose(p.limits, at, left, policy.OutlookOf(p.m.Forecast[day:]), policy.Learn(p.days(day, sold, prices)))
	if policy.Guard(p.limits, at, c.Price, c.Gain).Allowed {
		p.past = append(p.past, policy.Price{At: at.Now, Minor: c.Price})
		return c.Price
	}
	return at.Price
}

// Rise is how likely the policy asks more within some days, seen once today's price is set.
func (p *pricer) Rise(day, left int, sold []int, prices []int64, days int) float64 {
	return policy.Rise(policy.Course{Limits: p.limits, Moment: p.moment(day), Left: left, Past: p.days(day, sold, prices), Ahead: p.m.Forecast[day:]}, days)
}

// rises tells how honest the chances of a dearer price within three days are.
func (b *bench) rises() {
	markets := append(markettest.Markets(priceMarkets, 1), markettest.Markets(priceMarkets, 2)...)
	f := markettest.Foresee(markets, 4, 3, func(m *markettest.Market) markettest.Foreseer { return newPricer(m) })
	b.result.add(fmt.Sprintf("chance of a dearer price within 3 days, %d told: calibration error", f.N), fmt.Sprintf("%.4f (said %.3f, came %.3f; of %d told with 60 %% and more %.0f %% came)", f.Error, f.Said, f.Happened, f.Likely, 100*f.LikelyHappened),
		"≤ .03", verdictOf(f.Error <= .03))
}

// guarded makes decisions at random and counts those that moved a price, and those
// that moved it outside its limits. The test of policy checks every rule; this one
// the ones that buyers would see.
func guarded(n int) (let, outside int) {
	r := rand.New(rand.NewPCG(1, 2))
	var past []policy.Price
	l, now := usualLimits(3000), opening
	for i := range n {
		if i%100 == 0 {
			l, now = usualLimits(1000+int64(r.IntN(10_000))), opening
			l.Daily, l.Rounding = .02+.2*r.Float64(), 1+int64(r.IntN(100))
			past = append(past[:0], policy.Price{At: now.Add(-48 * time.Hour), Minor: l.List})
		}
		now = now.Add(time.Duration(r.ExpFloat64() * float64(6*time.Hour)))
		in := past[len(past)-1].Minor
		at := policy.Moment{Now: now, Doors: opening.AddDate(1, 0, 0), Price: in, Past: past, Trigger: r.IntN(3) == 0}
		low, high, _ := l.Range(at)
		price := (low + int64(r.Float64()*1.4*float64(high-low)) - (high-low)/5) / l.Rounding * l.Rounding
		if !policy.Guard(l, at, price, r.Float64()*.02).Allowed {
			continue
		}
		let++
		dayAgo := now.Add(-24 * time.Hour)
		bad := price < l.Floor || price > l.Ceiling || price%l.Rounding != 0
		for k, p := range past {
			ended := k+1 < len(past) && !past[k+1].At.After(dayAgo)
			moved := float64(max(price-p.Minor, p.Minor-price))
			bad = bad || !ended && moved > l.Daily*float64(p.Minor)+1e-6
		}
		if bad {
			outside++
		}
		past = append(past, policy.Price{At: now, Minor: price})
	}
	return let, outside
}
