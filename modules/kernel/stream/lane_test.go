package stream

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
)

// A lane that found only facts for others looks again after they could gather, not for
// each of them; when more is known to be there, at once.
func TestALaneWithoutFactsForItLetsThemGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader(nil, Listener{Name: "some"})
		l := &r.lanes[3]
		l.rest(position{xid: 7}, gather)
		r.announce(false, 3)
		r.take()
		if wait := time.Until(l.due); wait != gather {
			t.Errorf("it looks again after %s, not %s", wait, gather)
		}
		l.rest(position{xid: 7, id: 1}, gather)
		if wait := time.Until(l.due); wait != 0 {
			t.Errorf("with more to read it looks again after %s", wait)
		}
		l.rest(position{xid: 8}, gather)
		time.Sleep(gather)
		r.announce(false, 3)
		r.take()
		if wait := time.Until(l.due); wait > 0 {
			t.Errorf("after a quiet time it looks after %s", wait)
		}
	})
}

// A fact wakes those who want its type, or every type, and nobody else.
func TestAFactWakesThoseItConcerns(t *testing.T) {
	s := &Stream{}
	for _, types := range [][]string{nil, {"a", "b"}, {"c"}} {
		s.readers = append(s.readers, newReader(s, Listener{Types: types}))
	}
	s.announceNews(db.News{Partition: 3, Type: "b"})
	for i, want := range []bool{true, true, false} {
		if s.readers[i].fresh[3] != want {
			t.Errorf("reader %d is woken: %v", i, !want)
		}
	}
}
