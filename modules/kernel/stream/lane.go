package stream

import "time"

// lane is what a reader remembers of a partition. It is never needed for
// correctness: the cursor in PostgreSQL decides.
type lane struct {
	due    time.Time // when to look; zero: when announced
	hold   bool      // due is a pause that an announcement does not cut short
	gather time.Time // what is announced before waits until then
	singly int       // facts to handle one at a time, after a batch failed
	news   time.Time // of the last announcement

	known bool     // at and seen are
	at    position // of the cursor: only a replay sets it back
	seen  position // nothing for this listener is between at and here

	shared bool   // another process has moved the cursor since we looked
	owed   uint64 // the last transaction with facts for us, when we left them to another process
}

// learn takes note of a cursor, up to where nothing is left behind it, and whether it was moved there.
func (l *lane) learn(at, end position, moved bool) {
	if l.known, l.at, l.seen = true, at, end; moved {
		l.at = end
	}
}

// from is where to read on when the cursor is at a place.
func (l *lane) from(at position) position {
	if l.known && !at.before(l.at) && at.before(l.seen) {
		return l.seen
	}
	return at
}

// meet takes note of where the cursor is now. again: another process has moved it, not for the first time.
func (l *lane) meet(at position) (again bool) {
	moved := l.at != (position{}) && l.at.before(at)
	again = moved && l.shared
	l.shared = moved
	l.learn(at, l.from(at), false)
	return again
}

// far tells that the cursor is so far behind what was seen that it should be moved there.
func (l *lane) far() bool { return l.seen.id == 0 && l.seen.xid >= l.at.xid+skipFrom }

// pause makes the lane due after d; news does not make it sooner.
func (l *lane) pause(d time.Duration) { l.due, l.hold = time.Now().Add(d), true }

// rest makes the lane wait for news, unless more is known to lie behind a place. Where
// facts for others are many, it lets them gather for so long: a look for each would find nothing.
func (l *lane) rest(none position, gather time.Duration) {
	l.seen, l.hold, l.due = none, false, time.Time{}
	now := time.Now()
	if none.id != 0 {
		l.due = now
		return
	}
	l.gather = later(l.gather, now.Add(gather))
}
