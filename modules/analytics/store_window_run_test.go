package analytics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/stream"
)

func expect(t *testing.T, got []Output, want ...string) {
	t.Helper()
	if lines := tell(got); !slices.Equal(lines, want) {
		t.Errorf("outputs are\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

// minute is so many minutes after noon.
func minute(m float64) time.Time { return queryNoon.Add(time.Duration(m * float64(time.Minute))) }

func TestWindowsBecomeFinalOnce(t *testing.T) {
	r := newQueryRig(t)
	q := r.create(sales("sales"))
	r.run(r.Service)
	r.happen(sale("a", minute(0.1)), sale("b", minute(0.5)), sale("a", minute(1)), sale("a", minute(1.5)))
	r.settled()
	expect(t, r.finalsAt(q, minute(2))) // an idle partition is as far as the clock less the lateness: W is 12:01 and not after it
	expect(t, r.finalsAt(q, minute(2).Add(time.Second)), " (12:00:00, 12:01:00] 3 of 3")
	expect(t, r.finalsAt(q, minute(2).Add(2*time.Second)), " (12:00:00, 12:01:00] 3 of 3")
	expect(t, r.finalsAt(q, minute(10)), " (12:00:00, 12:01:00] 3 of 3", " (12:01:00, 12:02:00] 1 of 1")
	for _, o := range r.outputs(q) {
		if !o.Complete || o.FinalAt == nil {
			t.Errorf("%+v is not complete and final", o)
		}
	}
	if n := r.number(`SELECT count(*) FROM analytics.partial`); n != 0 {
		t.Errorf("%d parts are held after all windows are final", n)
	}
}

func (r *queryRig) number(sql string) (n int) {
	r.t.Helper()
	r.must(r.db.Pool().QueryRow(r.t.Context(), sql).Scan(&n))
	return n
}

// A fact that comes after its window is final moves on to the next: it is counted
// late, and the final output and its revision stay.
func TestLateFactsDoNotChangeFinals(t *testing.T) {
	r := newQueryRig(t)
	q := r.create(sales("sales"))
	r.run(r.Service)
	r.happen(sale("a", minute(0.5)))
	r.settled()
	before := r.finalsAt(q, minute(3))
	r.happen(happening{kind: "sale.completed", key: "a", at: minute(0.5), received: minute(3)})
	r.settled()
	after := r.finalsAt(q, minute(9))
	expect(t, before, " (12:00:00, 12:01:00] 1 of 1")
	expect(t, after, " (12:00:00, 12:01:00] 1 of 1", " (12:01:00, 12:02:00] 1 of 1")
	if !after[0].FinalAt.Equal(*before[0].FinalAt) {
		t.Error("the final output was written again")
	}
	stats, err := r.QueryStats(t.Context())
	r.must(err)
	if s := stats[0]; s.Facts != 2 || s.Late != 1 || s.Dropped != 0 {
		t.Errorf("stats are %+v", s)
	}
}

func TestDropLeavesOutWhatIsOutOfLine(t *testing.T) {
	r := newQueryRig(t)
	d := sales("sales")
	d.Lateness = LatenessText{Late: "10s", Reorder: "1s", Otherwise: "drop"}
	q := r.create(d)
	r.run(r.Service)
	r.happen(sale("a", minute(0.5)), happening{kind: "sale.completed", key: "a", at: minute(0.4), received: minute(0.5)}, // 6 s out of order
		happening{kind: "sale.completed", key: "a", at: minute(0.1), received: minute(0.5)}, // late
		happening{kind: "sale.completed", key: "a", at: minute(7), received: minute(0.5)})   // early
	r.settled()
	expect(t, r.finalsAt(q, minute(2)), " (12:00:00, 12:01:00] 1 of 1")
	stats, err := r.QueryStats(t.Context())
	r.must(err)
	if s := stats[0]; s.Facts != 1 || s.Late != 1 || s.OutOfOrder != 1 || s.Early != 1 || s.Dropped != 3 {
		t.Errorf("stats are %+v", s)
	}
}

// Filter, key and value are taken from the fact; what lacks the value is told.
func TestQueriesFilterAndGroup(t *testing.T) {
	r := newQueryRig(t)
	q := r.create(Definition{Name: "revenue", Types: []string{"sale.completed", "x.refund"}, Filter: `$.channel in ["app", "web"]`, Key: "$.category",
		Window: WindowText{Kind: "hopping", Size: "2m", Hop: "1m"}, Aggregate: Aggregation{Function: "sum", Of: "$.total"}})
	r.run(r.Service)
	of := func(kind, category, channel string, total any) happening {
		return happening{kind: kind, key: category + channel, at: minute(0.5), received: minute(0.5), data: map[string]any{"category": category, "channel": channel, "total": total}}
	}
	r.happen(of("sale.completed", "vip", "app", 10.5), of("x.refund", "vip", "web", -2), of("sale.completed", "vip", "till", 99), of("sale.completed", "day", "app", 3),
		of("sale.completed", "day", "app", "3"), of("sale.opened", "day", "app", 3))
	r.settled()
	expect(t, r.finalsAt(q, minute(5)), "day (11:59:00, 12:01:00] 3 of 1", "vip (11:59:00, 12:01:00] 8.5 of 2", "day (12:00:00, 12:02:00] 3 of 1", "vip (12:00:00, 12:02:00] 8.5 of 2")
	if o := r.outputs(q); o[0].Complete || !o[2].Complete {
		t.Error("a window that began before the query did is not marked so, or one is that did not")
	}
	stats, err := r.QueryStats(t.Context())
	r.must(err)
	if s := stats[0]; s.Facts != 3 || s.Unusable != 1 {
		t.Errorf("stats are %+v", s)
	}
}

func TestKeysBeyondTheLimitAreCountedAsOther(t *testing.T) {
	r := newQueryRig(t)
	d := sales("sales")
	d.Key, d.MaxKeys = "$.category", 3
	q := r.create(d)
	r.run(r.Service)
	var all []happening
	for i := range 60 {
		all = append(all, sale(fmt.Sprintf("k%02d", i%20), minute(0.5)))
	}
	r.happen(all...)
	r.settled()
	total, keys := 0.0, 0
	for _, o := range r.finalsAt(q, minute(5)) {
		total += *o.Value
		keys++
	}
	stats, err := r.QueryStats(t.Context())
	r.must(err)
	// Two partitions at once may admit a key too many each.
	if total != 60 || keys < 4 || keys > 6 || stats[0].Overflow != int64(60-3*(keys-1)) {
		t.Errorf("%v sales under %d keys, %d beyond the limit", total, keys, stats[0].Overflow)
	}
	if n := r.number(`SELECT count(*) FROM analytics.series`); n != 0 {
		t.Errorf("%d keys are held without state", n)
	}
}

// A session's facts lie in several partitions: it is one all the same.
func TestSessionsJoinOverPartitions(t *testing.T) {
	r := newQueryRig(t)
	q := r.create(Definition{Name: "carts", Types: []string{"cart.item_added"}, Key: "$.cart", Window: WindowText{Kind: "session", Gap: "2m"}, Aggregate: Aggregation{Function: "count"}})
	r.run(r.Service)
	add := func(partitionKey string, at float64) happening {
		return happening{kind: "cart.item_added", key: partitionKey, at: minute(at), received: minute(at), data: map[string]any{"cart": "c1"}}
	}
	r.happen(add("p1", 0), add("p2", 3.5), add("p3", 1.8), add("p4", 9))
	r.settled()
	expect(t, r.finalsAt(q, minute(6.5)))
	expect(t, r.finalsAt(q, minute(6.6)), "c1 (12:00:00, 12:05:30] 3 of 3")
	expect(t, r.finalsAt(q, minute(20)), "c1 (12:00:00, 12:05:30] 3 of 3", "c1 (12:09:00, 12:11:00] 1 of 1")
	if n := r.number(`SELECT count(*) FROM analytics.partial`); n != 0 {
		t.Errorf("%d parts are held after all sessions are final", n)
	}
}

func TestProvisionalOutputsCarryARevision(t *testing.T) {
	r := newQueryRig(t)
	q := r.create(sales("sales"))
	r.run(r.Service)
	for n := range int64(3) {
		r.clock.Advance(time.Second)
		r.happen(sale(fmt.Sprint("buyer-", n), r.clock.Now()))
		r.settled()
		open, err := r.Provisional(t.Context(), q, 10)
		r.must(err)
		if len(open) != 1 || *open[0].Value != float64(n+1) || open[0].Revision != n+1 || open[0].FinalAt != nil {
			t.Fatalf("after %d facts: %v", n+1, tell(open))
		}
	}
}

// A batch that dies after it has counted, at any moment, is counted once when it
// is repeated: nothing lost, nothing doubled.
func TestFailedBatchesAreCountedExactlyOnce(t *testing.T) {
	r := newQueryRig(t)
	q := r.create(sales("sales"))
	var mu sync.Mutex
	deaths, tries := 0, map[int16]int{}
	s := r.process(Defaults())
	st := stream.New(r.db, stream.Config{Poll: 10 * time.Millisecond, RetryMin: time.Millisecond, Attempts: 50}, s.log)
	s.stream = st
	l := s.Windows()
	count := l.Handle
	l.Batch = 7
	l.Handle = func(ctx context.Context, tx *db.Tx, facts []stream.Fact) error {
		if err := count(ctx, tx, facts); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		p := facts[0].Partition
		if tries[p]++; tries[p]%2 == 1 { // every second try of each partition
			deaths++
			return errors.New("killed before the commit")
		}
		return nil
	}
	st.Listen(l)
	r.run(s)
	var all []happening
	for i := range 300 {
		all = append(all, sale(fmt.Sprint("buyer-", i%40), minute(float64(i%60)/60)))
	}
	r.happen(all...)
	r.settled()
	total := 0.0
	for _, o := range r.finalsAt(q, minute(9)) {
		total += *o.Value
	}
	if total != 300 || deaths < 20 {
		t.Errorf("%v of 300 are counted after %d deaths", total, deaths)
	}
	if n := r.number(`SELECT count(*) FROM stream.parked`); n != 0 {
		t.Errorf("%d facts are parked", n)
	}
}

// Two processes share the partitions and race for the finals; one of them dies on
// the way. Each output is final once and handed to consumers once.
func TestTwoProcessesCountAndFinaliseOnce(t *testing.T) {
	r := newQueryRig(t)
	d := sales("sales")
	d.Key = "$.category"
	q := r.create(d)
	other := r.process(Defaults())
	var mu sync.Mutex
	consumed := map[string]int{}
	for _, s := range []*Service{r.Service, other} {
		s.OnFinal(func(_ context.Context, _ *db.Tx, finals []Output) error {
			mu.Lock()
			defer mu.Unlock()
			for _, o := range finals {
				consumed[told(o)]++
			}
			return nil
		})
	}
	r.run(r.Service)
	stop := r.run(other)
	for i := range 10 {
		var all []happening
		for j := range 50 {
			all = append(all, sale(fmt.Sprint("k", j), minute(float64(i)+0.5)))
		}
		r.happen(all...)
		if i == 5 {
			stop()
		}
	}
	r.settled()
	r.clock.Advance(time.Hour)
	var both sync.WaitGroup
	for _, s := range []*Service{r.Service, other} {
		both.Go(func() {
			for range 3 {
				if err := s.Finalise(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	both.Wait()
	out := r.outputs(q)
	if len(out) != 500 || len(consumed) != 500 {
		t.Errorf("%d outputs, %d consumed; want 500 of each", len(out), len(consumed))
	}
	for _, o := range out {
		if *o.Value != 1 || consumed[told(o)] != 1 {
			t.Errorf("%s was consumed %d times", told(o), consumed[told(o)])
		}
	}
}

func TestAFailingConsumerHoldsItsOutputsBack(t *testing.T) {
	r := newQueryRig(t)
	q := r.create(sales("sales"))
	sick := errors.New("consumer is ill")
	var seen []Output
	r.OnFinal(func(_ context.Context, _ *db.Tx, finals []Output) error {
		if sick != nil {
			return sick
		}
		seen = append(seen, finals...)
		return nil
	})
	r.run(r.Service)
	r.happen(sale("a", minute(0.5)))
	r.settled()
	r.clock.Advance(time.Hour)
	if err := r.Finalise(t.Context()); !errors.Is(err, sick) || len(r.outputs(q)) != 0 {
		t.Fatalf("%v, and %d outputs are stored", err, len(r.outputs(q)))
	}
	sick = nil
	expect(t, r.finalsAt(q, minute(61)), " (12:00:00, 12:01:00] 1 of 1")
	if len(seen) != 1 || seen[0].Replayed {
		t.Errorf("consumed %+v", seen)
	}
}
