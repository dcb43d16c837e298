package heatmap

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBottlenecks(t *testing.T) {
	got := Bottlenecks([]Passage{{"wide", 10, 500}, {"gate", 2, 160}, {"alley", 1, 70}, {"unknown", 0, 900}, {"free", 2, 131}})
	if len(got) != 2 || got[0].Name != "gate" || got[1].Name != "alley" || math.Abs(got[0].Load-160.0/164) > 1e-9 || got[0].WidthNeed != 2.5 {
		t.Errorf("%+v", got)
	}
}

// Trips drawn from another decay (a power of the distance) with one stall that nobody
// likes: that one is found, and no other.
func TestUnderusedStalls(t *testing.T) {
	found, wrong := 0, 0
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		var trips []Trips
		for s := range 9 {
			x, y := 80*r.Float64(), 60*r.Float64()
			appeal := 0.3 * math.Exp(0.12*r.NormFloat64())
			if s == 4 {
				appeal *= 0.4
			}
			for o := range 5 {
				d := 5 + math.Hypot(x-20*float64(o), y-30)
				crowd := 100 + 400*r.Float64()
				mean := crowd * appeal * math.Pow(1+d/30, -1.2)
				trips = append(trips, Trips{fmt.Sprint("stall ", s), fmt.Sprint("zone ", o), d, crowd, math.Round(max(0, mean+math.Sqrt(mean)*r.NormFloat64()))})
			}
		}
		got, err := UnderusedStalls(trips)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range got {
			if u.Stall == "stall 4" {
				found++
			} else {
				wrong++
			}
		}
	}
	t.Logf("found %d of 40, and %d others", found, wrong)
	if found < 36 || wrong > 8 {
		t.Errorf("found %d of 40 unloved stalls, and %d others", found, wrong)
	}
	if got, err := UnderusedStalls(nil); got != nil || err != nil {
		t.Errorf("%v, %v of no trips", got, err)
	}
}

// randomSites are some stalls between a gate and a stage that stay.
func randomSites(r *rand.Rand, stalls int) (sites []Site, flow [][]float64) {
	sites = []Site{{ID: "gate", X: 0, Y: 20, Pinned: true, People: 20}, {ID: "stage", X: 60, Y: 20, Pinned: true, People: 200}}
	for i := range stalls {
		sites = append(sites, Site{ID: fmt.Sprint("stall ", i), X: 60 * r.Float64(), Y: 40 * r.Float64(), People: 40 * r.Float64()})
	}
	flow = square(len(sites))
	for a := range flow {
		for b := range flow {
			if a != b {
				flow[a][b] = 100 * math.Pow(r.Float64(), 3)
			}
		}
	}
	return sites, flow
}

func TestArrangeFindsTheOptimumOfSmallVenues(t *testing.T) {
	for seed := range uint64(20) {
		sites, flow := randomSites(rand.New(rand.NewPCG(seed, 1)), 6)
		q := newAssignment(sites, flow)
		best := q.cost()
		permute(q, 0, &best)
		searched := newAssignment(sites, flow)
		searched.anneal(rand.New(rand.NewPCG(1, 2)))
		searched.descend()
		if got := searched.cost(); got > best*1.001 {
			t.Errorf("seed %d: cost %.1f, the best of all 720 is %.1f", seed, got, best)
		}
	}
}

// permute tries every arrangement of the free sites from the k-th on.
func permute(q *assignment, k int, best *float64) {
	if k == len(q.free) {
		*best = min(*best, q.cost())
		return
	}
	for i := k; i < len(q.free); i++ {
		a, b := q.free[k], q.free[i]
		q.at[a], q.at[b] = q.at[b], q.at[a]
		permute(q, k+1, best)
		q.at[a], q.at[b] = q.at[b], q.at[a]
	}
}

func TestAnArrangementIsBetterAndKeepsWhatIsPinned(t *testing.T) {
	shorter, flatter := 0, 0
	for seed := range uint64(20) {
		sites, flow := randomSites(rand.New(rand.NewPCG(seed, 2)), 12)
		got := Arrange(sites, flow)
		if got == nil {
			continue
		}
		taken := map[[2]float64]bool{}
		for i, s := range got.Sites {
			if s.ID != sites[i].ID || s.Pinned && (s.X != sites[i].X || s.Y != sites[i].Y) {
				t.Fatalf("%+v became %+v", sites[i], s)
			}
			taken[[2]float64{s.X, s.Y}] = true
		}
		if len(taken) != len(sites) {
			t.Fatal("two sites at one place")
		}
		if got.WalkingAfter < got.WalkingBefore {
			shorter++
		}
		if got.PeakAfter <= got.PeakBefore*1.05 {
			flatter++
		}
		if again := Arrange(sites, flow); again.WalkingAfter != got.WalkingAfter {
			t.Fatal("the same venue has two best arrangements")
		}
	}
	t.Logf("of 20 venues %d have shorter ways, %d no fuller places", shorter, flatter)
	if shorter < 15 || flatter < 15 {
		t.Errorf("of 20 venues %d have shorter ways, %d no fuller places", shorter, flatter)
	}
	if got := Arrange([]Site{{ID: "a"}, {ID: "b", Pinned: true}}, nil); got != nil {
		t.Errorf("%+v although nothing can move", got)
	}
}

// A way has one product: errands have a stall at one end, and follow each other closely.
func TestErrandsAreWaysToAndFromStalls(t *testing.T) {
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	visits := []Visit{
		{"a", "stage", at(0), at(20)}, {"a", "lawn", at(21), at(40)}, {"a", "bar", at(25), at(30)}, {"a", "stage", at(41), time.Time{}},
		{"b", "bar", at(0), at(5)}, {"b", "stage", at(30), at(40)}, {"b", "bar", at(39), at(45)}, {"b", "bar", at(46), at(50)},
	}
	got := Errands(visits, func(zone string) bool { return zone == "bar" })
	want := []Move{{"a", "lawn", "bar", at(25)}, {"b", "stage", "bar", at(39)}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v: who left the bar is elsewhere within ten minutes, and two areas are no errand", got, want)
	}
	var many []Move
	for i := range 25 {
		to := "bar"
		if i >= 16 {
			to = "tea"
		}
		many = append(many, Move{fmt.Sprint(i), "stage", to, at(i)})
	}
	if got := PublishErrands(many, 0.5); len(got.Ways) != 0 || got.Other == nil || *got.Other != 50 {
		t.Errorf("%+v: nine who drank tea are told by the difference", got)
	}
}
