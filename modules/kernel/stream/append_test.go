package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/fault"
)

var noon = time.Date(2026, 7, 10, 12, 0, 0, 0, time.UTC)

func told(source, id string, at time.Time) Fact {
	return Fact{Type: "x.told", Key: source, Source: source, SourceID: id, Time: at, Data: json.RawMessage(`{"id":"` + id + `"}`)}
}

// Whatever repeats, within a batch, between batches and at once: the log is the set.
func TestAppendIsASet(t *testing.T) {
	h := newHouse(t, dbtest.WithClock(clock.At(noon)))
	s := h.stream()
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		fact := rapid.Custom(func(r *rapid.T) Fact {
			source := fmt.Sprintf("run-%d-%s", run, rapid.SampledFrom([]string{"a", "b"}).Draw(r, "source"))
			day := noon.AddDate(0, 0, -rapid.IntRange(0, 2).Draw(r, "days ago"))
			return told(source, fmt.Sprint(rapid.IntRange(0, 30).Draw(r, "id")), day)
		})
		batches := rapid.SliceOfN(rapid.SliceOfN(fact, 0, 40), 1, 6).Draw(r, "batches")
		fresh := make([][]bool, len(batches))
		var all sync.WaitGroup
		for i, b := range batches {
			all.Go(func() {
				var err error
				if fresh[i], err = s.Append(t.Context(), b); err != nil {
					r.Errorf("%v", err)
				}
			})
		}
		all.Wait()
		if r.Failed() {
			return
		}
		set, times := map[string]bool{}, map[string]int{}
		for i, b := range batches {
			for j, f := range b {
				name := f.Source + f.SourceID + f.Time.String()
				set[name] = true
				if fresh[i][j] {
					times[name]++
				}
			}
		}
		for name := range set {
			if times[name] != 1 {
				r.Errorf("%s was new %d times", name, times[name])
			}
		}
		if n := h.number(`SELECT count(*) FROM stream.log WHERE source LIKE $1`, fmt.Sprintf("run-%d-%%", run)); n != len(set) {
			r.Errorf("%d rows for %d facts", n, len(set))
		}
	})
}

// What is written by COPY is what Emit would have written.
func TestAppendKeepsEveryField(t *testing.T) {
	h := newHouse(t, dbtest.WithClock(clock.At(noon)))
	at := time.Date(1999, 12, 31, 23, 59, 59, 123456000, time.UTC)
	f := Fact{Type: "x.é", Key: "k\"", Source: "s", SourceID: "i\t", Time: at, Data: json.RawMessage(`{"b":[1.50,"ü"],"a":null}`)}
	if fresh, err := h.stream().Append(t.Context(), []Fact{f}); err != nil || !fresh[0] {
		t.Fatalf("%v, %v", fresh, err)
	}
	got, err := h.stream().Recent(t.Context(), nil, 1)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d facts, %v", len(got), err)
	}
	g := got[0]
	if g.Type != f.Type || g.Key != f.Key || g.Source != f.Source || g.SourceID != f.SourceID || !g.Time.Equal(at) || !g.ReceivedAt.Equal(noon) ||
		g.Partition != db.PartitionOf(f.Key) || g.XID == 0 || g.ID == 0 {
		t.Errorf("%+v", g)
	}
	if string(g.Data) != `{"a": null, "b": [1.50, "ü"]}` {
		t.Errorf("data is %s", g.Data)
	}
	if n := h.number(`SELECT count(*) FROM stream.log WHERE day = '1999-12-31'`); n != 1 {
		t.Error("the day is not that of its time")
	}
}

func TestAppendWithoutATimeLooksAtYesterdayToo(t *testing.T) {
	clk := clock.At(time.Date(2026, 7, 10, 23, 59, 0, 0, time.UTC))
	h := newHouse(t, dbtest.WithClock(clk))
	s := h.stream()
	for _, step := range []struct {
		after time.Duration
		fresh bool
		why   string
	}{{0, true, "first"}, {time.Second, false, "at once"}, {2 * time.Minute, false, "after midnight"}, {24 * time.Hour, true, "two days on"}} {
		clk.Advance(step.after)
		fresh, err := s.Append(t.Context(), []Fact{told("s", "1", time.Time{})})
		if err != nil || fresh[0] != step.fresh {
			t.Errorf("%s: new is %v, %v", step.why, fresh, err)
		}
	}
}

func TestAppendWritesNothingWhenOneIsRefused(t *testing.T) {
	h := newHouse(t)
	bad := told("s", "2", noon)
	bad.Data = json.RawMessage(`{"a":"\u0000"}`)
	if _, err := h.stream().Append(t.Context(), []Fact{told("s", "1", noon), bad}); !fault.Is(err, fault.Invalid) {
		t.Errorf("not fault.Invalid: %v", err)
	}
	if n := h.number(`SELECT count(*) FROM stream.log`); n != 0 {
		t.Errorf("%d rows", n)
	}
}

func TestAppendedFactsReachListeners(t *testing.T) {
	h := newHouse(t, dbtest.WithClock(clock.At(noon))) // by today's clock the facts were past retention, and dropped
	h.cfg.Poll = time.Hour                             // so that only the signal wakes the reader
	heard := make(chan int, 100)
	s := h.stream(Listener{Name: "l", From: Beginning, Handle: func(_ context.Context, _ *db.Tx, facts []Fact) error { heard <- len(facts); return nil }})
	h.start(s)
	if _, err := s.Append(t.Context(), []Fact{told("s", "1", noon), told("s", "2", noon), told("s", "2", noon)}); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < 2; {
		select {
		case more := <-heard:
			n += more
		case <-time.After(20 * time.Second):
			t.Fatal("the listener was not woken")
		}
	}
}

func TestDaysAsPostgreSQLCountsThem(t *testing.T) {
	for at, want := range map[string]string{"2000-01-01T00:00:00Z": "2000-01-01", "1999-12-31T23:59:59Z": "1999-12-31", "2026-07-10T00:30:00+02:00": "2026-07-09", "1969-01-01T00:00:00Z": "1969-01-01"} {
		day, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := civilOf(day).String(); got != want {
			t.Errorf("%s is on %s, want %s", at, got, want)
		}
	}
}
