package stream

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
)

// several handles one batch over all these partitions in one transaction, for a listener
// whose cost is that of its transactions. When it fails the facts are handled partition
// by partition, one by one: which of them is at fault shows there.
func (r *reader) several(ctx context.Context, partitions []int16) {
	begun := time.Now()
	each := max(r.Batch/len(partitions), 1)
	locked, facts, err := r.shared(ctx, partitions, each)
	if ctx.Err() != nil { // rolled back; that is no failure of the facts
		return
	}
	if err != nil && len(facts) == 0 {
		r.s.log.Warn("cannot read the stream", "listener", r.Name, "error", err)
	} else if err != nil {
		r.s.log.Warn("a batch over partitions failed; its facts are handled one by one", "listener", r.Name, "facts", len(facts), "error", err)
	}
	counts := map[int16]int{}
	for _, f := range facts {
		counts[f.Partition]++
	}
	for _, p := range partitions {
		l, n := &r.lanes[p], counts[p]
		_, mine := locked[p]
		l.hold = false
		switch {
		case err != nil && len(facts) == 0:
			l.pause(awayPause)
		case err != nil:
			l.singly, l.due = n, time.Now()
		case !mine:
			l.pause(busyPause)
		case n < each:
			l.due = time.Time{}
			l.gather = time.Now().Add(min(max(gather, time.Since(begun)), gatherMost))
		default:
			l.due = time.Now()
		}
	}
}

// shared is the transaction: it takes the cursors that nobody has, handles up to each
// facts of every partition, and moves the cursors.
func (r *reader) shared(ctx context.Context, partitions []int16, each int) (locked map[int16]cursor, facts []Fact, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.s.cfg.BatchTimeout)
	defer cancel()
	err = r.s.store.db.InTx(ctx, func(tx *db.Tx) (err error) {
		if locked, err = lockCursors(tx, r.Name, partitions); err != nil || len(locked) == 0 {
			return err
		}
		idle := false
		if r.Idle != nil {
			if idle, err = r.Idle(ctx, tx); err != nil {
				return err
			}
		}
		if !idle {
			if facts, err = readShared(tx, locked, r.Types, each); err != nil || len(facts) == 0 {
				return err
			}
			if err := r.handle(ctx, tx, facts); err != nil {
				return err
			}
		}
		return moveCursors(tx, locked, endsOf(locked, facts, each))
	})
	return locked, facts, err
}

// endsOf are the places behind a batch in each partition.
func endsOf(locked map[int16]cursor, facts []Fact, each int) map[int16]position {
	of, to := map[int16][]Fact{}, map[int16]position{}
	for _, f := range facts {
		of[f.Partition] = append(of[f.Partition], f)
	}
	for p, c := range locked {
		to[p] = endOf(of[p], each, c.horizon)
	}
	return to
}
