package analytics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/stream"
)

// watchRig is a database with processes that run detectors.
type watchRig struct{ *queryRig }

func newWatchRig(t *testing.T) watchRig {
	t.Helper()
	return watchRig{newQueryRig(t)}
}

// watcher is a process; wrap may put something around its handlers.
func (r watchRig) watcher(cfg Config, wrap func(stream.Listener) stream.Listener) *Service {
	r.t.Helper()
	st := stream.New(r.db, stream.Config{Poll: 20 * time.Millisecond, RetryMin: time.Millisecond, Attempts: 1 << 20}, quietLog)
	s := New(cfg, r.db, st, nil, nil, nil, quietLog)
	for _, l := range s.DetectorListeners() {
		if wrap != nil {
			l = wrap(l)
		}
		st.Listen(l)
	}
	r.must(st.Register(r.t.Context()))
	return s
}

// handled waits until a process's detectors and carts have seen every fact.
func (r watchRig) handled(s *Service) {
	r.t.Helper()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for _, listener := range []string{detectorListener, cartListener} {
		for {
			idle, err := s.stream.Idle(r.t.Context(), listener)
			r.must(err)
			if len(idle) == db.Partitions {
				break
			}
			<-look.C
		}
	}
}

// announced are the facts of a type in the log, in order.
func announced[T db.Fact](r watchRig) (all []T) {
	r.t.Helper()
	var none T
	rows, err := r.db.Pool().Query(r.t.Context(), `SELECT data FROM stream.log WHERE type = $1 ORDER BY xid, id`, none.FactType())
	r.must(err)
	defer rows.Close()
	for rows.Next() {
		var raw []byte
		var f T
		r.must(rows.Scan(&raw))
		r.must(json.Unmarshal(raw, &f))
		all = append(all, f)
	}
	r.must(rows.Err())
	return all
}

func ticketSale(event string, at time.Time) happening {
	return happening{kind: "sale.completed", key: event, at: at, received: at, data: map[string]any{"event": event}}
}

// minutes of n sales each, from the clock on; after each of them everything is handled and judged.
func (r watchRig) minutes(s *Service, count, n int, event string) {
	r.t.Helper()
	for range count {
		start := r.clock.Now()
		for i := range n {
			r.happen(ticketSale(event, start.Add(time.Duration(i+1)*time.Minute/time.Duration(n+1))))
		}
		r.clock.Advance(time.Minute)
		r.handled(s)
		r.must(s.Judge(r.t.Context()))
	}
}

func buying() Config {
	cfg := Defaults()
	cfg.Detectors = []Detector{{Name: "buying", Types: []string{"sale.completed"}, HistorySize: 60}}
	return cfg
}

func TestDemandShiftIsAnnounced(t *testing.T) {
	r := newWatchRig(t)
	s := r.watcher(buying(), nil)
	r.run(s)
	r.minutes(s, 40, 6, "gig")
	changed := r.clock.Now()
	r.minutes(s, 8, 20, "gig")
	got := announced[facts.DemandShifted](r)
	if len(got) != 1 {
		t.Fatalf("%d facts: %+v", len(got), got)
	}
	f := got[0]
	if f.Event != "gig" || f.Direction != "up" || f.Method != "shift" || f.Detector != "buying" || f.Ratio < 2.5 || f.Observed < 15 || f.Baseline > 7 {
		t.Errorf("%+v", f)
	}
	if f.Since.Before(changed.Add(-time.Minute)) || f.Since.After(changed) || f.At.After(changed.Add(3*time.Minute)) {
		t.Errorf("since %s, at %s; the change was at %s", f.Since, f.At, changed)
	}
	alarms, err := s.findAlarms(t.Context(), series{Event: "gig"}, id.Nil, 10)
	if err != nil || len(alarms) != 1 || alarms[0].Direction != "up" {
		t.Errorf("%+v, %v", alarms, err)
	}
	row, err := s.oneSeries(t.Context(), series{"buying", "gig", ""})
	if err != nil || row.AlarmAt == nil || !row.AlarmAt.Equal(f.At) || row.Observed != 20 {
		t.Errorf("%+v, %v", row, err)
	}
}

// Nobody sends anything any more, for this event or for any: that is news too.
func TestSilenceIsAnnounced(t *testing.T) {
	r := newWatchRig(t)
	s := r.watcher(buying(), nil)
	r.run(s)
	r.minutes(s, 30, 8, "gig")
	r.minutes(s, 8, 0, "gig")
	got := announced[facts.DemandShifted](r)
	if len(got) != 1 || got[0].Direction != "down" || got[0].Observed != 0 {
		t.Errorf("%+v", got)
	}
}

// While Usher was away, nobody knows what happened: that is not the same as nothing.
func TestTimeAwayIsNotSilence(t *testing.T) {
	r := newWatchRig(t)
	s := r.watcher(buying(), nil)
	r.run(s)
	r.minutes(s, 30, 8, "gig")
	r.clock.Advance(3 * time.Hour)
	r.minutes(s, 20, 8, "gig")
	for _, f := range announced[facts.DemandShifted](r) {
		if f.Direction == "down" && f.Observed == 0 && f.At.Sub(queryNoon) > 45*time.Minute && f.At.Sub(queryNoon) < 3*time.Hour+20*time.Minute {
			t.Errorf("%+v", f)
		}
	}
	row, err := s.oneSeries(t.Context(), series{"buying", "gig", ""})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(row.Memory.Observed); n > 30+20+awayBins+1 {
		t.Errorf("%d bins were judged, of 50 in which Usher was there", n)
	}
}

