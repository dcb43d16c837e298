package stream

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

func TestRecentGivesTheNewestInOrder(t *testing.T) {
	h := newHouse(t)
	for n := range 6 {
		h.emit(noted{Kind: "a", Key: "k", N: n}, noted{Kind: "b", Key: "k", N: n})
	}
	got, err := h.stream().Recent(t.Context(), []string{"test.a"}, 3)
	if err != nil || len(got) != 3 {
		t.Fatalf("%d facts, %v", len(got), err)
	}
	for i, f := range got {
		if n, err := Decode[noted](f); err != nil || n.N != 3+i || f.Type != "test.a" {
			t.Errorf("fact %d is %s %+v, %v", i, f.Type, n, err)
		}
	}
	if all, err := h.stream().Recent(t.Context(), nil, 100); err != nil || len(all) != 12 {
		t.Errorf("%d of all types, %v", len(all), err)
	}
}

// A partition is idle before it has facts, not while they wait, nor while a batch
// is being handled, and again afterwards.
func TestIdleWaitsForWhatIsCommitted(t *testing.T) {
	h := newHouse(t)
	handling, done := make(chan bool), make(chan bool)
	s := h.stream(Listener{Name: "slow", From: Beginning, Handle: func(context.Context, *db.Tx, []Fact) error {
		handling <- true
		<-done
		return nil
	}})
	idle := func() []int16 {
		got, err := s.Idle(t.Context(), "slow")
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if len(idle()) != db.Partitions {
		t.Fatalf("only %v are idle before there is a fact", idle())
	}
	h.emit(noted{Kind: "a", Key: "k"})
	p := db.PartitionOf("k")
	h.start(s)
	<-handling
	if got := idle(); slices.Contains(got, p) || len(got) != db.Partitions-1 {
		t.Errorf("while a fact of %d is handled %v are idle", p, got)
	}
	done <- true
	h.await("the partition to be idle", func() bool { return len(idle()) == db.Partitions })
	if _, err := s.Idle(t.Context(), "nobody"); !fault.Is(err, fault.NotFound) {
		t.Error(fmt.Sprint(err))
	}
}

// Whatever is handled while a replay begins: the reset and the cursors belong
// together, so the listener's state holds every fact exactly once.
func TestReplayWithResetsStateAtomically(t *testing.T) {
	h := newHouse(t)
	s := h.stream(Listener{Name: "tally", From: Beginning, Workers: 4, Batch: 3, Handle: note("tally")})
	begun := h.db.Now()
	h.start(s)
	const facts = 200
	for n := range facts {
		h.emit(noted{Kind: "a", Key: fmt.Sprint(n), N: n})
		if n%50 == 25 {
			err := s.ReplayWith(t.Context(), "tally", begun, func(tx *db.Tx) error {
				_, err := tx.Conn().Exec(t.Context(), `DELETE FROM effect`)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	h.await("all facts", func() bool { return h.number(`SELECT count(*) FROM effect`) >= facts })
	if n, distinct := h.number(`SELECT count(*) FROM effect`), h.number(`SELECT count(DISTINCT n) FROM effect`); n != facts || distinct != facts {
		t.Errorf("%d effects of %d facts after replays, want %d of each", n, distinct, facts)
	}
}

// Readers want to know where they are at the same instants, at the start and twice a
// minute: that must not make the pool open a connection for each of them, to idle after.
func TestReadersAskOneAfterTheOther(t *testing.T) {
	h := newHouse(t)
	var listeners []Listener
	for i := range 40 {
		listeners = append(listeners, Listener{Name: fmt.Sprintf("reader-%d", i), Handle: note("reader")})
	}
	s := h.stream(listeners...)
	var all sync.WaitGroup
	for _, r := range s.readers {
		all.Go(func() {
			if _, err := r.look(t.Context(), allPartitions); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := h.db.Pool().Stat().TotalConns(); n > 3 {
		t.Errorf("%d connections for readers that have nothing to do", n)
	}
}
