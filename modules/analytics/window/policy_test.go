package window

import (
	"math/rand/v2"
	"testing"
	"time"
)

var noon = At(time.Date(2026, 6, 1, 0, 10, 0, 0, time.UTC))

func second(s int) Micros { return noon + Micros(s)*1e6 }

// The conformance table of stream.md: L = 15 s, O = 5 s.
func TestAdmitFollowsTheConformanceTable(t *testing.T) {
	p := Policy{Late: 15 * time.Second, Reorder: 5 * time.Second}
	w := Watermark{At: Never}
	for _, c := range []struct{ event, arrival, want, mark int }{
		{0, 40, 25, 20}, {30, 41, 30, 25}, {42, 42, 42, 37}, {38, 43, 38, 37}, {35, 45, 37, 37},
	} {
		got, ok := p.Admit(&w, second(c.event), second(c.arrival))
		if !ok || got != second(c.want) || w.At != second(c.mark) {
			t.Errorf("event :%02d at :%02d counts at %v, watermark %v; want :%02d and :%02d", c.event, c.arrival, got.Time(), w.At.Time(), c.want, c.mark)
		}
	}
	if want := (Watermark{At: second(37), Late: 1, OutOfOrder: 1}); w != want {
		t.Errorf("counted %+v, want %+v", w, want)
	}
}

func TestAdmitDropsWhatIsOutOfLineWhenTold(t *testing.T) {
	p := Policy{Late: 15 * time.Second, Reorder: 5 * time.Second, Drop: true}
	w := Watermark{At: Never}
	var kept []int
	for _, c := range [][2]int{{0, 40}, {30, 41}, {42, 42}, {38, 43}, {35, 45}} {
		if _, ok := p.Admit(&w, second(c[0]), second(c[1])); ok {
			kept = append(kept, c[0])
		}
	}
	if len(kept) != 3 || w.Late != 1 || w.OutOfOrder != 1 || w.Dropped != 2 {
		t.Errorf("kept %v, counted %+v", kept, w)
	}
}

func TestAdmitRefusesTheFuture(t *testing.T) {
	p := Policy{Late: time.Minute, Reorder: time.Second}
	w := Watermark{At: Never}
	if _, ok := p.Admit(&w, second(300), second(0)); !ok {
		t.Error("exactly five minutes early is not accepted")
	}
	before := w.At
	if _, ok := p.Admit(&w, second(300)+1, second(0)); ok || w.Early != 1 || w.Dropped != 1 || w.At != before {
		t.Errorf("more than five minutes early: accepted %v, %+v", ok, w)
	}
}

func TestIdleNeverMovesTheWatermarkBack(t *testing.T) {
	p := Policy{Late: time.Minute}
	w := Watermark{At: second(0)}
	p.Idle(&w, second(30))
	if w.At != second(0) {
		t.Errorf("moved back to %v", w.At.Time())
	}
	p.Idle(&w, second(90))
	if w.At != second(30) {
		t.Errorf("now − L is :30, not %v", w.At.Time())
	}
}

// The second conformance vector: any order within the tolerance gives every event
// its own time, so the same finals.
func TestOrderWithinTheToleranceDoesNotMatter(t *testing.T) {
	const reorder = 5
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		var events []event
		for i := range 40 {
			at := second(r.IntN(120))
			events = append(events, event{key: string(rune('a' + r.IntN(3))), at: at, arrival: at + 50e6, value: float64(i % 7)})
		}
		w, a := randomWindow(r), randomAggregate(r)
		var want []Keyed
		for range 4 {
			e := NewEngine(w, a, Policy{Late: 2 * time.Minute, Reorder: reorder * time.Second}, 1, second(-600))
			for _, v := range shuffledWithin(r, events, reorder*1e6) {
				if !e.Observe(0, v.key, v.at, v.arrival, v.asValue()) {
					t.Fatalf("seed %d: dropped %+v", seed, v)
				}
			}
			if e.Marks[0].OutOfOrder+e.Marks[0].Late > 0 {
				t.Fatalf("seed %d: within the tolerance, yet %+v", seed, e.Marks[0])
			}
			e.Idle(0, second(86400))
			got := e.Finals()
			if want == nil {
				want = got
			}
			if diff := differ(got, want); diff != "" {
				t.Fatalf("seed %d, %+v %+v: %s", seed, w, a, diff)
			}
		}
	}
}

// shuffledWithin is a random order in which no event comes after one that is more
// than tolerance newer: sorted by time plus a random delay of at most tolerance.
func shuffledWithin(r *rand.Rand, events []event, tolerance int64) []event {
	keys := map[int]Micros{}
	order := r.Perm(len(events))
	for _, i := range order {
		keys[i] = events[i].at + Micros(r.Int64N(tolerance+1))
	}
	out := make([]event, 0, len(events))
	for _, i := range sortedBy(order, keys) {
		out = append(out, events[i])
	}
	return out
}
