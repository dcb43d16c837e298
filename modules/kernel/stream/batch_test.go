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
	p, now := db.PartitionOf("k"), time.Now()
	process := func() (*Stream, func(want bool)) {
		s := h.stream(Listener{Name: "all", From: Beginning, Handle: note("all"), Batch: 2})
		s.leads.now = func() time.Time { return now }
		seen, err := s.store.horizon(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c, r := newChecker(s, seen), s.readers[0]
		return s, func(want bool) {
			t.Helper()
			if _, err := c.check(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.take()
			l := &r.lanes[p]
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
	_, theirs := process()
	s, ours := process()
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
	ours(false)
	ours(true) // it has not moved since: it is gone
	emit(1)
	now = now.Add(leadTime)
	ours(true) // nobody has been ahead for a while
	if s.leads.leave(p, s.readers[0].rank+1) || s.leads.elsewhere(p) {
		t.Error("we move the first listener's cursor, and leave the partition for another's")
	}
	if got := h.number(`SELECT count(DISTINCT n) FROM effect`); got != n {
		t.Errorf("%d of %d facts had an effect", got, n)
	}
}
