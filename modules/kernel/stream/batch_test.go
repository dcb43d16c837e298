package stream

import (
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
)

// Two processes read for one listener: the one that finds the other ahead of it, and
// nothing left, leaves the partition to it for a while instead of looking after it again
// and again; when the other goes away it goes on.
func TestAPartitionIsLeftToWhoIsAhead(t *testing.T) {
	h := newHouse(t)
	p := db.PartitionOf("k")
	process := func() (*reader, *lane) {
		r := h.stream(Listener{Name: "all", From: Beginning, Handle: note("all")}).readers[0]
		return r, &r.lanes[p]
	}
	ahead, theirs := process()
	behind, ours := process()
	look := func(r *reader) {
		t.Helper()
		r.lanes[p].news = time.Now()
		if _, err := r.look(t.Context(), []int16{p}); err != nil {
			t.Fatal(err)
		}
	}
	look(behind)
	h.emit(noted{"odd", "k", 1})
	look(ahead)
	ahead.step(t.Context(), p, theirs)
	h.expect("all", 1)

	behind.step(t.Context(), p, ours)
	if wait := time.Until(ours.due); !ours.hold || wait <= 0 || wait > busyPause {
		t.Errorf("the partition is looked at again in %v (news does not matter: %v), want within %v", wait, ours.hold, busyPause)
	}
	h.emit(noted{"odd", "k", 2}) // nobody is ahead
	look(behind)
	behind.step(t.Context(), p, ours)
	if h.expect("all", 1, 2); ours.hold {
		t.Error("after facts of its own the partition is still left to the other")
	}
}

// Two processes have facts for one listener at the same partition. One of them handles all, and
// the other looks after it now and then, at the cursor only; but it helps one that falls behind.
func TestAPartitionIsLeftToWhoKeepsUp(t *testing.T) {
	h := newHouse(t)
	p := db.PartitionOf("k")
	process := func() func(want bool) {
		r := h.stream(Listener{Name: "all", From: Beginning, Handle: note("all"), Batch: 2}).readers[0]
		return func(want bool) {
			t.Helper()
			l := &r.lanes[p]
			l.news = time.Now()
			ours, err := r.look(t.Context(), []int16{p})
			if err != nil {
				t.Fatal(err)
			}
			if len(ours) > 0 != want || want == l.hold {
				t.Fatalf("the partition is ours %v, want %v; left for a while %v", len(ours) > 0, want, l.hold)
			}
			if want {
				r.step(t.Context(), p, l)
			}
			l.due, l.hold = time.Time{}, false
		}
	}
	theirs, ours := process(), process()
	n := 0
	emit := func(some int) {
		for range some {
			n++
			h.emit(noted{"odd", "k", n})
		}
	}
	emit(1)
	ours(true)
	emit(1)
	theirs(true) // moves what we moved
	emit(1)
	ours(true) // we meet it
	emit(1)
	theirs(true)
	for range 3 {
		emit(1)
		ours(false)
		emit(1)
		theirs(true)
	}
	emit(5)
	ours(false)
	theirs(true) // two of them
	ours(true)   // two more
	if h.number(`SELECT count(*) FROM effect`) != n-1 {
		t.Errorf("of %d facts %d had an effect, want all but the last", n, h.number(`SELECT count(*) FROM effect`))
	}
	theirs(true)
	emit(1)
	ours(true) // the other one has moved it, but not since the last time: it is gone
	if got := h.number(`SELECT count(DISTINCT n) FROM effect`); got != n {
		t.Errorf("%d of %d facts had an effect", got, n)
	}
}
