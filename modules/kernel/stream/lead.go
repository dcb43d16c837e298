package stream

import (
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
)

// leadTime is how long one who went ahead at a partition counts as being there.
const leadTime = 2 * busyPause

// leads is whether another process goes ahead at a partition: it moves the cursors there, and
// this one leaves all listeners to it, looks after them, and does not read what it need not
// handle. Where some cursors are moved by one and some by the other, the process that moves the
// first listener's goes ahead. Like lanes it is never needed for correctness.
type leads struct {
	now   func() time.Time
	mu    sync.Mutex
	parts [db.Partitions]lead
}

type lead struct {
	theirs time.Time // another process goes ahead until then
	rank   int       // the first listener whose cursor we moved ourselves lately …
	ours   time.Time // … and when
}

// elsewhere tells that another process goes ahead.
func (a *leads) elsewhere(p int16) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now().Before(a.parts[p].theirs)
}

// keep takes note that we have moved a listener's cursor, and nobody else has.
func (a *leads) keep(p int16, rank int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l, now := &a.parts[p], a.now()
	if rank <= l.rank || now.Sub(l.ours) >= leadTime {
		l.rank, l.ours = rank, now
	}
}

// leave is for when another process moves a listener's cursor again and again: the partition
// is left to it, unless we go ahead at one before. first: it was not until now.
func (a *leads) leave(p int16, rank int) (first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l, now := &a.parts[p], a.now()
	if l.rank < rank && now.Sub(l.ours) < leadTime {
		return false
	}
	first = !now.Before(l.theirs)
	l.theirs = now.Add(leadTime)
	return first
}
