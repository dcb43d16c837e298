package stream

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Wanted narrows a look at the log; the zero Wanted is every fact.
type Wanted struct {
	Type, Key, Source string
	From, To          time.Time // of when it happened: From ≤ time < To; zero: open
}

// Spot is a place in the order of the whole log.
type Spot struct {
	XID uint64 `json:"x"`
	ID  int64  `json:"i"`
}

// browseLimit bounds what one look goes through, in facts.
const browseLimit = 50_000

// Browse lists facts, the newest first, at most limit, from behind after on (the
// zero Spot: from the newest). It goes through 50,000 facts: next is where to go on,
// nil at the end of the log, and may come with few facts or none.
func (s *Stream) Browse(ctx context.Context, w Wanted, after Spot, limit int) (facts []Fact, next *Spot, err error) {
	const op = "stream.Browse"
	var partition int16 = -1
	if w.Key != "" {
		partition = db.PartitionOf(w.Key)
	}
	const looked = `SELECT ` + factColumns + ` FROM stream.log
		WHERE ($1 = '0'::xid8 OR (xid, id) < ($1, $2)) AND ($3 < 0 OR partition = $3)
			AND ($4::timestamptz IS NULL OR day >= ($4 AT TIME ZONE 'UTC')::date AND time >= $4)
			AND ($5::timestamptz IS NULL OR day <= ($5 AT TIME ZONE 'UTC')::date AND time < $5)
		ORDER BY xid DESC, id DESC`
	args := []any{after.XID, after.ID, partition, timeOrNull(w.From), timeOrNull(w.To), browseLimit}
	rows, err := s.store.db.Pool().Query(ctx, `SELECT `+factColumns+` FROM (`+looked+` LIMIT $6) looked
		WHERE ($7 = '' OR type = $7) AND ($8 = '' OR key = $8) AND ($9 = '' OR source = $9)
		ORDER BY xid DESC, id DESC LIMIT $10`, append(args, w.Type, w.Key, w.Source, limit+1)...)
	if err != nil {
		return nil, nil, db.Classify(op, err)
	}
	if facts, err = pgx.CollectRows(rows, scanFact); err != nil {
		return nil, nil, db.Classify(op, err)
	}
	if len(facts) > limit {
		facts = facts[:limit]
		return facts, &Spot{facts[limit-1].XID, facts[limit-1].ID}, nil
	}
	args[5], next = browseLimit-1, &Spot{}
	err = s.store.db.Pool().QueryRow(ctx, `SELECT xid, id FROM (`+looked+` OFFSET $6 LIMIT 1) looked`, args...).Scan(&next.XID, &next.ID)
	if errors.Is(err, pgx.ErrNoRows) {
		return facts, nil, nil
	}
	return facts, next, db.Classify(op, err)
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// FactAt is the fact at a place. Errors: fault.NotFound.
func (s *Stream) FactAt(ctx context.Context, at Spot) (Fact, error) {
	const op = "stream.FactAt"
	rows, err := s.store.db.Pool().Query(ctx, `SELECT `+factColumns+` FROM stream.log WHERE xid = $1::xid8 AND id = $2`, at.XID, at.ID)
	if err != nil {
		return Fact{}, db.Classify(op, err)
	}
	f, err := pgx.CollectExactlyOneRow(rows, scanFact)
	if errors.Is(err, pgx.ErrNoRows) {
		return f, fault.E(op, fault.NotFound, "there is no such fact in the log, or no longer", nil)
	}
	return f, db.Classify(op, err)
}
