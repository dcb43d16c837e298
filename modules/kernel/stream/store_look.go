package stream

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// recentLimit bounds how far back Recent looks, in facts of any type.
const recentLimit = 50_000

// Recent gives the newest facts of some types (none: of all), at most limit of
// them, in the order listeners get them within a partition. It looks through the
// newest 50,000 facts of the log.
func (s *Stream) Recent(ctx context.Context, types []string, limit int) ([]Fact, error) {
	rows, err := s.store.db.Pool().Query(ctx, `
		SELECT `+factColumns+` FROM (
			SELECT `+factColumns+` FROM (SELECT `+factColumns+` FROM stream.log ORDER BY xid DESC LIMIT $2) newest
			WHERE cardinality($1::text[]) = 0 OR type = ANY($1)
			ORDER BY xid DESC, id DESC LIMIT $3) wanted
		ORDER BY xid, id`, orEmpty(types), recentLimit, limit)
	if err != nil {
		return nil, db.Classify("stream.Recent", err)
	}
	facts, err := pgx.CollectRows(rows, scanFact)
	return facts, db.Classify("stream.Recent", err)
}

// Idle lists the partitions in which a listener has handled every fact that was
// committed when it was asked. Errors: fault.NotFound when this process has no such listener.
func (s *Stream) Idle(ctx context.Context, listener string) ([]int16, error) {
	const op = "stream.Idle"
	r, err := s.registered(op, listener)
	if err != nil {
		return nil, err
	}
	rows, err := s.store.db.Pool().Query(ctx, `
		SELECT c.partition FROM stream.cursor c
		WHERE c.listener = $1 AND NOT EXISTS (SELECT FROM stream.log l
			WHERE l.partition = c.partition AND (l.xid, l.id) > (c.xid, c.id)
				AND (cardinality($2::text[]) = 0 OR l.type = ANY($2)))
		ORDER BY c.partition`, listener, orEmpty(r.Types))
	if err != nil {
		return nil, db.Classify(op, err)
	}
	partitions, err := pgx.CollectRows(rows, pgx.RowTo[int16])
	return partitions, db.Classify(op, err)
}
