package stream

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
)

// What was read for one listener the others have too, each its own types from its own
// place: they get it even when it is not in the log any more.
func TestListenersReadTheLogOnce(t *testing.T) {
	h := newHouse(t)
	s := h.stream(Listener{Name: "odd", Types: []string{"test.odd"}, Handle: note("odd")}, Listener{Name: "both", Types: []string{"test.odd", "test.even"}, Handle: note("both")})
	p := db.PartitionOf("k")
	fill := func(from position) {
		t.Helper()
		if err := s.tail.fill(t.Context(), s.store, []ask{{p, from, time.Now()}}); err != nil {
			t.Fatal(err)
		}
	}
	next := func(from position, limit int, types ...string) (got string, end position) {
		t.Helper()
		err := h.db.InTx(t.Context(), func(tx *db.Tx) error {
			horizon, err := s.store.horizon(t.Context())
			if err != nil {
				return err
			}
			var facts []Fact
			facts, end, err = s.tail.next(tx, cursor{partition: p, horizon: horizon}, from, types, limit)
			for _, f := range facts {
				n, _ := Decode[noted](f)
				got += fmt.Sprint(n.N)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return got, end
	}
	for n := range 6 {
		h.emit(noted{[]string{"even", "odd"}[n%2], "k", n})
	}
	fill(position{})
	h.exec(`DELETE FROM stream.log WHERE data->>'n' <> '5'`)
	if got, end := next(position{}, 2, "test.odd"); got != "13" || end.id == 0 {
		t.Errorf("%s, %v", got, end)
	}
	got, middle := next(position{}, 3, "test.odd", "test.even")
	if got != "012" {
		t.Errorf("the other listener has %q", got)
	}
	got, end := next(middle, 10, "test.odd", "test.even")
	if got != "345" || end.id != 0 {
		t.Errorf("then %q, %v", got, end)
	}
	if ready, none := s.tail.ready(p, middle, []string{"test.rare"}); ready || none != end {
		t.Errorf("a type that nobody wants: %v, none up to %v, want %v", ready, none, end)
	}
	if ready, _ := s.tail.ready(p, middle, []string{"test.rare", "test.odd"}); !ready {
		t.Error("a fact is not ready")
	}
	h.emit(noted{"odd", "k", 7})
	if ready, _ := s.tail.ready(p, end, nil); ready {
		t.Error("a fact was read before anybody asked")
	}
	fill(end)
	if got, _ := next(end, 10, "test.odd"); got != "7" {
		t.Errorf("behind what was read: %q", got)
	}
}

// What is too much or too old is not kept: whoever wants it reads for itself, and none of it is lost.
func TestATailIsBounded(t *testing.T) {
	now, next := time.Now(), uint64(0)
	var s stretch
	add := func(n, size int, at time.Time) {
		from, facts := s.to, make([]Fact, n)
		for i := range facts {
			next++
			facts[i] = Fact{XID: next, ID: int64(next), Type: "test.odd", Data: make([]byte, size)}
		}
		s.extend(from, facts, next+1, at)
	}
	covered := func(at position) bool { _, covered := s.behind(at, now); return covered }
	add(2, tailBytes/4, now)
	add(2, tailBytes/4, now)
	if s.n != 4 || !covered(position{}) || s.to != (position{xid: 5}) {
		t.Errorf("%d facts from %v to %v", s.n, s.from, s.to)
	}
	add(1, 1, now)
	if s.n != 3 || covered(position{}) || covered(position{1, 1}) || !covered(position{2, 2}) {
		t.Errorf("too many bytes: %d facts from %v", s.n, s.from)
	}
	add(tailRoom-2, 1, now)
	if s.n != tailRoom-1 || covered(position{3, 3}) || !covered(position{4, 4}) {
		t.Errorf("too many facts: %d from %v", s.n, s.from)
	}
	if s.forget(now.Add(tailAge)); s.n != 0 || s.from != (position{next, int64(next)}) || !covered(s.from) {
		t.Errorf("too old: %d facts from %v", s.n, s.from)
	}
	if covered(position{xid: next + 2}) {
		t.Error("covers what it has not looked at")
	}
	s.extend(position{xid: s.to.xid + tailReach + 1}, nil, s.to.xid+tailReach+5, now)
	if covered(position{xid: next + 1}) || s.n != 0 {
		t.Error("a gap is covered")
	}
}

// A reader passes over what it knows to be nothing, but not when its cursor was set back since.
func TestALaneKnowsWhenItsCursorWasSetBack(t *testing.T) {
	var l lane
	at, end := position{10, 1}, position{xid: 20}
	if l.from(at) != at {
		t.Error("an unknown lane skips facts")
	}
	l.learn(at, end, false)
	if l.from(at) != end || l.from(position{xid: 30}) != (position{xid: 30}) || l.from(position{9, 1}) != (position{9, 1}) {
		t.Error("a cursor that was not moved")
	}
	l.learn(at, end, true)
	if l.from(at) != at || l.from(end) != end {
		t.Error("a cursor that was moved, and set back since")
	}
}

// A process without readers tells those that read; nobody polls here.
func TestAProcessThatOnlyTells(t *testing.T) {
	h := newHouse(t)
	h.cfg.Poll = time.Hour
	h.start(h.stream(Listener{Name: "all", Handle: note("all")}))
	elsewhere, err := db.Open(t.Context(), db.Config{URL: h.db.Pool().Config().ConnString(), MaxConns: 4}, clockOf(h))
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()
	teller := New(elsewhere, h.cfg, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	var told sync.WaitGroup
	told.Go(func() { _ = teller.Tell(ctx) })
	defer told.Wait()
	defer stop()
	for n := range 3 {
		if err := elsewhere.InTx(t.Context(), func(tx *db.Tx) error { return emit(tx, noted{"odd", "k", n}) }); err != nil {
			t.Fatal(err)
		}
		h.await("the reader's look", func() bool { return h.number(`SELECT count(*) FROM effect`) == n+1 })
	}
}
