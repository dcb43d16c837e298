package stream

import (
	"testing"
	"testing/synctest"
	"time"
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
