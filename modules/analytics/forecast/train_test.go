package forecast

import (
	"math"
	"math/rand/v2"
	"testing"
)

// hall is an event that sells a few tickets a day, more on the last ones.
func hall(r *rand.Rand, i int) *Event {
	e := &Event{OnSale: Day(15_000 + i), Date: Day(15_014 + i), Capacity: 400, Genre: []string{"rock", "jazz"}[i%2]}
	for d := 14; d >= 0; d-- {
		n := 0
		for mean, t := (4+4*float64(i%2))*(1+3*math.Exp(-float64(d)/3)), r.ExpFloat64(); t < mean; t += r.ExpFloat64() {
			n++
		}
		e.Sold = append(e.Sold, n)
	}
	return e
}

// Beginning with a part of many events leads to where the long way through all leads.
func TestManyEventsAreFittedAsWell(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	var events []*Event
	for i := range many + 200 {
		events = append(events, hall(r, i))
	}
	quick, long := newTraining(usable(events), nil), newTraining(usable(events), nil)
	if err := quick.fitAll(); err != nil {
		t.Fatal(err)
	}
	if err := long.fit(long.all, long.model, rounds, iterations); err != nil {
		t.Fatal(err)
	}
	for j, name := range long.model.Names {
		if d := quick.model.Coef[j] - long.model.Coef[j]; math.Abs(d) > .02 {
			t.Errorf("%s is %.3f, want %.3f", name, quick.model.Coef[j], long.model.Coef[j])
		}
	}
	if d := quick.model.Variance.Phi/long.model.Variance.Phi - 1; math.Abs(d) > .02 {
		t.Errorf("variance %+v, want %+v", quick.model.Variance, long.model.Variance)
	}
}
