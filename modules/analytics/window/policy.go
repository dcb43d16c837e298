package window

import (
	"math"
	"time"
)

// Micros is an instant: microseconds since 1970, UTC, which is what PostgreSQL keeps.
type Micros int64

// At is the instant of t, rounded down.
func At(t time.Time) Micros { return Micros(t.UnixMicro()) }

// Time is the instant as a time.Time in UTC.
func (m Micros) Time() time.Time { return time.UnixMicro(int64(m)).UTC() }

// span is a duration in microseconds.
func span(d time.Duration) Micros { return Micros(d / time.Microsecond) }

// Never is a watermark before every event.
const Never = Micros(math.MinInt64 / 4)

// EarlyLimit is how far an event's time may lie after its arrival: beyond it the
// sender's clock is wrong, and the event would carry every window with it.
const EarlyLimit = 5 * time.Minute

// Policy says which time counts for an event that does not arrive in order.
type Policy struct {
	Late    time.Duration // an event may be that much older than its arrival
	Reorder time.Duration // and that much older than the newest before it
	Drop    bool          // leave out what is older still, instead of moving its time
}

// Watermark is how far one partition of a stream has come, and what was out of
// line on the way. It never moves back.
type Watermark struct {
	At         Micros // no event to come counts before this
	Early      int64  // dropped: too far in the future
	Late       int64  // older than Policy.Late
	OutOfOrder int64  // behind the watermark
	Dropped    int64  // all that do not count: the early ones, and with Drop the others
}

// Admit gives the time that counts for an event, and moves the watermark. ok is
// false when the event is dropped.
//
//  1. event − arrival > 5 min: dropped as early.
//  2. arrival − event > Late: late; it counts at arrival − Late.
//  3. W = max(times) − Reorder; a time before W is out of order and counts at W.
//
// Source: the rules and test vectors of stream.md, after Azure Stream Analytics'
// event ordering policies.
func (p Policy) Admit(w *Watermark, event, arrival Micros) (at Micros, ok bool) {
	if event-arrival > span(EarlyLimit) {
		w.Early++
		w.Dropped++
		return 0, false
	}
	at = event
	if oldest := arrival - span(p.Late); at < oldest {
		w.Late++
		if p.Drop {
			w.Dropped++
			return 0, false
		}
		at = oldest
	}
	if at < w.At {
		w.OutOfOrder++
		if p.Drop {
			w.Dropped++
			return 0, false
		}
		at = w.At
	}
	w.At = max(w.At, at-span(p.Reorder))
	return at, true
}

// Idle moves the watermark of a partition in which nothing waits at now: what
// arrives later cannot count before now − Late.
func (p Policy) Idle(w *Watermark, now Micros) { w.At = max(w.At, now-span(p.Late)) }