// Two processes that read, fail, end and judge at random see each fact once, in
// the bin of its time.
func TestModelOfBins(t *testing.T) {
	r := newWatchRig(t)
	rnd, mood := rand.New(rand.NewPCG(5, 5)), rand.New(rand.NewPCG(5, 6))
	var mu sync.Mutex // of mood
	moody := func(l stream.Listener) stream.Listener {
		handle := l.Handle
		l.Batch, l.Workers = 7, 2
		l.Handle = func(ctx context.Context, tx *db.Tx, all []stream.Fact) error {
			if err := handle(ctx, tx, all); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if mood.IntN(4) == 0 {
				return errors.New("not in the mood")
			}
			return nil
		}
		return l
	}
	cfg := buying()
	cfg.Detectors[0].Category = "$.category"
	one := r.watcher(cfg, moody)
	stopOne := r.run(one)
	want := map[series]map[int64]float32{}
	start := r.clock.Now()
	r.must(r.db.InTx(t.Context(), func(tx *db.Tx) error { _, err := startDetectors(tx, one.watched, start); return err }))
	var batch []happening
	for minute := range 25 {
		if minute == 8 || minute == 16 { // a restart in the middle of a bin
			stopOne()
			one = r.watcher(cfg, moody)
			stopOne = r.run(one)
		}
		if minute == 4 {
			r.run(r.watcher(cfg, moody))
		}
		for range 12 {
			event, category := fmt.Sprint("gig", rnd.IntN(3)), fmt.Sprint("c", rnd.IntN(2))
			at := start.Add(time.Duration(minute)*time.Minute + time.Duration(1+rnd.IntN(60_000_000))*time.Microsecond)
			arrival := at.Add(time.Duration(rnd.IntN(25)) * time.Second) // some of them too late
			h := ticketSale(event, at)
			h.key, h.received, h.data["category"] = fmt.Sprint("order", rnd.IntN(100)), arrival, category
			counted := latest(at, arrival.Add(-15*time.Second))
			k := series{"buying", event, category}
			if want[k] == nil {
				want[k] = map[int64]float32{}
			}
			want[k][binEnd(counted, time.Minute).Unix()]++
			batch = append(batch, h)
		}
		slices.SortFunc(batch, func(a, b happening) int { return a.received.Compare(b.received) })
		r.clock.Advance(time.Minute)
		var arrived int
		for arrived < len(batch) && !batch[arrived].received.After(r.clock.Now()) {
			arrived++
		}
		r.happen(batch[:arrived]...)
		batch = batch[arrived:]
		r.judgeTwice(one)
	}
	r.clock.Advance(time.Minute)
	r.happen(batch...)
	r.handled(one)
	r.clock.Advance(2 * time.Minute)
	r.must(one.Judge(t.Context()))
	for k, bins := range want {
		row, err := one.oneSeries(t.Context(), k)
		r.must(err)
		got := map[int64]float32{}
		for i, ends := range row.Memory.Ends {
			if n := row.Memory.Observed[i]; n > 0 {
				got[ends] = n
			}
		}
		if !maps.Equal(got, bins) {
			t.Errorf("%v:\n got %v\nwant %v", k, got, bins)
		}
	}
}

// judgeTwice lets two processes judge at once, one of which may fail half-way.
func (r watchRig) judgeTwice(s *Service) {
	var both sync.WaitGroup
	both.Go(func() { r.must(s.Judge(r.t.Context())) })
	both.Go(func() {
		ctx, cancel := context.WithTimeout(r.t.Context(), 3*time.Millisecond)
		defer cancel()
		_ = s.Judge(ctx) // rolled back wherever it is
	})
	both.Wait()
}

func TestAnotherBinWidthBeginsAnew(t *testing.T) {
	r := newWatchRig(t)
	s := r.watcher(buying(), nil)
	stop := r.run(s)
	r.minutes(s, 5, 4, "gig")
	stop()
	cfg := buying()
	cfg.Detectors[0].Bin = 5 * time.Minute
	s = r.watcher(cfg, nil)
	r.run(s)
	r.must(s.Judge(t.Context()))
	r.minutes(s, 11, 4, "gig")
	row, err := s.oneSeries(t.Context(), series{"buying", "gig", ""})
	if err != nil || !slices.Equal(row.Memory.Observed, []float32{20, 20}) {
		t.Errorf("%+v, %v", row, err)
	}
}

func TestForgetBinsKeepsWhatIsUsed(t *testing.T) {
	r := newWatchRig(t)
	s := r.watcher(buying(), nil)
	r.run(s)
	r.minutes(s, 70, 1, "gig")
	r.must(s.forgetBins(t.Context()))
	if _, err := s.oneSeries(t.Context(), series{"buying", "gig", ""}); err != nil {
		t.Error(err)
	}
	var hours int
	r.must(r.db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM analytics.detector_hour WHERE total = 60 AND bins = 60`).Scan(&hours))
	if hours != 1 {
		t.Errorf("%d hours are kept", hours)
	}
	r.clock.Advance(57 * 24 * time.Hour)
	r.must(s.forgetBins(t.Context()))
	if _, err := s.oneSeries(t.Context(), series{"buying", "gig", ""}); err == nil {
		t.Error("a series nobody has seen for two months is still there")
	}
}
