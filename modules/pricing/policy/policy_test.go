package policy_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/pricing/policy"
)

// daysOf draws n days of a true curve at prices that wander.
func daysOf(r *rand.Rand, n int, forecast float64, truth policy.Curve) []policy.Day {
	out := make([]policy.Day, n)
	for i := range out {
		ratio := .7 + .8*r.Float64()
		mean := forecast * truth.Factor(ratio)
		out[i] = policy.Day{Forecast: forecast, Ratio: ratio, Sold: max(0, math.Round(mean+math.Sqrt(mean+.2*mean*mean)*r.NormFloat64()))}
	}
	return out
}

func TestTheLearnerFindsTheCurve(t *testing.T) {
	truth := policy.Curve{A: .5, B: 2}
	b := policy.Learn(daysOf(rand.New(rand.NewPCG(1, 1)), 2000, 20, truth))
	if math.Abs(b.Mean.A-truth.A) > .05 || math.Abs(b.Mean.B-truth.B) > .15 || b.VarA > 1e-3 || b.VarB > 1e-2 || b.Days != 2000 {
		t.Errorf("%+v, the truth is %+v", b, truth)
	}
}

func TestWithoutDaysThePriorIsBelieved(t *testing.T) {
	for _, days := range [][]policy.Day{nil, {{Forecast: 0, Ratio: 1, Sold: 9}}, {{Forecast: 9, Ratio: 0, Sold: 9}}} {
		if got, want := policy.Learn(days), policy.Prior(); math.Abs(got.Mean.A-want.Mean.A)+math.Abs(got.Mean.B-want.Mean.B)+math.Abs(got.VarB-want.VarB) > 1e-9 || got.Days != 0 {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

func TestASoldOutDayDoesNotTeachThatDemandIsLow(t *testing.T) {
	days := []policy.Day{{Forecast: 50, Ratio: 1, Sold: 3, Full: true}}
	if a := policy.Learn(days).Mean.A; a < -.01 {
		t.Errorf("level %.3f after a day that sold out", a)
	}
}

func TestDemandFallsWithThePriceWhateverTheDaysSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		days := make([]policy.Day, r.IntN(40))
		for i := range days {
			ratio := .5 + r.Float64()
			days[i] = policy.Day{Forecast: 40 * r.Float64(), Ratio: ratio, Sold: math.Round(200 * ratio * r.Float64()), Full: r.IntN(5) == 0}
		}
		b := policy.Learn(days)
		if !(b.Mean.B >= .2) || !(b.VarA > 0) || !(b.VarB > 0) || b.VarA*b.VarB < b.Cov*b.Cov || math.IsNaN(b.Mean.A) {
			t.Fatalf("%+v", b)
		}
		for _, c := range b.Curves() {
			if !(c.B >= .2) {
				t.Fatalf("curve %+v", c)
			}
		}
	})
}

func TestTheCurvesHaveTheBeliefsMoments(t *testing.T) {
	b := policy.Belief{Mean: policy.Curve{A: .2, B: 1.9}, VarA: .04, Cov: -.01, VarB: .09}
	var a, bb, va, cov, vb float64
	for _, c := range b.Curves() {
		a, bb = a+c.A/policy.Samples, bb+c.B/policy.Samples
	}
	for _, c := range b.Curves() {
		va, cov, vb = va+(c.A-a)*(c.A-a)/policy.Samples, cov+(c.A-a)*(c.B-bb)/policy.Samples, vb+(c.B-bb)*(c.B-bb)/policy.Samples
	}
	for name, d := range map[string]float64{"mean a": a - .2, "mean b": bb - 1.9, "var a": va - .04, "cov": cov + .01, "var b": vb - .09} {
		if math.Abs(d) > 1e-4 {
			t.Errorf("%s is off by %g", name, d)
		}
	}
}

func TestExpectedSalesAgreeWithDraws(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	curves := [policy.Samples]policy.Curve{}
	for i := range curves {
		curves[i] = policy.Curve{A: .1, B: 1.4}
	}
	o := policy.OutlookOf([]float64{10, 20, 30, 40})
	for _, left := range []int{0, 40, 100, 300} {
		f, sum := curves[0].Factor(.9), 0.0
		mean := 100 * f
		sd := math.Sqrt(mean + .2*3000*f*f + .02*mean*mean)
		for range 200_000 {
			sum += min(float64(left), mean+sd*r.NormFloat64())
		}
		if got, want := policy.ExpectedSales(.9, left, o, &curves), sum/200_000; math.Abs(got-want) > .5 {
			t.Errorf("%d left: %.2f, drawn %.2f", left, got, want)
		}
	}
}

func calm(price int64) policy.Moment {
	return policy.Moment{Now: opening, Doors: opening.AddDate(0, 0, 40), Price: price, Past: []policy.Price{{At: opening.AddDate(0, 0, -9), Minor: price}}}
}

