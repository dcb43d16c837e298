package policy_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/pricing/policy"
)

// A million decisions of events whose limits, clocks, demand and promoters are drawn
// at random; most prices are proposed by somebody who knows no limits at all. What
// was let through is checked by a book of its own.
func TestNoPriceIsEverOutsideItsLimits(t *testing.T) {
	const decisions, perEvent = 1_000_000, 50
	let := 0
	for event := range decisions / perEvent {
		w := newWorld(rand.New(rand.NewPCG(uint64(event), 3)))
		for range perEvent {
			if w.decide(); w.wrong != "" {
				t.Fatalf("event %d: %s\n%+v", event, w.wrong, w.limits)
			}
		}
		let += w.let
	}
	t.Logf("%d of %d decisions changed the price", let, decisions)
	if let < decisions/20 {
		t.Errorf("only %d of %d decisions changed the price: the test proves little", let, decisions)
	}
}

// world is one event: what the policy is told, and the book of what really happened.
type world struct {
	r      *rand.Rand
	limits policy.Limits
	now    time.Time
	doors  time.Time
	book   []policy.Price // every price there ever was
	quiet  int            // changes without a trigger
	let    int
	wrong  string
}

func newWorld(r *rand.Rand) *world {
	list := int64(100 + r.IntN(20_000))
	l := policy.Limits{List: list, Floor: list - int64(r.IntN(int(list))), Ceiling: list + int64(r.IntN(int(list))), Rounding: 1 + int64(r.IntN(200)),
		Daily: .3 * r.Float64(), MinGain: .02 * r.Float64(), Every: time.Duration(r.IntN(180)) * time.Minute, Most: r.IntN(14), Quiet: time.Duration(r.IntN(72)) * time.Hour,
		Mode: pick(r, policy.Auto, policy.Auto, policy.Auto, policy.Approve, policy.Off), Stopped: r.IntN(20) == 0, Concession: r.IntN(20) == 0}
	start := opening.Add(time.Duration(r.IntN(1e6)) * time.Second)
	return &world{r: r, limits: l, now: start, doors: start.Add(time.Duration(r.IntN(60*24)) * time.Hour), book: []policy.Price{{At: start, Minor: list}}}
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// decide proposes a price and writes down what was let through.
func (w *world) decide() {
	r := w.r
	w.now = w.now.Add(time.Duration(r.ExpFloat64() * float64(pick(r, time.Minute, time.Hour, 12*time.Hour))))
	in := w.book[len(w.book)-1].Minor
	if r.IntN(200) == 0 { // the promoter sets a price by hand: the rules of the machine do not bind him
		in = max(in+int64(r.IntN(int(w.limits.List)))-w.limits.List/2, 1)
		w.book = append(w.book, policy.Price{At: w.now, Minor: in})
	}
	m := policy.Moment{Now: w.now, Doors: w.doors, Price: in, Past: w.book, Changed: len(w.book) - 1, Trigger: r.IntN(4) == 0, Agreed: r.IntN(4) == 0}
	price, gain := w.propose(m)
	v := policy.Guard(w.limits, m, price, gain)
	if v.Allowed != (v.Broke == "") {
		w.wrong = fmt.Sprintf("allowed and not: %+v", v)
	}
	if v.Allowed {
		w.check(m, price, gain)
		if w.let++; !m.Trigger {
			w.quiet++
		}
		w.book = append(w.book, policy.Price{At: w.now, Minor: price})
	}
}

func (w *world) propose(m policy.Moment) (price int64, gain float64) {
	r := w.r
	switch r.IntN(24) {
	case 0: // as the product does
		days := make([]policy.Day, r.IntN(4))
		for i := range days {
			days[i] = policy.Day{Forecast: 20 * r.Float64(), Ratio: .5 + r.Float64(), Sold: float64(r.IntN(60)), Full: r.IntN(9) == 0}
		}
		o := policy.OutlookOf([]float64{30 * r.Float64(), 30 * r.Float64()})
		c := policy.Choose(w.limits, m, r.IntN(100), o, policy.Learn(days))
		return c.Price, c.Gain
	case 1: // nonsense
		return pick(r, 0, -1, math.MaxInt64, math.MinInt64, w.limits.List), pick(r, math.NaN(), math.Inf(1), math.Inf(-1), 0)
	case 2: // anything
		return int64(r.IntN(int(3 * w.limits.List))), r.Float64()
	default: // near the limits
		low, high, _ := w.limits.Range(m)
		at := pick(r, low, high, m.Price, w.limits.Floor, w.limits.Ceiling)
		return (at + int64(r.IntN(5)-2)*w.limits.Rounding) / w.limits.Rounding * w.limits.Rounding, r.Float64() * .05
	}
}

// check is the limits in words of its own, over the whole book.
func (w *world) check(m policy.Moment, price int64, gain float64) {
	l := w.limits
	bad := func(broken bool, what string) {
		if broken && w.wrong == "" {
			w.wrong = fmt.Sprintf("%s: %d → %d at %v", what, m.Price, price, w.now)
		}
	}
	bad(l.Mode == policy.Off || l.Stopped || l.Concession, "it was switched off")
	bad(l.Mode == policy.Approve && !m.Agreed, "nobody approved")
	bad(price < l.Floor || price > l.Ceiling || price < 1, "outside floor and ceiling")
	bad(price%l.Rounding != 0, "not rounded")
	bad(!(gain >= l.MinGain), "too little gain")
	bad(!m.Trigger && l.Most > 0 && w.quiet >= l.Most, "too often")
	bad(w.doors.Sub(w.now) <= l.Quiet, "in the quiet time")
	for i, p := range w.book {
		bad(!m.Trigger && w.now.Sub(p.At) < l.Every, "too soon")
		ended := i+1 < len(w.book) && !w.book[i+1].At.After(w.now.Add(-24*time.Hour))
		moved := math.Abs(float64(price - p.Minor))
		bad(!ended && moved > l.Daily*float64(p.Minor)+1e-6, "too far within a day")
	}
}
