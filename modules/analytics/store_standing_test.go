package analytics

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// A replay gives the same finals again, leaves other queries alone, and is no news.
func TestReplayGivesTheSameFinals(t *testing.T) {
	for _, w := range []WindowText{{Kind: "tumbling", Size: "2m"}, {Kind: "sliding", Size: "3m", Hop: "1m"}, {Kind: "session", Gap: "40s"}, {Kind: "snapshot"}} {
		t.Run(w.Kind, func(t *testing.T) {
			r := newQueryRig(t)
			d := sales("sales")
			d.Window, d.Key = w, "$.category"
			q, bystander := r.create(d), r.create(sales("bystander"))
			stop := r.run(r.Service)
			var all []happening
			for i := range 200 {
				all = append(all, sale(fmt.Sprint("k", i%3), minute(float64(i)/20)))
			}
			r.happen(all...)
			r.settled()
			want, bystanders := tell(r.finalsAt(q, minute(60))), tell(r.outputs(bystander))
			replayed := 0
			for _, from := range []time.Time{minute(4.1), minute(0.01), minute(9)} {
				stop()
				r.Service = r.process(Defaults())
				stop = r.run(r.Service)
				news := 0
				r.OnFinal(func(_ context.Context, _ *db.Tx, finals []Output) error {
					for _, o := range finals {
						if replayed++; !o.Replayed {
							news++
						}
					}
					return nil
				})
				r.must(r.ReplayQuery(t.Context(), "sales", from))
				r.settled()
				if got := tell(r.finalsAt(q, r.clock.Now().Add(time.Hour))); !slices.Equal(got, want) {
					t.Fatalf("after a replay from %s:\n%v\nwant\n%v", from, got, want)
				}
				if news > 0 {
					t.Errorf("%d replayed outputs are news", news)
				}
			}
			if replayed == 0 {
				t.Error("nothing was replayed")
			}
			if got := tell(r.outputs(bystander)); !slices.Equal(got, bystanders) {
				t.Errorf("the replay of another query changed\n%v\nto\n%v", bystanders, got)
			}
		})
	}
}

func TestReplayRefusesTimesWithoutFacts(t *testing.T) {
	r := newQueryRig(t)
	r.create(sales("sales"))
	r.happen(sale("a", minute(0)))
	for _, from := range []time.Time{minute(-1), minute(1)} {
		if err := r.ReplayQuery(t.Context(), "sales", from); !fault.Is(err, fault.Invalid) {
			t.Errorf("from %s: %v", from, err)
		}
	}
	if err := r.ReplayQuery(t.Context(), "nothing", minute(0)); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

// What was counted before stays final, what comes in a pause does not count, and
// a replay makes up for it.
func TestPauseAndReplay(t *testing.T) {
	r := newQueryRig(t)
	q := r.create(sales("sales"))
	r.run(r.Service)
	r.happen(sale("a", minute(0.5)))
	r.settled()
	r.finalsAt(q, minute(3))
	r.must(r.PauseQuery(t.Context(), "sales", true))
	r.happen(sale("a", minute(3.5)))
	r.settled()
	expect(t, r.finalsAt(q, minute(6)), " (12:00:00, 12:01:00] 1 of 1")
	r.must(r.PauseQuery(t.Context(), "sales", false))
	r.happen(sale("a", minute(6.5)))
	r.settled()
	expect(t, r.finalsAt(q, minute(9)), " (12:00:00, 12:01:00] 1 of 1", " (12:06:00, 12:07:00] 1 of 1")
	r.must(r.ReplayQuery(t.Context(), "sales", minute(3)))
	r.settled()
	expect(t, r.finalsAt(q, minute(20)), " (12:00:00, 12:01:00] 1 of 1", " (12:03:00, 12:04:00] 1 of 1", " (12:06:00, 12:07:00] 1 of 1")
}

func TestANewDefinitionBeginsAnew(t *testing.T) {
	r := newQueryRig(t)
	q := r.create(sales("sales"))
	r.run(r.Service)
	r.happen(sale("a", minute(0.5)))
	r.settled()
	r.finalsAt(q, minute(3))
	d := sales("sales")
	d.Aggregate = Aggregation{Function: "sum", Of: "$.total"}
	edited, err := r.EditQuery(t.Context(), "sales", d)
	r.must(err)
	if edited.Aggregate.Function != "sum" || len(r.outputs(q)) != 0 {
		t.Errorf("after the edit: %+v, %d outputs", edited.Aggregate, len(r.outputs(q)))
	}
	r.must(r.ReplayQuery(t.Context(), "sales", minute(0.5)))
	r.settled()
	expect(t, r.finalsAt(q, minute(20)), " (12:00:00, 12:01:00] 10 of 1")
	r.must(r.DeleteQuery(t.Context(), "sales"))
	if n := r.number(`SELECT (SELECT count(*) FROM analytics.output) + (SELECT count(*) FROM analytics.partial) + (SELECT count(*) FROM analytics.watermark)`); n != 0 {
		t.Errorf("%d rows are left of a deleted query", n)
	}
}

// The configuration's queries appear at start, cannot be changed elsewhere, begin
// anew when they changed, and are paused and set free when they are gone.
func TestQueriesOfTheConfiguration(t *testing.T) {
	r := newQueryRig(t)
	start := func(all ...Definition) {
		t.Helper()
		cfg := Defaults()
		cfg.Queries = all
		r.must(r.process(cfg).Start(t.Context()))
	}
	start(sales("sales"), sales("more"))
	start(sales("sales"), sales("more")) // again, as every start does
	if err := r.DeleteQuery(t.Context(), "sales"); !fault.Is(err, fault.Conflict) {
		t.Errorf("deleted although config.yaml defines it: %v", err)
	}
	changed := sales("sales")
	changed.Filter = "exists($.total)"
	start(changed)
	all, err := r.Queries(t.Context())
	r.must(err)
	if len(all) != 2 || all[0].Name != "more" || all[0].PausedAt == nil || all[0].Origin != "dashboard" || all[1].Filter != changed.Filter || all[1].Origin != "config" {
		t.Errorf("queries are %+v", all)
	}
	r.must(r.DeleteQuery(t.Context(), "more"))
}

func TestOldOutputsAreForgotten(t *testing.T) {
	r := newQueryRig(t)
	q := r.create(sales("sales"))
	r.run(r.Service)
	r.happen(sale("a", minute(0.5)), sale("a", minute(30*60+0.5)))
	r.settled()
	r.finalsAt(q, minute(40*60))
	r.clock.Advance(90*24*time.Hour - 20*time.Hour)
	r.must(r.ForgetOutputs(t.Context()))
	if left := r.outputs(q); len(left) != 1 || !left[0].End.Equal(minute(30*60+1)) {
		t.Errorf("left are %v", tell(left))
	}
}

// Random streams through PostgreSQL, with failures of order and many keys, equal a
// batch computed another way from the same facts.
func TestRandomStreamsThroughPostgreSQLEqualABatch(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 9))
			r := newQueryRig(t)
			r.run(r.Service)
			late, reorder := time.Duration(5+rnd.IntN(60))*time.Second, time.Duration(rnd.IntN(10))*time.Second
			queries := map[string]Query{}
			for _, w := range []WindowText{{Kind: "tumbling", Size: "30s"}, {Kind: "hopping", Size: "1m", Hop: "20s"}, {Kind: "session", Gap: "15s"}} {
				queries[w.Kind] = r.create(Definition{Name: w.Kind, Types: []string{"x.random"}, Key: "$.k", Window: w,
					Aggregate: Aggregation{Function: "sum", Of: "$.v"}, Lateness: LatenessText{Late: late.String(), Reorder: reorder.String()}})
			}
			var all []happening
			received := queryNoon
			for range 300 {
				received = received.Add(time.Duration(rnd.IntN(3000)) * time.Millisecond)
				all = append(all, happening{kind: "x.random", key: fmt.Sprint("p", rnd.IntN(6)), received: received,
					at:   received.Add(-time.Duration(rnd.IntN(90_000)) * time.Millisecond * time.Duration(rnd.IntN(2))),
					data: map[string]any{"k": fmt.Sprint("k", rnd.IntN(4)), "v": rnd.IntN(20)}})
			}
			for i := 0; i < len(all); i += 50 {
				r.happen(all[i : i+50]...)
			}
			r.settled()
			times := effectiveTimes(all, late, reorder)
			for name, size := range map[string]time.Duration{"tumbling": 30 * time.Second, "hopping": time.Minute, "session": 15 * time.Second} {
				hop := map[string]time.Duration{"tumbling": size, "hopping": 20 * time.Second}[name]
				if got, want := tell(r.finalsAt(queries[name], r.clock.Now().Add(6*time.Hour))), bruteSums(all, times, size, hop); !slices.Equal(got, want) {
					t.Errorf("%s:\n%v\nwant\n%v", name, got, want)
				}
			}
		})
	}
}