func TestThePriceFollowsDemand(t *testing.T) {
	l, m := usual(3000), calm(3000)
	for name, tc := range map[string]struct {
		left     int
		forecast float64 // a day, 40 of them
		moves    int64
	}{
		"much more demand than tickets": {100, 10, 1},
		"much less":                     {1000, 1, -1},
		"nothing left":                  {0, 10, 0},
		"nobody comes":                  {100, 0, 0},
	} {
		days := make([]float64, 40)
		for i := range days {
			days[i] = tc.forecast
		}
		c := policy.Choose(l, m, tc.left, policy.OutlookOf(days), policy.Prior())
		if moved := c.Price - m.Price; moved*tc.moves < 0 || (moved == 0) != (tc.moves == 0) {
			t.Errorf("%s: %+v", name, c)
		}
		if c.Price < 2700 || c.Price > 3300 || c.Takings < c.AtOnce || c.Gain < 0 {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestEachRuleHoldsAPriceBack(t *testing.T) {
	for rule, spoil := range map[policy.Rule]func(l *policy.Limits, m *policy.Moment, price *int64, gain *float64){
		"":                    func(*policy.Limits, *policy.Moment, *int64, *float64) {},
		policy.RuleOff:        func(l *policy.Limits, _ *policy.Moment, _ *int64, _ *float64) { l.Mode = "" },
		policy.RuleStopped:    func(l *policy.Limits, _ *policy.Moment, _ *int64, _ *float64) { l.Stopped = true },
		policy.RuleConcession: func(l *policy.Limits, _ *policy.Moment, _ *int64, _ *float64) { l.Concession = true },
		policy.RuleQuiet:      func(_ *policy.Limits, m *policy.Moment, _ *int64, _ *float64) { m.Doors = m.Now.Add(24 * time.Hour) },
		policy.RuleSoon: func(_ *policy.Limits, m *policy.Moment, _ *int64, _ *float64) {
			m.Past[0].At = m.Now.Add(-time.Hour + 1)
		},
		policy.RuleOften: func(_ *policy.Limits, m *policy.Moment, _ *int64, gain *float64) {
			m.Changed, *gain = 12, 1
		},
		policy.RuleSame:     func(_ *policy.Limits, m *policy.Moment, price *int64, _ *float64) { *price = m.Price },
		policy.RuleFloor:    func(l *policy.Limits, _ *policy.Moment, price *int64, _ *float64) { l.Floor = *price + 1 },
		policy.RuleCeiling:  func(l *policy.Limits, _ *policy.Moment, price *int64, _ *float64) { l.Ceiling = *price - 1 },
		policy.RuleRounding: func(_ *policy.Limits, _ *policy.Moment, price *int64, _ *float64) { *price++ },
		policy.RuleDaily:    func(_ *policy.Limits, _ *policy.Moment, price *int64, _ *float64) { *price = 3350 },
		policy.RuleGain:     func(_ *policy.Limits, _ *policy.Moment, _ *int64, gain *float64) { *gain = .0049 },
		policy.RuleApproval: func(l *policy.Limits, _ *policy.Moment, _ *int64, _ *float64) { l.Mode = policy.Approve },
	} {
		l, m, price, gain := usual(3000), calm(3000), int64(3300), .005
		spoil(&l, &m, &price, &gain)
		if v := policy.Guard(l, m, price, gain); v.Broke != rule || v.Allowed != (rule == "") {
			t.Errorf("%s: %+v", rule, v)
		}
	}
	l, m := usual(3000), calm(3000)
	m.Past[0].At, m.Trigger = m.Now, true
	if v := policy.Guard(l, m, 3300, 1); !v.Allowed {
		t.Errorf("a trigger may change the price within the hour: %+v", v)
	}
	if m.Changed = 12; !policy.Guard(l, m, 3300, .005).Allowed {
		t.Error("a trigger may change the price when it has changed often")
	}
	m.Changed = 0
	l.Mode, m.Agreed = policy.Approve, true
	if v := policy.Guard(l, m, 3300, 1); !v.Allowed {
		t.Errorf("approved: %+v", v)
	}
}

// The fewer changes are left, the more each must bring.
func TestTheLastChangesMustBringMore(t *testing.T) {
	l, m := usual(3000), calm(3000)
	last := 0.0
	for changed, want := range []float64{.005, .0052, .0058, .0069, .0083, .0102, .0125, .0152, .0183, .0219, .0258, .0302} {
		m.Changed = changed
		if least := leastGain(l, m); least < want-.0001 || least > want+.0001 || least < last {
			t.Errorf("after %d changes the next must bring %.4f, want %.4f", changed, least, want)
		} else {
			last = least
		}
	}
}

// leastGain finds by halving what the guard lets through.
func leastGain(l policy.Limits, m policy.Moment) float64 {
	low, high := 0.0, 1.0
	for range 40 {
		if mid := (low + high) / 2; policy.Guard(l, m, 3300, mid).Allowed {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}

func TestTheLowestPriceOfThirtyDays(t *testing.T) {
	at := func(days int, minor int64) policy.Price {
		return policy.Price{At: opening.AddDate(0, 0, -days), Minor: minor}
	}
	m := policy.Moment{Now: opening, Price: 3000, Past: []policy.Price{at(60, 1000), at(40, 2200), at(20, 2500), at(2, 3000)}}
	if got := policy.Lowest30(m); got != 2200 {
		t.Errorf("%d: the price of 40 days ago was still in force 30 days ago", got)
	}
}

func TestProtectionIsLittlewoodsForTwoTiers(t *testing.T) {
	// P(D > y) = 1/2 at the mean; at a lower fare more is kept.
	y := policy.Protect([]policy.Tier{{Price: 200, Demand: 40, SD: 10}, {Price: 100, Demand: 100, SD: 20}}, 100)
	if len(y) != 1 || y[0] != 40 {
		t.Errorf("%v, want [40]", y)
	}
	y = policy.Protect([]policy.Tier{{Price: 300, Demand: 40, SD: 10}, {Price: 150, Demand: 30, SD: 10}, {Price: 149, Demand: 10, SD: 2}, {Price: 10, Demand: 100, SD: 20}}, 60)
	if len(y) != 3 || y[0] > y[1] || y[1] > y[2] || y[2] > 60 {
		t.Errorf("levels rise and stay within the capacity: %v", y)
	}
	if y := policy.Protect([]policy.Tier{{Price: 100, Demand: 5, SD: 1}}, 10); len(y) != 0 {
		t.Errorf("one tier needs no protection: %v", y)
	}
}
