package analytics

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// IngestStats is what the ingest door has done since this process began, and what
// it holds.
type IngestStats struct {
	Accepted, Duplicate int64            // events
	Rejected            map[string]int64 // events by reason: the attribute that is wrong first, or "right"
	TurnedAway          int64            // requests answered 429
	Waiting             int              // requests behind those being written
	Held, Most          int64            // bytes of requests admitted, and how many may be
	Commits             Durations        // of batches, those that failed included
}

// IngestStats measures the ingest door.
func (s *Service) IngestStats() IngestStats {
	t := s.meter.totals()
	t.TurnedAway, t.Waiting, t.Held, t.Most, t.Commits = s.door.turned.Load(), len(s.door.queue), s.door.held.Load(), s.door.most, s.door.commits.copy()
	return t
}

// reason is what a rejection is counted under: one of a few words, whatever was sent.
func (r Rejection) reason() string {
	if r.forbidden {
		return "right"
	}
	name, _, _ := strings.Cut(r.Errors[0].Name, ".")
	return name
}

// totals copies the events counted since the meter began.
func (t *meter) totals() IngestStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	total := t.total
	total.Rejected = maps.Clone(total.Rejected)
	return total
}

// durationBounds are the upper bounds of Durations' buckets.
var durationBounds = []time.Duration{2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 20 * time.Second}

// Durations is a histogram as Prometheus has it.
type Durations struct {
	Count  uint64
	Sum    time.Duration
	Within map[float64]uint64 // up to so many seconds
}

// stopwatch gathers Durations.
type stopwatch struct {
	mu     sync.Mutex
	count  uint64
	sum    time.Duration
	within [12]uint64 // by durationBounds, each apart
}

func (w *stopwatch) add(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count++
	w.sum += d
	if i, _ := slices.BinarySearch(durationBounds, d); i < len(w.within) {
		w.within[i]++
	}
}

func (w *stopwatch) copy() Durations {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := Durations{Count: w.count, Sum: w.sum, Within: map[float64]uint64{}}
	var upTo uint64
	for i, n := range w.within {
		upTo += n
		d.Within[durationBounds[i].Seconds()] = upTo
	}
	return d
}
