package window

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Ten thousand random streams, late, early and out of order, over one to three
// partitions, with finals asked for at random moments: together the finals are
// what a batch over the same events gives, each once.
func TestRandomStreamsEqualABatch(t *testing.T) {
	covered := map[Kind]map[Function]int{}
	for seed := range uint64(10_000) {
		r := rand.New(rand.NewPCG(seed, 0))
		w, a := randomWindow(r), randomAggregate(r)
		p := Policy{Late: time.Duration(r.IntN(30)) * time.Second, Reorder: time.Duration(r.IntN(10)) * time.Second}
		partitions := 1 + r.IntN(3)
		since := second(-3600)
		events := randomStream(r, partitions)
		e := NewEngine(w, a, p, partitions, since)
		var got []Keyed
		for _, v := range events {
			e.Observe(v.partition, v.key, v.at, v.arrival, v.asValue())
			if r.IntN(8) == 0 {
				got = append(got, e.Finals()...)
			}
		}
		for p := range partitions {
			e.Idle(p, second(86400))
		}
		got = append(got, e.Finals()...)
		slices.SortStableFunc(got, byEnd)
		if diff := differ(got, batch(w, a, effective(events, p, since))); diff != "" {
			t.Fatalf("seed %d, %+v %+v %+v, %d partitions: %s", seed, w, a, p, partitions, diff)
		}
		if left := e.Open(second(86400)); len(left) > 0 || held(e) > 0 {
			t.Fatalf("seed %d, %+v: %d windows open and %d parts held after the end", seed, w, len(left), held(e))
		}
		if covered[w.Kind] == nil {
			covered[w.Kind] = map[Function]int{}
		}
		covered[w.Kind][a.Function]++
	}
	for _, k := range Kinds {
		for _, f := range Functions {
			if covered[k][f] < 100 {
				t.Errorf("only %d streams tried %s of %s windows", covered[k][f], f, k)
			}
		}
	}
}

func held(e *Engine) (n int) {
	for _, byKey := range e.parts {
		n += len(byKey)
	}
	return n
}

// randomStream is in order of arrival, as a log is.
func randomStream(r *rand.Rand, partitions int) []event {
	arrival := noon
	events := make([]event, 1+r.IntN(60))
	for i := range events {
		arrival += Micros(r.IntN(4_000_000))
		at := arrival - Micros(r.IntN(12_000_000))
		switch r.IntN(12) {
		case 0:
			at = arrival - Micros(r.IntN(90_000_000))
		case 1:
			at = arrival + Micros(r.IntN(400_000_000)) // some beyond the early limit
		case 2, 3:
			at -= at % 1_000_000 // right on the borders
		}
		events[i] = event{r.IntN(partitions), string(rune('a' + r.IntN(3))), at, arrival, float64(r.IntN(50)) / 4}
	}
	return events
}

func TestIntervalsHoldTheirEndAndNotTheirStart(t *testing.T) {
	w := Window{Kind: Tumbling, Size: 10 * time.Second}
	for at, end := range map[Micros]Micros{second(0): second(0), second(0) + 1: second(10), second(10): second(10), second(10) + 1: second(20), -5: 0, -10_000_000: -10_000_000} {
		if start, got := w.Place(at); got != end || start != end-10_000_000 {
			t.Errorf("%d lies in (%d, %d], want the end %d", at, start, got, end)
		}
	}
}

// An event may still count at the watermark itself, and belongs to the window
// that ends there: it must not be final before.
func TestAWindowIsFinalOnlyAfterItsEnd(t *testing.T) {
	e := NewEngine(Window{Kind: Tumbling, Size: 10 * time.Second}, Aggregate{Function: Count}, Policy{Late: time.Minute, Reorder: 5 * time.Second}, 1, second(-10))
	e.Observe(0, "", second(8), second(8), Value{})
	e.Observe(0, "", second(15), second(15), Value{}) // W = :10
	if got := e.Finals(); len(got) != 0 {
		t.Fatalf("final at W = end: %+v", got)
	}
	e.Observe(0, "", second(10), second(16), Value{}) // exactly at the tolerance
	e.Observe(0, "", second(15)+1, second(16), Value{})
	got := e.Finals()
	if len(got) != 1 || got[0].Facts != 2 || got[0].End != second(10) {
		t.Fatalf("got %+v, want two facts until :10", got)
	}
}

