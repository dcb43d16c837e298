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
		if err := r.look(t.Context(), []int16{p}); err != nil {
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
