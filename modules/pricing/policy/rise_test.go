package policy_test

import (
	"math"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/pricing/markettest"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// Rise is what the learner says of its own prices, once it has set today's.
func (l *learner) Rise(day, left int, sold []int, prices []int64, days int) float64 {
	return policy.Rise(policy.Course{Limits: l.limits, Moment: l.moment(day), Left: left, Past: l.days(day, sold, prices), Ahead: l.m.Forecast[day:]}, days)
}

// What is said of a price going up comes true about as often as is said. The bench
// asks more markets.
func TestTheChanceOfARiseIsHonest(t *testing.T) {
	markets := append(markettest.Markets(30, 1), markettest.Markets(30, 2)...)
	f := markettest.Foresee(markets, 11, 3, func(m *markettest.Market) markettest.Foreseer { return newLearner(m) })
	t.Logf("%+v", f)
	if f.N < 100 || f.Error > .07 || math.Abs(f.Said-f.Happened) > .05 {
		t.Errorf("want an error of at most .07: %+v", f)
	}
}

func TestNoRiseIsForeseenWhereNoneCanCome(t *testing.T) {
	scarce := course(12, 8, 100)
	if p := policy.Rise(scarce, 3); p < .9 {
		t.Errorf("twice as many want one as there are: %.2f", p)
	}
	for name, change := range map[string]func(c *policy.Course){
		"nothing is left":     func(c *policy.Course) { c.Left = 0 },
		"no days are left":    func(c *policy.Course) { c.Ahead = nil },
		"at the ceiling":      func(c *policy.Course) { c.Limits.Ceiling = 3000 },
		"quiet time":          func(c *policy.Course) { c.Moment.Doors = c.Moment.Now.Add(23 * time.Hour) },
		"few want any":        func(c *policy.Course) { c.Left = 5000 },
		"it never gains much": func(c *policy.Course) { c.Limits.MinGain = 10 },
	} {
		c := course(12, 8, 100)
		change(&c)
		if p := policy.Rise(c, 3); p > .02 {
			t.Errorf("%s: %.2f", name, p)
		}
	}
}