func TestTheSlowestPartitionHoldsFinalsBack(t *testing.T) {
	e := NewEngine(Window{Kind: Tumbling, Size: 10 * time.Second}, Aggregate{Function: Count}, Policy{Late: time.Minute}, 2, second(-10))
	e.Observe(0, "", second(5), second(5), Value{})
	e.Observe(0, "", second(100), second(100), Value{})
	if got := e.Finals(); len(got) != 0 {
		t.Fatalf("final although partition 1 has said nothing: %+v", got)
	}
	e.Idle(1, second(71))
	if got := e.Finals(); len(got) != 1 || got[0].Facts != 1 {
		t.Fatalf("not final although partition 1 is idle since after the end: %+v", got)
	}
}

// Two halves of a session in two partitions, joined by a third event between them.
func TestSessionsJoinOverPartitions(t *testing.T) {
	e := NewEngine(Window{Kind: Session, Gap: 10 * time.Second}, Aggregate{Function: Count}, Policy{Late: time.Hour, Reorder: time.Minute}, 3, second(-10))
	for p, at := range []int{0, 18, 9} {
		e.Observe(p, "cart", second(at), second(at), Value{})
	}
	for p := range 3 {
		e.Idle(p, second(3600+28))
	}
	if got := e.Finals(); len(got) != 0 {
		t.Fatalf("final at its end already: %+v", got)
	}
	e.Observe(0, "cart", second(40), second(41), Value{})
	for p := range 3 {
		e.Idle(p, second(3600+29))
	}
	got := e.Finals()
	if len(got) != 1 || got[0].Facts != 3 || got[0].Start != second(0) || got[0].End != second(28) {
		t.Fatalf("got %+v, want one session of three from :00 to :28", got)
	}
}

func TestOpenShowsWhatIsNotFinal(t *testing.T) {
	e := NewEngine(Window{Kind: Hopping, Size: 20 * time.Second, Hop: 10 * time.Second}, Aggregate{Function: Sum}, Policy{Late: time.Minute}, 1, second(-10))
	e.Observe(0, "", second(3), second(3), Value{Number: 2})
	e.Observe(0, "", second(12), second(12), Value{Number: 3})
	got := e.Open(second(15))
	if len(got) != 2 || got[0].End != second(10) || got[1].End != second(20) {
		t.Fatalf("open are %+v, want the windows until :10 and :20", got)
	}
	if v, _ := got[1].State.Result(); v != 5 || got[1].Facts != 2 {
		t.Errorf("until :20 the sum is %v of %d facts", v, got[1].Facts)
	}
	if v, _ := e.Open(second(15))[1].State.Result(); v != 5 {
		t.Errorf("asked twice, the sum is %v", v)
	}
}

func TestCheckNamesEveryFault(t *testing.T) {
	for _, c := range []struct {
		w    Window
		want []string
	}{
		{Window{Kind: Tumbling, Size: time.Minute}, nil},
		{Window{Kind: Sliding, Size: MaxSpan, Hop: 5 * time.Minute}, nil},
		{Window{Kind: Session, Gap: time.Second}, nil},
		{Window{Kind: Snapshot}, nil},
		{Window{Kind: "daily"}, []string{"kind"}},
		{Window{Kind: Tumbling, Hop: 1, Gap: 1}, []string{"size", "hop", "gap"}},
		{Window{Kind: Hopping, Size: 25 * time.Second, Hop: 10 * time.Second}, []string{"size"}},
		{Window{Kind: Hopping, Size: MaxSpan, Hop: time.Second}, []string{"hop"}},
		{Window{Kind: Sliding, Size: MaxSpan + 1e9}, []string{"size", "hop"}},
		{Window{Kind: Session, Size: 1}, []string{"gap", "size"}},
		{Window{Kind: Snapshot, Size: 1, Gap: 2}, []string{"size", "gap"}},
	} {
		var got []string
		for _, f := range c.w.Check() {
			got = append(got, f.Name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: faults in %v, want %v", c.w, got, c.want)
		}
	}
}
