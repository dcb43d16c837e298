package stream

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
)

// several handles one batch over all these partitions in one transaction, for a listener
// whose cost is that of its transactions. When it fails the facts are handled partition
// by partition, one by one: which of them is at fault shows there.
func (r *reader) several(ctx context.Context, partitions []int16) {
	begun := time.Now()
	each := max(r.Batch/len(partitions), 1)
	b, err := r.shared(ctx, partitions, each)
	if ctx.Err() != nil { // rolled back; that is no failure of the facts
		return
	}
	if err != nil && len(b.facts) == 0 {
		r.s.log.Warn("cannot read the stream", "listener", r.Name, "error", err)
	} else if err != nil {
		r.s.log.Warn("a batch over partitions failed; its facts are handled one by one", "listener", r.Name, "facts", len(b.facts), "error", err)
	}
	counts := map[int16]int{}
	for _, f := range b.facts {
		counts[f.Partition]++
	}
	for _, p := range partitions {
		l := &r.lanes[p]
		at, mine := b.locked[p]
		elsewhere := l.known && l.at.before(at.position)
		l.hold, l.known, l.shared = false, false, !mine || elsewhere
		switch {
		case err != nil && len(b.facts) == 0:
			l.pause(awayPause)
		case err != nil:
			l.singly, l.due = counts[p], time.Now()
		case !mine:
			l.pause(busyPause)
		default:
			if b.moved && !elsewhere {
				r.s.leads.keep(p, r.rank)
			}
			l.learn(at.position, b.ends[p], b.moved)
			if l.rest(b.ends[p], r.Gather); l.due.IsZero() {
				l.gather = time.Now().Add(max(r.Gather, min(time.Since(begun), gatherMost)))
			}
		}
	}
}

// common is what became of a batch over partitions.
type common struct {
	locked map[int16]cursor // before it
	ends   map[int16]position
	facts  []Fact
	moved  bool // the cursors to the ends
}

// shared is the transaction: it takes the cursors that nobody has, handles up to each
// facts of every partition, and moves the cursors.
func (r *reader) shared(ctx context.Context, partitions []int16, each int) (b common, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.s.cfg.BatchTimeout)
	defer cancel()
	err = r.s.store.db.InTx(ctx, func(tx *db.Tx) (err error) {
		b = common{ends: map[int16]position{}}
		if b.locked, err = lockCursors(tx, r.Name, partitions); err != nil || len(b.locked) == 0 {
			return err
		}
		if r.Idle != nil {
			if b.moved, err = r.Idle(ctx, tx); err != nil {
				return err
			}
		}
		if b.moved {
			for p, c := range b.locked {
				b.ends[p] = position{xid: c.horizon}
			}
			return moveCursors(tx, b.locked, b.ends)
		}
		if err := r.gatherCommon(tx, &b, each); err != nil || len(b.facts) == 0 {
			return err
		}
		if err := r.handle(ctx, tx, b.facts); err != nil {
			return err
		}
		b.moved = true
		return moveCursors(tx, b.locked, b.ends)
	})
	return b, err
}

// gatherCommon reads the facts of a batch, partition by partition.
func (r *reader) gatherCommon(tx *db.Tx, b *common, each int) error {
	for _, p := range slices.Sorted(maps.Keys(b.locked)) {
		c := b.locked[p]
		facts, end, err := r.s.tail.next(tx, c, r.lanes[p].from(c.position), r.Types, each)
		if err != nil {
			return err
		}
		b.facts, b.ends[p] = append(b.facts, facts...), end
	}
	return nil
}
