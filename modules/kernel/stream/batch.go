package stream

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// batch is what became of one.
type batch struct {
	at    cursor   // before it
	end   position // nothing for the listener is left before
	moved bool     // the cursor to the end
	facts []Fact
	limit int
	busy  bool // another process has the cursor

	elsewhere bool // another process has moved it
	err       error
}

// batch handles up to limit facts and moves the cursor, in one transaction.
func (r *reader) batch(ctx context.Context, p int16, l *lane, limit int) (b batch) {
	ctx, cancel := context.WithTimeout(ctx, r.s.cfg.BatchTimeout)
	defer cancel()
	b.limit = limit
	b.err = r.s.store.db.InTx(ctx, func(tx *db.Tx) (err error) {
		var locked bool
		if b.at, locked, err = lockCursor(tx, r.Name, p); err != nil || !locked {
			b.busy = err == nil
			return err
		}
		b.elsewhere = l.known && l.at.before(b.at.position)
		if r.Idle != nil {
			if idle, err := r.Idle(ctx, tx); err != nil {
				return err
			} else if idle {
				b.end, b.moved = position{xid: b.at.horizon}, true
				return moveCursor(tx, b.at, b.end)
			}
		}
		if b.facts, b.end, err = r.s.tail.next(tx, b.at, l.from(b.at.position), r.Types, b.limit); err != nil || len(b.facts) == 0 {
			return err
		}
		if err := r.handle(ctx, tx, b.facts); err != nil {
			return err
		}
		b.moved = true
		return moveCursor(tx, b.at, b.end)
	})
	if l.known = b.err == nil && !b.busy; l.known {
		l.learn(b.at.position, b.end, b.moved)
	}
	return b
}

// handle calls the listener; a panic becomes fault.Internal.
func (r *reader) handle(ctx context.Context, tx *db.Tx, facts []Fact) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.s.log.Error("a listener panicked", "listener", r.Name, "panic", p, "stack", string(debug.Stack()))
			err = fault.E("stream.Handle", fault.Internal, fmt.Sprintf("panic: %v", p), nil)
		}
	}()
	return r.Handle(ctx, tx, facts)
}

// failed counts the failure of a single fact and parks it after the last attempt.
func (r *reader) failed(ctx context.Context, b batch, l *lane) {
	f := b.facts[0]
	log := r.s.log.With("listener", r.Name, "partition", f.Partition, "type", f.Type, "xid", f.XID, "id", f.ID)
	failures, parked, err := r.s.store.fail(ctx, b.at, f, r.s.cfg.Attempts, b.err)
	switch {
	case err != nil:
		log.Warn("cannot count the failure of a fact", "error", err, "failure", b.err)
		l.pause(awayPause)
	case parked:
		log.Error("a fact was parked", "error", b.err, "failures", failures)
		l.singly, l.due = max(l.singly-1, 0), time.Now()
	default:
		pause := maxBackoff
		if failures < 8 {
			pause = min(pause, r.s.cfg.RetryMin<<(2*max(failures-1, 0)))
		}
		log.Warn("a fact failed and will be repeated", "error", b.err, "failures", failures, "in", pause)
		l.pause(pause)
	}
}
