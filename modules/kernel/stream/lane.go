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

	shared  bool   // another process has moved the cursor since we looked
	horizon uint64 // when it was looked at last
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

// find takes note of where the cursor is now. leave: another process moves it again and again
// and keeps up, so that the partition is best left to it.
func (l *lane) find(at position, horizon uint64) (leave bool) {
	moved := l.at != (position{}) && l.at.before(at)
	leave = moved && l.shared && at.xid >= l.horizon
	if !l.known || moved {
		l.learn(at, at, false)
	}
	l.shared, l.horizon = moved, horizon
	return leave
}

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
