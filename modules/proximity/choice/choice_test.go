package choice

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

var options = []Option{{Value: 500}, {Offer: "beer", Kind: Percent, Value: 400, Depth: 0.2}, {Offer: "poster", Kind: Item, Value: 420, Held: true}}

// fixed is a policy of given probabilities.
type fixed []float64

func (fixed) Name() string                                { return "fixed" }
func (f fixed) Probabilities(Context, []Option) []float64 { return f }

func TestDecide(t *testing.T) {
	for u, want := range map[float64][3]float64{0: {0, 0, 0.5}, 0.19: {0, 0, 0.5}, 0.2: {1, 1, 0.5}, 0.69: {1, 1, 0.5}, 0.7: {2, 0, 0.5}, 0.9999: {2, 0, 0.5}} {
		r, err := Decide(fixed{0.2, 0.5, 0.3}, Context{}, options, u)
		if err != nil || [3]float64{float64(r.Intended), float64(r.Chosen), r.Propensity} != want {
			t.Errorf("u %v: %+v, %v", u, r, err)
		}
	}
	for _, bad := range []fixed{{0.5, 0.4, 0}, {1}, {-1, 1, 1}, {math.NaN(), 0, 1}} {
		if _, err := Decide(bad, Context{}, options, 0.5); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	if _, err := Decide(fixed{1}, Context{}, options[1:2], 0); err == nil {
		t.Error("there must be none among the options")
	}
}

func TestHoldoutIsOneInTenAndStays(t *testing.T) {
	held, both := 0, 0
	for i := range 20_000 {
		person := fmt.Sprint("person ", i)
		a, b := Holdout(person, "a"), Holdout(person, "b")
		if a != Holdout(person, "a") {
			t.Fatal("it changed")
		}
		if a {
			held++
		}
		if a && b {
			both++
		}
	}
	if held < 1850 || held > 2150 || both < 140 || both > 260 {
		t.Errorf("%d of 20,000 are held out, %d of both offers: want 2,000 and 200", held, both)
	}
}

// draw is a history that the uniform policy made, in which beer doubles the chance of
// the segment "thirsty" and does nothing for others.
func draw(n int, seed uint64) (history []Record) {
	r := rand.New(rand.NewPCG(seed, 3))
	for i := range n {
		o := []Option{options[0], options[1], {Offer: "poster", Kind: Item, Value: 420, Held: Holdout(fmt.Sprint(i), "poster")}}
		c := Context{Zone: "bar", Segment: []string{"thirsty", "other"}[r.IntN(2)], Hour: 5 * r.Float64(), Queue: 20 * r.Float64()}
		d, err := Decide(Uniform{}, c, o, r.Float64())
		if err != nil {
			panic(err)
		}
		p := truth(c, o[d.Chosen])
		if d.Bought = r.Float64() < p; d.Bought {
			d.Reward = o[d.Chosen].Value
		}
		history = append(history, d)
	}
	return history
}

func truth(c Context, o Option) float64 {
	if c.Segment == "thirsty" && o.Offer == "beer" {
		return 0.4
	}
	return 0.2
}

func policies(t *testing.T, history []Record) []Policy {
	t.Helper()
	pooled, err := FitPooled(history, 1)
	if err != nil {
		t.Fatal(err)
	}
	linucb, err := FitLinUCB(history)
	if err != nil {
		t.Fatal(err)
	}
	return []Policy{pooled, linucb, FitSegments(history, 1), Uniform{}}
}

func TestPoliciesLearnWhoIsThirsty(t *testing.T) {
	for _, p := range policies(t, draw(3000, 1))[:3] {
		thirsty := p.Probabilities(Context{Zone: "bar", Segment: "thirsty", Hour: 2, Queue: 10}, options)
		other := p.Probabilities(Context{Zone: "bar", Segment: "other", Hour: 2, Queue: 10}, options)
		if thirsty[1] < 0.8 || other[1] > 0.15 {
			t.Errorf("%s: thirsty %.2f, other %.2f", p.Name(), thirsty, other)
		}
	}
}

func TestADamagedRecordTeachesNothingAndBreaksNothing(t *testing.T) {
	for _, p := range policies(t, []Record{{Chosen: 3}, {Chosen: -1, Options: options}, {}}) {
		if q := p.Probabilities(Context{}, options); len(q) != len(options) {
			t.Errorf("%s: %v", p.Name(), q)
		}
	}
}

func TestPoliciesWithoutHistory(t *testing.T) {
	for _, p := range policies(t, nil) {
		q := p.Probabilities(Context{Queue: math.NaN(), Paid: math.Inf(1), Hour: -3}, options)
		sum := 0.0
		for _, v := range q {
			sum += v
			if v < explore/3-1e-9 {
				t.Errorf("%s: an option has no propensity: %v", p.Name(), q)
			}
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Errorf("%s: %v", p.Name(), q)
		}
	}
}

// The doubly robust interval of a policy holds its true value, on logs of another policy.
func TestEvaluateFindsTheTrueValue(t *testing.T) {
	all := policies(t, draw(1000, 99))
	inside, cases := 0, 0
	for seed := range uint64(20) {
		log := draw(1500, seed)
		for _, p := range append(all, fixed{0.1, 0.8, 0.1}) {
			v, err := Evaluate(p, log)
			if err != nil {
				t.Fatal(err)
			}
			actual := 0.0
			for _, r := range log {
				for a, q := range done(p.Probabilities(r.Context, r.Options), r.Options) {
					actual += q * truth(r.Context, r.Options[a]) * r.Options[a].Value / float64(len(log))
				}
			}
			cases++
			if v.Low <= actual && actual <= v.High {
				inside++
			}
			if math.Abs(v.SNIPS-actual) > 25 || math.Abs(v.DR-actual) > 25 {
				t.Errorf("seed %d, %s: %+v, in truth %.1f", seed, p.Name(), v, actual)
			}
		}
	}
	t.Logf("%d of %d intervals hold the truth", inside, cases)
	if inside < cases*88/100 {
		t.Errorf("only %d of %d 95 %% intervals hold the truth", inside, cases)
	}
}

func TestCompareKnowsTheBetterOne(t *testing.T) {
	all := policies(t, draw(2000, 98))
	v, err := Compare(Uniform{}, all[0], draw(2000, 4))
	if err != nil || !v.Better || v.Gain < 5 {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err = Compare(all[0], Uniform{}, draw(2000, 4)); err != nil || v.Better {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err = Compare(all[0], all[1], draw(49, 4)); err == nil {
		t.Error("49 decisions were enough")
	}
	broken := draw(60, 4)
	broken[7].Propensity = 0
	if _, err = Evaluate(all[0], broken); err == nil {
		t.Error("a log without propensities was enough")
	}
}

// sends are decisions that intended an offer; one in ten is held out.
func sends(r *rand.Rand, n int, sent, held float64) (log []Record) {
	for i := range n {
		rec := Record{Options: []Option{{Value: 500}, {Offer: "beer", Value: 400, Held: i%10 == 0}}, Intended: 1, Chosen: 1, Propensity: 0.9}
		p := sent
		if i%10 == 0 {
			rec.Chosen, p = 0, held
		}
		if rec.Bought = r.Float64() < p; rec.Bought {
			rec.Reward = rec.Options[rec.Chosen].Value
		}
		log = append(log, rec)
	}
	return log
}

func TestUpliftHoldsTheTruthAsOftenAsItSays(t *testing.T) {
	buys, earns := 0, 0
	for seed := range uint64(400) {
		l := Uplift(sends(rand.New(rand.NewPCG(seed, 5)), 1200, 0.3, 0.15), "beer")
		if !l.Enough || l.Sent != 1080 || l.Held != 120 {
			t.Fatalf("%+v", l)
		}
		if l.BuysLow <= 0.15 && 0.15 <= l.BuysTop {
			buys++
		}
		if l.EarnLow <= 45 && 45 <= l.EarnTop {
			earns++
		}
	}
	if buys < 368 || earns < 364 {
		t.Errorf("of 400 intervals %d hold the uplift of buying, %d that of earnings", buys, earns)
	}
}

func TestUpliftWithTooLittleDataSaysSo(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, log := range [][]Record{nil, sends(r, 250, 0.9, 0.1), sends(r, 4000, 0, 0)} {
		if l := Uplift(log, "beer"); l.Enough || l.Earns != 0 || l.Buys != 0 {
			t.Errorf("%+v of %d sends", l, len(log))
		}
	}
	if l := Uplift(sends(r, 4000, 0.5, 0.5), "poster"); l.Sent != 0 {
		t.Errorf("%+v of another offer", l)
	}
}

func TestAPolicySurvivesARestart(t *testing.T) {
	all := policies(t, draw(500, 7))
	for _, p := range all {
		state, err := Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(state)
		if err != nil {
			t.Fatalf("%s: %v", p.Name(), err)
		}
		rapid.Check(t, func(t *rapid.T) {
			c := Context{Segment: rapid.SampledFrom([]string{"thirsty", "other", "", "new"}).Draw(t, "segment"), Queue: rapid.Float64().Draw(t, "queue"), Hour: rapid.Float64().Draw(t, "hour")}
			a, b := p.Probabilities(c, options), again.Probabilities(c, options)
			if fmt.Sprint(a) != fmt.Sprint(b) {
				t.Fatalf("%s: %v before, %v after", p.Name(), a, b)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	history := draw(60, 7)
	pooled, _ := FitPooled(history, 1)
	linucb, _ := FitLinUCB(history)
	for _, p := range []Policy{pooled, linucb, FitSegments(history, 1), Uniform{}} {
		state, _ := Encode(p)
		f.Add(state)
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		p, err := Decode(state)
		if err != nil {
			return
		}
		q := p.Probabilities(Context{Zone: "bar", Segment: "thirsty", Queue: 3}, options)
		if len(q) != len(options) {
			t.Fatalf("%v of %s", q, p.Name())
		}
		if again, err := Encode(p); err == nil && !json.Valid(again) {
			t.Fatal("no JSON")
		}
	})
}
