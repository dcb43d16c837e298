package stream

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// troubled parks the facts 1 to n of a listener, and mends it.
func troubled(h *house, n int) (s *Stream, mended *atomic.Bool) {
	mended = &atomic.Bool{}
	s = h.stream(Listener{Name: "all", Handle: func(ctx context.Context, tx *db.Tx, facts []Fact) error {
		if err := note("all")(ctx, tx, facts); err != nil || mended.Load() {
			return err
		}
		return errors.New("broken")
	}})
	for i := 1; i <= n; i++ {
		h.emit(noted{"odd", "k", i})
	}
	h.start(s)
	h.await("all to be parked", func() bool { return h.number(`SELECT count(*) FROM stream.parked`) == n })
	return s, mended
}

// However many people press the button, and at once: each effect happens once.
func TestParkedFactsTakeEffectExactlyOnceAfterTheListenerIsMended(t *testing.T) {
	h := newHouse(t)
	s, mended := troubled(h, 6)
	done, err := s.ReplayAllParked(t.Context(), "all")
	if err != nil || done != (Replayed{Failed: 6}) || h.number(`SELECT count(*) FROM effect`) != 0 {
		t.Fatalf("while it is broken: %+v, %v", done, err)
	}
	mended.Store(true)
	var all sync.WaitGroup
	var handled atomic.Int64
	for range 3 {
		all.Go(func() {
			done, err := s.ReplayAllParked(t.Context(), "all")
			handled.Add(int64(done.Done))
			if err != nil || done.Failed > 0 {
				t.Errorf("%+v, %v", done, err)
			}
		})
	}
	all.Wait()
	if n, distinct := h.number(`SELECT count(*) FROM effect`), h.number(`SELECT count(DISTINCT n) FROM effect`); n != 6 || distinct != 6 || handled.Load() != 6 {
		t.Errorf("%d effects of %d facts, %d told", n, distinct, handled.Load())
	}
	if n := h.number(`SELECT count(*) FROM stream.parked`); n != 0 {
		t.Errorf("%d are still parked", n)
	}
	if _, err := s.ReplayAllParked(t.Context(), "nobody"); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown listener: %v", err)
	}
}

func TestParkedFactsAreListedPageByPageAndDiscarded(t *testing.T) {
	h := newHouse(t)
	s, _ := troubled(h, 5)
	var seen []id.ID
	for before := id.Nil; ; {
		page, err := s.Parked(t.Context(), "all", 2, before)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, p := range page {
			seen, before = append(seen, p.ID), p.ID
		}
	}
	if none, err := s.Parked(t.Context(), "other", 2, id.Nil); err != nil || len(none) != 0 || len(seen) != 5 {
		t.Fatalf("%d of five were listed, and %d of another listener, %v", len(seen), len(none), err)
	}
	p, err := s.DiscardParked(t.Context(), seen[0])
	if err != nil || p.ID != seen[0] || p.Listener != "all" || p.Error != "broken" {
		t.Errorf("discarded %+v, %v", p, err)
	}
	if _, err := s.DiscardParked(t.Context(), seen[0]); !fault.Is(err, fault.NotFound) {
		t.Errorf("discarded again: %v", err)
	}
	if _, err := s.ParkedFact(t.Context(), seen[0]); !fault.Is(err, fault.NotFound) {
		t.Errorf("it is still there: %v", err)
	}
	if counts, err := s.ParkedByListener(t.Context()); err != nil || counts["all"] != 4 {
		t.Errorf("%v, %v", counts, err)
	}
	if n := h.number(`SELECT count(*) FROM stream.log`); n != 5 {
		t.Errorf("the log has %d facts, want all 5", n)
	}
}

// A listener that would pass over the fact must not make it vanish.
func TestParkedFactStaysWhereItsListenerWouldPassOverIt(t *testing.T) {
	h := newHouse(t)
	s, mended := troubled(h, 1)
	mended.Store(true)
	s.reader("all").OnlyAhead = true
	parked, err := s.Parked(t.Context(), "", 1, id.Nil)
	if err != nil || len(parked) != 1 {
		t.Fatal(parked, err)
	}
	if err := s.ReplayParked(t.Context(), parked[0].ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("one: %v", err)
	}
	if done, err := s.ReplayAllParked(t.Context(), "all"); !fault.Is(err, fault.Conflict) || done != (Replayed{}) {
		t.Errorf("all: %+v, %v", done, err)
	}
	if n := h.number(`SELECT count(*) FROM stream.parked`); n != 1 {
		t.Errorf("%d are parked", n)
	}
}

// A listener whose effects would happen twice is not set back.
func TestReplayIsRefusedWhereItWouldDoHarm(t *testing.T) {
	h := newHouse(t)
	s := h.stream(Listener{Name: "push", Handle: note("push"), ReplayNote: "phones have been told"})
	h.start(s)
	h.emit(noted{"odd", "k", 1})
	h.expect("push", 1)
	before := h.number(`SELECT sum(id) FROM stream.cursor`)
	err := s.Replay(t.Context(), "push", time.Unix(0, 0))
	if !fault.Is(err, fault.Conflict) || h.number(`SELECT sum(id) FROM stream.cursor`) != before {
		t.Errorf("%v", err)
	}
	if n, err := s.Since(t.Context(), "push", time.Unix(0, 0)); err != nil || n != 1 {
		t.Errorf("%d facts since then, %v", n, err)
	}
}
