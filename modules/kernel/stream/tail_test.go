package stream

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
)

// What one listener has read the others have too, each its own types from its own
// place: they get it even when it is not in the log any more.
func TestListenersReadTheLogOnce(t *testing.T) {
	h := newHouse(t)
	s := h.stream(Listener{Name: "odd", Types: []string{"test.odd"}, Handle: note("odd")}, Listener{Name: "both", Types: []string{"test.odd", "test.even"}, Handle: note("both")})
	for n := range 6 {
		h.emit(noted{[]string{"even", "odd"}[n%2], "k", n})
	}
	next := func(from position, limit int, types ...string) (got string, end position) {
		t.Helper()
		err := h.db.InTx(t.Context(), func(tx *db.Tx) error {
			horizon, err := s.store.horizon(t.Context())
			if err != nil {
				return err
			}
			var facts []Fact
			facts, end, err = s.tail.next(tx, cursor{position: from, partition: db.PartitionOf("k"), horizon: horizon}, types, limit)
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
	if got, end := next(position{}, 2, "test.odd"); got != "13" || end.id == 0 {
		t.Errorf("%s, %v", got, end)
	}
	h.exec(`DELETE FROM stream.log WHERE data->>'n' <> '5'`)
	got, middle := next(position{}, 3, "test.odd", "test.even")
	if got != "012" {
		t.Errorf("the other listener has %q", got)
	}
	if got, end := next(middle, 10, "test.odd", "test.even"); got != "345" || end.id != 0 {
		t.Errorf("then %q, %v", got, end)
	}
	h.emit(noted{"odd", "k", 7})
	_, end := next(position{}, 10, "test.odd")
	if got, _ := next(end, 10, "test.odd"); got != "7" {
		t.Errorf("behind what was read: %q", got)
	}
	if got, _ := next(middle, 10, "test.rare"); got != "" {
		t.Errorf("a type that nobody wants: %q", got)
	}
}

// What is too large to be kept is read again, none of it lost.
func TestATailIsBounded(t *testing.T) {
	facts := make([]Fact, 5)
	for i := range facts {
		facts[i] = Fact{XID: uint64(i + 1), ID: int64(i + 1), Data: []byte(strings.Repeat("x", tailBytes/2))}
	}
	var s stretch
	s.keep(cursor{horizon: 100}, facts)
	if len(s.facts) != 2 || s.to != (position{2, 2}) {
		t.Errorf("%d facts up to %v", len(s.facts), s.to)
	}
	s.keep(cursor{horizon: 100}, facts[:1])
	if len(s.facts) != 1 || s.to != (position{xid: 100}) {
		t.Errorf("%d facts up to %v", len(s.facts), s.to)
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
