package stream

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/usherhq/usher/modules/kernel/db"
)

const (
	busyPause  = 500 * time.Millisecond // another process is at the partition: it goes on there, we look after it
	awayPause  = time.Second            // the database does not answer
	recheck    = 30 * time.Second       // every partition is looked at this often, whatever was announced
	maxBackoff = time.Minute
	skipFrom   = 1000 // transactions a cursor may stay behind when nothing is left to handle

	// A listener that has caught up lets facts gather before its next transaction, so
	// that a busy stream costs few of them: the first fact after a quiet time waits for
	// nothing, the others so long, or gatherShare times what the last batch took, or
	// gatherFact for each fact of it: where many come, more are worth waiting for.
	gather      = 20 * time.Millisecond
	gatherShare = 3
	gatherFact  = time.Millisecond
	gatherMost  = 250 * time.Millisecond
)

// reader runs one listener in this process.
type reader struct {
	Listener
	s     *Stream
	rank  int                 // among the listeners
	lanes [db.Partitions]lane // each touched by one goroutine at a time

	bell  chan struct{}
	mu    sync.Mutex
	fresh [db.Partitions]bool // announced since the last look
	stir  [db.Partitions]bool // facts for others were
	reset bool                // forget floors
}

func newReader(s *Stream, l Listener) *reader {
	return &reader{Listener: l, s: s, bell: make(chan struct{}, 1)}
}

// announce says that partitions have news. It does not block.
func (r *reader) announce(reset bool, partitions ...int16) {
	r.mu.Lock()
	for _, p := range partitions {
		r.fresh[p] = true
	}
	r.reset = r.reset || reset
	r.mu.Unlock()
	r.ring()
}

// hint says that a partition has news for others.
func (r *reader) hint(p int16) {
	r.mu.Lock()
	r.stir[p] = true
	r.mu.Unlock()
	r.ring()
}

func (r *reader) ring() {
	select {
	case r.bell <- struct{}{}:
	default:
	}
}

// run looks at partitions when they are due until ctx ends.
func (r *reader) run(ctx context.Context) {
	all := time.NewTicker(recheck)
	defer all.Stop()
	r.announce(true, allPartitions...)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-all.C:
			r.announce(true, allPartitions...)
		case <-r.bell:
		case <-timer.C:
		}
		r.take()
		r.work(ctx)
		timer.Reset(r.untilDue())
	}
}

// take makes announced partitions due.
func (r *reader) take() {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.lanes {
		l := &r.lanes[p]
		if r.reset {
			l.known = false
		}
		if l.known && (r.fresh[p] || r.stir[p]) {
			l.seen = r.s.digest.pass(int16(p), r.Types, l.seen)
		}
		if r.fresh[p] {
			if l.news = now; !(l.hold && l.due.After(now)) {
				l.due = later(now, l.gather)
			}
		} else if r.stir[p] && l.known && l.far() && l.due.IsZero() {
			l.due = now
		}
	}
	r.fresh, r.stir, r.reset = [db.Partitions]bool{}, [db.Partitions]bool{}, false
}

func (r *reader) untilDue() time.Duration {
	wait := recheck
	for p := range r.lanes {
		if due := r.lanes[p].due; !due.IsZero() {
			wait = min(wait, time.Until(due))
		}
	}
	return max(wait, 0)
}

// work handles one batch in each partition that is due and has facts.
func (r *reader) work(ctx context.Context) { //nolint:funlen // one loop
	due := r.dueLanes()
	if len(due) == 0 {
		return
	}
	ours, err := r.look(ctx, due)
	if err != nil {
		if ctx.Err() == nil {
			r.s.log.Warn("cannot read the stream", "listener", r.Name, "error", err)
		}
		for _, p := range due {
			r.lanes[p].pause(awayPause)
		}
		return
	}
	var group errgroup.Group
	group.SetLimit(r.Workers)
	var together []int16
	over := map[int16]gap{} // facts that are not for this listener
	for _, p := range ours {
		l := &r.lanes[p]
		switch ready, none := r.s.tail.ready(p, l.seen, r.Types); {
		case ready && r.Together && l.singly == 0:
			together = append(together, p)
		case ready:
			group.Go(func() error { r.step(ctx, p, l); return nil })
		default:
			if l.rest(none, r.Gather); l.far() {
				over[p] = gap{l.at, none.xid}
				l.known = false
			}
		}
	}
	if len(over) > 0 {
		if err := r.s.store.skip(ctx, r.Name, over); err != nil && ctx.Err() == nil {
			r.s.log.Warn("cannot move cursors", "listener", r.Name, "error", err)
		}
	}
	if len(together) > 0 {
		for some := range slices.Chunk(together, (len(together)+r.Workers-1)/r.Workers) {
			group.Go(func() error { r.several(ctx, some); return nil })
		}
	}
	_ = group.Wait()
}

