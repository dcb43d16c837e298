package analytics

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

const (
	meterEach   = 5 * time.Second // what is counted in memory is written down
	meterTypes  = 100             // types counted apart in that time; further ones are "other"
	meterKept   = 7 * 24 * time.Hour
	refusalsTop = 50  // rejections written down in that time
	refusalsMax = 500 // and kept
	otherTypes  = "other"
)

// count is what became of the events of a type.
type count struct{ Accepted, Duplicate, Rejected int64 }

type meterKey struct {
	minute time.Time
	typ    string
}

// Refusal is a rejected event that people may look at.
type Refusal struct {
	ID       id.ID
	At       time.Time
	Type     string
	Source   string
	SourceID string
	Problem  string
}

// meter counts what comes in. It is for people: a crash loses five seconds of it.
type meter struct {
	mu       sync.Mutex
	total    IngestStats // what was counted since the process began: events alone
	counts   map[meterKey]*count
	refusals []Refusal
	stop     chan struct{}
	done     chan struct{}
}

// newMeter writes its counts with flush until it is closed.
func newMeter(flush func(context.Context, map[meterKey]*count, []Refusal)) *meter {
	t := &meter{total: IngestStats{Rejected: map[string]int64{}}, counts: map[meterKey]*count{}, stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(t.done)
		each := time.NewTicker(meterEach)
		defer each.Stop()
		for open := true; open; {
			select {
			case <-each.C:
			case <-t.stop:
				open = false
			}
			if counts, refusals := t.take(); len(counts) > 0 {
				flush(context.Background(), counts, refusals)
			}
		}
	}()
	return t
}

func (t *meter) close() { close(t.stop); <-t.done }

// take empties the meter.
func (t *meter) take() (map[meterKey]*count, []Refusal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	counts, refusals := t.counts, t.refusals
	t.counts, t.refusals = map[meterKey]*count{}, nil
	return counts, refusals
}

// of is the count of a type now; mu is held.
func (t *meter) of(now time.Time, typ string) *count {
	k := meterKey{now.Truncate(time.Minute), typ}
	if _, known := schemas[typ]; !known && (!strings.HasPrefix(typ, freeTypes) || len(t.counts) >= meterTypes) {
		k.typ = otherTypes
	}
	if t.counts[k] == nil {
		t.counts[k] = &count{}
	}
	return t.counts[k]
}

// taken counts what was committed.
func (t *meter) taken(now time.Time, a *arrival) {
	t.mu.Lock()
	defer t.mu.Unlock()
	typ, c := "", (*count)(nil)
	for i, f := range a.fates {
		if f.refused != "" {
			continue
		}
		if c == nil || a.facts[i].Type != typ {
			typ = a.facts[i].Type
			c = t.of(now, typ)
		}
		if f.fresh {
			c.Accepted++
			t.total.Accepted++
		} else {
			c.Duplicate++
			t.total.Duplicate++
		}
	}
}

// rejections counts rejected events and keeps some for people.
func (t *meter) rejections(now time.Time, all []Rejection) {
	if len(all) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range all {
		t.of(now, r.typ).Rejected++
		t.total.Rejected[r.reason()]++
		if len(t.refusals) < refusalsTop {
			t.refusals = append(t.refusals, Refusal{ID: id.New(), At: now, Type: storedText(r.typ), Source: storedText(r.source), SourceID: storedText(r.ID), Problem: r.words()})
		}
	}
}

// words are what was wrong and how to put it right, on one line.
func (r Rejection) words() string {
	parts := make([]string, len(r.Errors))
	for i, f := range r.Errors {
		parts[i] = f.Name + " " + f.Problem
		if f.Fix != "" {
			parts[i] += " (" + f.Fix + ")"
		}
	}
	return storedText(strings.Join(parts, "; "))
}

// storedText makes what a stranger wrote fit for a text column.
func storedText(s string) string {
	const most = 300
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// keep writes a meter down; a failure costs the dashboard some figures.
func (s *Service) keep(ctx context.Context, counts map[meterKey]*count, refusals []Refusal) {
	ctx, cancel := context.WithTimeout(ctx, doorTime)
	defer cancel()
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b meterKey) int {
		if c := a.minute.Compare(b.minute); c != 0 {
			return c
		}
		return strings.Compare(a.typ, b.typ)
	})
	if err := s.addIntake(ctx, keys, counts, refusals); err != nil {
		s.log.WarnContext(ctx, "cannot write down what came in; the page Stream lacks some seconds", "error", err)
	}
}
