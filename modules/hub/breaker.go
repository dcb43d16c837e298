package hub

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
)

// A breaker keeps a push service that is down or hanging from being asked over
// and over. It opens when at least half of the last answers (20 or more) were
// failures, for a second at first and up to five minutes, with jitter; then a few
// probes decide.
type breaker struct {
	mu       sync.Mutex
	recent   [100]bool // true: failed
	n, at    int
	failed   int
	openFor  time.Duration // 0: closed
	reopenAt time.Time
	probes   int // left in the half-open state
	losses   losses
}

const (
	breakerMin    = 20
	breakerFirst  = time.Second
	breakerMost   = 5 * time.Minute
	breakerProbes = 5

	breakerPatience = 30 * time.Second
)

// admit says whether a request may go out now, and if not, when to come back.
func (b *breaker) admit(now time.Time) (ok bool, comeBack time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.openFor == 0 {
		return true, time.Time{}
	}
	if now.Before(b.reopenAt) {
		return false, b.reopenAt
	}
	if b.probes == 0 && now.Sub(b.reopenAt) < breakerPatience {
		return false, now.Add(time.Second) // the probes are still out
	}
	if b.probes == 0 { // they never came back: their runs were stopped
		b.reopenAt, b.probes = now, breakerProbes
	}
	b.probes--
	return true, time.Time{}
}

// record counts an answer. A failure is the service's fault, not the message's: a repeat
// that fails again does not count against a closed breaker, as runs of nothing but the
// unlucky would make a healthy service look ill, and a lost connection is one failure,
// however many messages it took along.
func (b *breaker) record(now time.Time, o *push.Outcome, repeat bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if o.Lost != nil && !b.losses.note(o.Lost) {
		return
	}
	failed := o.Verdict == push.Retry
	if b.openFor > 0 {
		b.recordOpen(now, failed)
		return
	}
	if failed && repeat {
		return
	}
	if b.n == len(b.recent) {
		if b.recent[b.at] {
			b.failed--
		}
	} else {
		b.n++
	}
	b.recent[b.at] = failed
	b.at = (b.at + 1) % len(b.recent)
	if failed {
		b.failed++
	}
	if b.n >= breakerMin && b.failed*2 >= b.n {
		b.open(now, breakerFirst)
	}
}

// recordOpen judges a probe, or a late answer from before the opening.
func (b *breaker) recordOpen(now time.Time, failed bool) {
	if !failed {
		b.openFor = 0 // one success closes it
		return
	}
	if !now.Before(b.reopenAt) {
		b.open(now, min(2*b.openFor, breakerMost))
	}
}

func (b *breaker) open(now time.Time, d time.Duration) {
	b.openFor = d
	b.reopenAt = now.Add(d + rand.N(d/4+1))
	b.probes = breakerProbes
	b.n, b.at, b.failed = 0, 0, 0
}

// state is for people: "closed", or "open" with the time of the next probe.
func (b *breaker) state() (string, time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.openFor == 0 {
		return "closed", time.Time{}
	}
	return "open", b.reopenAt
}

// losses remembers the connections lost last: several may be lost at once, and their
// messages come in any order.
type losses struct {
	last [16]error
	at   int
}

// note reports whether a loss is new.
func (l *losses) note(lost error) bool {
	if slices.Contains(l.last[:], lost) {
		return false
	}
	l.last[l.at] = lost
	l.at = (l.at + 1) % len(l.last)
	return true
}
