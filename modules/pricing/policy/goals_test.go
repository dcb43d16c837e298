package policy_test

import (
	"testing"
	"time"

	"github.com/usherhq/usher/modules/pricing/markettest"
	"github.com/usherhq/usher/modules/pricing/policy"
)

func TestTheLearnerReachesItsGoals(t *testing.T) {
	s := markettest.Judge(markettest.Markets(100, 1), 3, func(m *markettest.Market) markettest.Seller { return newLearner(m) })
	t.Logf("%+v", s)
	if s.Share < .94 || s.Share-s.List < .08 || s.P10 < .88 || s.Most > 12 {
		t.Errorf("want ≥ .94 of the optimum, ≥ .08 over list, p10 ≥ .88, never more than 12 changes: %+v", s)
	}
}

func TestProtectionLevelsEarnNearlyTheOptimum(t *testing.T) {
	protected, served := markettest.JudgePools(40, protect)
	t.Logf("EMSR-b %.4f of the optimum, first come, first served %.4f", protected, served)
	if protected < .998 || served > .97 {
		t.Errorf("EMSR-b %.4f of the optimum, want ≥ .998; first come, first served %.4f", protected, served)
	}
}

func protect(p *markettest.Pool) []int {
	tiers := make([]policy.Tier, len(p.Tiers))
	for i, t := range p.Tiers {
		tiers[i] = policy.Tier{Price: t.Price, Demand: t.Mean, SD: t.SD}
	}
	return policy.Protect(tiers, p.Capacity)
}

// learner sells with the policy, once a day, inside its guard-rails.
type learner struct {
	m      *markettest.Market
	limits policy.Limits
	past   []policy.Price
}

var opening = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func newLearner(m *markettest.Market) *learner {
	return &learner{m: m, limits: usual(m.List), past: []policy.Price{{At: opening.Add(-48 * time.Hour), Minor: m.List}}}
}

// usual are the defaults.
func usual(list int64) policy.Limits {
	return policy.Limits{List: list, Floor: list * 7 / 10, Ceiling: list * 3 / 2, Rounding: 50, Daily: .1, MinGain: .005,
		Every: time.Hour, Most: 12, Quiet: 24 * time.Hour, Mode: policy.Auto}
}

func (l *learner) days(day int, sold []int, prices []int64) []policy.Day {
	days := make([]policy.Day, day)
	for i := range days {
		days[i] = policy.Day{Forecast: l.m.Forecast[i], Ratio: float64(prices[i]) / float64(l.m.List), Sold: float64(sold[i])}
	}
	return days
}

func (l *learner) moment(day int) policy.Moment {
	return policy.Moment{Now: opening.AddDate(0, 0, day), Doors: opening.AddDate(0, 0, len(l.m.Forecast)), Price: l.past[len(l.past)-1].Minor, Past: l.past, Changed: len(l.past) - 1}
}

func (l *learner) Price(day, left int, sold []int, prices []int64) int64 {
	at := l.moment(day)
	c := policy.Choose(l.limits, at, left, policy.OutlookOf(l.m.Forecast[day:]), policy.Learn(l.days(day, sold, prices)))
	if policy.Guard(l.limits, at, c.Price, c.Gain).Allowed {
		l.past = append(l.past, policy.Price{At: at.Now, Minor: c.Price})
		return c.Price
	}
	return at.Price
}
