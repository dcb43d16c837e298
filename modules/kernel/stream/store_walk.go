package stream

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// walkChunk is how many facts Walk holds at once.
const walkChunk = 500

// Walk hands over every wanted fact that is committed when it begins, the oldest
// first: in the order of the log, so facts of one key come in order. Some of those
// committed meanwhile may be among them. chunk gets 1 to 500 facts at a time.
//
// Each chunk is a read of its own, without a transaction around them: no xid is
// held, so listeners are not held back, and no connection while chunk runs. Days
// that retention drops meanwhile are left out.
// Errors: chunk's own, and fault.Transient when the database is away.
func (s *Stream) Walk(ctx context.Context, w Wanted, chunk func([]Fact) error) error {
	end, err := s.store.latest(ctx)
	if err != nil {
		return err
	}
	for at := (Spot{}); ; {
		facts, err := s.store.walk(ctx, w, at, end)
		if err != nil || len(facts) == 0 {
			return err
		}
		if err := chunk(facts); err != nil {
			return err
		}
		if len(facts) < walkChunk {
			return nil
		}
		last := facts[len(facts)-1]
		at = Spot{last.XID, last.ID}
	}
}

// latest is the first xid that no transaction has had yet.
func (s store) latest(ctx context.Context) (xid uint64, err error) {
	err = s.db.Pool().QueryRow(ctx, `SELECT pg_snapshot_xmax(pg_current_snapshot())`).Scan(&xid)
	return xid, db.Classify("stream.Walk", err)
}

// walk reads the next wanted facts behind a place, below end. That xid ≥ stands
// beside the pair is for the planner: it begins in the index on xid there.
func (s store) walk(ctx context.Context, w Wanted, after Spot, end uint64) ([]Fact, error) {
	var partition int16 = -1
	if w.Key != "" {
		partition = db.PartitionOf(w.Key)
	}
	rows, err := s.db.Pool().Query(ctx, `
		SELECT `+factColumns+` FROM stream.log
		WHERE xid >= $1::xid8 AND (xid, id) > ($1::xid8, $2::bigint) AND xid < $3::xid8
			AND ($4::timestamptz IS NULL OR day >= ($4 AT TIME ZONE 'UTC')::date AND time >= $4)
			AND ($5::timestamptz IS NULL OR day <= ($5 AT TIME ZONE 'UTC')::date AND time < $5)
			AND ($6 = '' OR type = $6) AND ($7 = '' OR source = $7) AND ($8::smallint < 0 OR partition = $8 AND key = $9)
		ORDER BY xid, id LIMIT $10`,
		after.XID, after.ID, end, timeOrNull(w.From), timeOrNull(w.To), w.Type, w.Source, partition, w.Key, walkChunk)
	if err != nil {
		return nil, db.Classify("stream.Walk", err)
	}
	facts, err := pgx.CollectRows(rows, scanFact)
	return facts, db.Classify("stream.Walk", err)
}