// effectiveTimes is the policy's closed form: max(e, a − L, newest of the partition before − O).
func effectiveTimes(all []happening, late, reorder time.Duration) []time.Time {
	newest := map[int16]time.Time{}
	times := make([]time.Time, len(all))
	for i, h := range all {
		p := db.PartitionOf(h.key)
		own := h.at
		if oldest := h.received.Add(-late); own.Before(oldest) {
			own = oldest
		}
		times[i] = own
		if floor := newest[p].Add(-reorder); !newest[p].IsZero() && own.Before(floor) {
			times[i] = floor
		}
		if own.After(newest[p]) {
			newest[p] = own
		}
	}
	return times
}

// bruteSums tells the sums of all windows; hop 0 means sessions with the gap size.
func bruteSums(all []happening, times []time.Time, size, hop time.Duration) []string {
	var out []Output
	for k := range 4 {
		key := fmt.Sprint("k", k)
		var own []int
		for i, h := range all {
			if h.data["k"] == key {
				own = append(own, i)
			}
		}
		slices.SortFunc(own, func(a, b int) int { return times[a].Compare(times[b]) })
		sum := func(from, to time.Time, closed bool) {
			o := Output{Key: key, Start: from, End: to, Value: new(float64)}
			for _, i := range own {
				if times[i].After(from) && !times[i].After(to) || closed && times[i].Equal(from) {
					*o.Value += float64(all[i].data["v"].(int))
					o.Revision++
				}
			}
			if o.Revision > 0 {
				out = append(out, o)
			}
		}
		if hop > 0 {
			for end := queryNoon.Add(-time.Hour); end.Before(queryNoon.Add(2 * time.Hour)); end = end.Add(hop) {
				sum(end.Add(-size), end, false)
			}
			continue
		}
		for n, begun := 0, 0; n < len(own); n++ {
			if n+1 == len(own) || times[own[n+1]].Sub(times[own[n]]) > size {
				sum(times[own[begun]], times[own[n]].Add(size), true)
				begun = n + 1
			}
		}
	}
	slices.SortFunc(out, func(a, b Output) int { return cmp.Or(a.End.Compare(b.End), cmp.Compare(a.Key, b.Key)) })
	return tell(out)
}