func (r *reader) dueLanes() (due []int16) {
	now := time.Now()
	for p := range r.lanes {
		if l := r.lanes[p]; !l.due.IsZero() && !l.due.After(now) {
			due = append(due, int16(p))
		}
	}
	return due
}

// look finds out where cursors are that it does not know, or that other processes move too,
// and has the tail hold what is behind them, or was when it was announced. It gives the
// partitions that are not left to others.
func (r *reader) look(ctx context.Context, due []int16) (ours []int16, err error) {
	var open []int16
	for _, p := range due {
		if l := &r.lanes[p]; !l.known || l.shared || r.s.leads.elsewhere(p) {
			open = append(open, p)
		}
	}
	left := map[int16]bool{}
	if len(open) > 0 {
		r.s.asking.Lock()
		all, err := r.s.store.cursors(ctx, r.Name, open)
		r.s.asking.Unlock()
		if err != nil {
			return nil, err
		}
		for p, at := range all {
			left[p] = r.leave(p, at)
		}
	}
	asks := make([]ask, 0, len(due))
	for _, p := range due {
		if l := &r.lanes[p]; !left[p] {
			ours, asks = append(ours, p), append(asks, ask{p, l.seen, l.news})
		}
	}
	return ours, r.s.tail.fill(ctx, r.s.store, asks)
}

// leave takes note of where a cursor is. It reports that the partition is left to another
// process, which goes ahead there and keeps up with this listener, and when to look after it.
func (r *reader) leave(p int16, at position) bool {
	l := &r.lanes[p]
	if l.meet(at) && r.s.leads.leave(p, r.rank) {
		r.s.tail.drop(p) // what it held is not continued
	}
	l.seen = r.s.digest.pass(p, r.Types, l.seen)
	owed := l.owed
	if l.owed = 0; l.seen.xid < owed || !r.s.leads.elsewhere(p) {
		return false
	}
	if l.owed = r.s.digest.newest(p, r.Types); l.seen.xid <= l.owed {
		l.pause(busyPause)
	} else {
		l.due, l.hold, l.gather = time.Time{}, false, time.Now().Add(busyPause)
	}
	return true
}

// step handles one batch of a partition and says when to look again.
func (r *reader) step(ctx context.Context, p int16, l *lane) {
	limit := r.Batch
	if l.singly > 0 {
		limit = 1
	}
	begun := time.Now()
	b := r.batch(ctx, p, l, limit)
	l.hold, l.shared = false, b.busy || b.elsewhere
	switch {
	case ctx.Err() != nil: // rolled back; that is no failure of the facts
	case b.err == nil && (b.busy || b.elsewhere && len(b.facts) == 0):
		l.pause(busyPause)
	case b.err == nil:
		if b.moved && !b.elsewhere {
			r.s.leads.keep(p, r.rank)
		}
		l.singly = max(l.singly-len(b.facts), 0)
		l.due = time.Now()
		if b.end.id == 0 { // at a horizon: nothing was left
			l.due, l.singly = time.Time{}, 0
			l.gather = time.Now().Add(max(r.Gather, min(max(gatherShare*time.Since(begun), time.Duration(len(b.facts))*gatherFact), gatherMost)))
		}
	case len(b.facts) == 0:
		r.s.log.Warn("cannot read the stream", "listener", r.Name, "partition", p, "error", b.err)
		l.pause(awayPause)
	case len(b.facts) > 1:
		r.s.log.Warn("a batch failed; its facts are handled one by one", "listener", r.Name, "partition", p, "facts", len(b.facts), "error", b.err)
		l.singly, l.due = len(b.facts), time.Now()
	default:
		r.failed(ctx, b, l)
	}
}
