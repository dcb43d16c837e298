package stream

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

func clockOf(*house) clock.Clock { return clock.System{} }

// fragile notes facts but fails on 3 while broken says so.
func fragile(broken func() bool, tries *atomic.Int32) func(context.Context, *db.Tx, []Fact) error {
	return func(ctx context.Context, tx *db.Tx, facts []Fact) error {
		for _, f := range facts {
			n, _ := Decode[noted](f)
			if err := note("all")(ctx, tx, []Fact{f}); err != nil {
				return err
			}
			if n.N == 3 {
				if len(facts) == 1 {
					tries.Add(1)
				}
				if broken() {
					return errors.New("three \x00 is too much")
				}
			}
		}
		return nil
	}
}

func five(h *house) {
	for n := 1; n <= 5; n++ {
		h.emit(noted{"odd", "k", n})
	}
}

func TestFactThatFailsIsParkedAndTheRestGoesOn(t *testing.T) {
	h := newHouse(t)
	var broken atomic.Bool
	var tries atomic.Int32
	broken.Store(true)
	s := h.stream(Listener{Name: "all", Handle: fragile(broken.Load, &tries)})
	five(h)
	h.start(s)
	h.expect("all", 1, 2, 4, 5)
	if n := tries.Load(); n != 5 {
		t.Errorf("the fact was tried %d times alone, want 5", n)
	}
	parked, err := s.Parked(t.Context(), "", 0, id.Nil)
	if err != nil || len(parked) != 1 {
		t.Fatal(parked, err)
	}
	p := parked[0]
	if n, err := Decode[noted](p.Fact); err != nil || n.N != 3 || p.Error != "three  is too much" || p.Listener != "all" {
		t.Errorf("parked %+v, %v", p, err)
	}
	if more, err := s.Parked(t.Context(), "all", 10, p.ID); err != nil || len(more) != 0 {
		t.Errorf("before the oldest: %v, %v", more, err)
	}

	if err := s.ReplayParked(t.Context(), p.ID); err == nil {
		t.Error("the replay of a fact that still fails reported no error")
	}
	h.expect("all", 1, 2, 4, 5)
	broken.Store(false)
	if err := s.ReplayParked(t.Context(), p.ID); err != nil {
		t.Error(err)
	}
	h.expect("all", 1, 2, 4, 5, 3)
	if err := s.ReplayParked(t.Context(), p.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("the second replay: %v", err)
	}
}

func TestFactThatFailsForAWhileKeepsItsPlace(t *testing.T) {
	h := newHouse(t)
	var tries atomic.Int32
	s := h.stream(Listener{Name: "all", Handle: fragile(func() bool { return tries.Load() < 4 }, &tries)})
	five(h)
	h.start(s)
	h.expect("all", 1, 2, 3, 4, 5)
	h.await("failures forgotten", func() bool { return h.number(`SELECT sum(failures) FROM stream.cursor`) == 0 })
}

// A process that ends after three failures leaves two to the next.
func TestFailuresAreCountedOverRestarts(t *testing.T) {
	h := newHouse(t)
	h.cfg.RetryMin = time.Hour // one failure a process
	var tries atomic.Int32
	listener := Listener{Name: "all", Handle: fragile(func() bool { return true }, &tries)}
	h.stream(listener)
	h.emit(noted{"odd", "k", 3})
	for n := 1; n <= 5; n++ {
		stop := h.start(h.stream(listener))
		h.await(fmt.Sprintf("failure %d", n), func() bool {
			return h.number(`SELECT sum(failures) FROM stream.cursor`) == n || h.number(`SELECT count(*) FROM stream.parked`) == 1
		})
		stop()
	}
	if n := tries.Load(); n != 5 {
		t.Errorf("%d tries until parked, want 5", n)
	}
	h.emit(noted{"odd", "k", 4})
	h.start(h.stream(listener))
	h.expect("all", 4)
}

func TestPanicIsAFailure(t *testing.T) {
	h := newHouse(t)
	s := h.stream(Listener{Name: "all", Handle: func(context.Context, *db.Tx, []Fact) error { panic("boom") }})
	h.emit(noted{"odd", "k", 1})
	h.start(s)
	h.await("parked", func() bool {
		return h.number(`SELECT count(*) FROM stream.parked WHERE error LIKE '%panic: boom'`) == 1
	})
}

func TestReplayHandlesAgain(t *testing.T) {
	at := time.Date(2026, 6, 1, 20, 0, 0, 0, time.UTC)
	clk := clock.At(at)
	h := newHouse(t, withClock(clk))
	s := h.stream(Listener{Name: "all", Replayable: true, Handle: note("all")})
	h.start(s)
	for n := 1; n <= 3; n++ {
		h.emit(noted{"odd", "k", n})
		clk.Advance(time.Minute)
	}
	h.expect("all", 1, 2, 3)
	if err := s.Replay(t.Context(), "all", at.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	h.expect("all", 1, 2, 3, 2, 3)
	if err := s.Replay(t.Context(), "all", at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	h.emit(noted{"odd", "k", 4})
	h.expect("all", 1, 2, 3, 2, 3, 4)
	behind := h.stream(Listener{Name: "behind", Replayable: true, Handle: note("behind")})
	h.emit(noted{"odd", "k", 5})
	clk.Advance(time.Hour)
	h.emit(noted{"odd", "k", 6})
	if err := behind.Replay(t.Context(), "behind", clk.Now()); err != nil { // must not skip 5
		t.Fatal(err)
	}
	h.start(behind)
	h.expect("behind", 5, 6)
	if err := s.Replay(t.Context(), "nobody", at); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown listener: %v", err)
	}
}
