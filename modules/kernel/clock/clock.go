// Package clock is where Usher reads the time: UTC, in microseconds, which is
// what PostgreSQL keeps. No module calls time.Now.
package clock

import (
	"sync"
	"time"
)

// Clock tells the time.
type Clock interface{ Now() time.Time }

// System is the machine's clock.
type System struct{}

// Now is the current instant in UTC, truncated to microseconds.
func (System) Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Fixed is a clock for tests that moves only when told to.
type Fixed struct {
	mu sync.Mutex
	at time.Time
}

// At makes a Fixed clock that shows t.
func At(t time.Time) *Fixed { return &Fixed{at: t.UTC().Truncate(time.Microsecond)} }

// Now is the instant the clock was last set to.
func (f *Fixed) Now() time.Time { f.mu.Lock(); defer f.mu.Unlock(); return f.at }

// Advance moves the clock by d.
func (f *Fixed) Advance(d time.Duration) { f.mu.Lock(); defer f.mu.Unlock(); f.at = f.at.Add(d) }
