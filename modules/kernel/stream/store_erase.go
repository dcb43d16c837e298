package stream

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
)

// eraseAtOnce is how many facts one transaction of Erase looks at: a long one would
// hold every reader back.
const eraseAtOnce = 5000

// Erase removes the facts of these types that happened before an instant: raw readings
// that must not outlive their use, or a person who asks to be forgotten. member names a
// member of the data that must equal value; "" takes all. What is parked goes too. It
// returns how many. Safe to repeat.
func (s *Stream) Erase(ctx context.Context, types []string, member, value string, before time.Time) (int64, error) {
	total := int64(0)
	for p := range int16(db.Partitions) {
		n, err := s.store.erase(ctx, p, types, member, value, before)
		total += n
		if err != nil {
			return total, err
		}
	}
	done, err := s.store.db.Pool().Exec(ctx, `DELETE FROM stream.parked WHERE type = ANY($1) AND time < $2 AND ($3 = '' OR data ->> $3 = $4)`, types, before, member, value)
	return total + done.RowsAffected(), db.Classify("stream.Erase", err)
}

// eraseSQL looks at the facts of a partition behind a place, in order, and removes those
// that match; it tells how far it looked.
const eraseSQL = `WITH looked AS MATERIALIZED (
	SELECT day, source, source_id, xid, id, type = ANY($4) AND time < $5 AND ($6 = '' OR data ->> $6 = $7) AS hit
	FROM stream.log WHERE partition = $1 AND (xid, id) > ($2::text::xid8, $3) ORDER BY xid, id LIMIT $8
), gone AS (
	DELETE FROM stream.log l USING looked k WHERE k.hit AND l.day = k.day AND l.source = k.source AND l.source_id = k.source_id RETURNING 1
)
SELECT (SELECT count(*) FROM gone), count(*), coalesce((array_agg(xid::text ORDER BY xid DESC, id DESC))[1], '0'), coalesce((array_agg(id ORDER BY xid DESC, id DESC))[1], 0) FROM looked`

func (s store) erase(ctx context.Context, p int16, types []string, member, value string, before time.Time) (int64, error) {
	total, xid, at := int64(0), "0", int64(0)
	for {
		var gone, looked int64
		err := s.db.Pool().QueryRow(ctx, eraseSQL, p, xid, at, types, before, member, value, eraseAtOnce).Scan(&gone, &looked, &xid, &at)
		total += gone
		if err != nil || looked < eraseAtOnce {
			return total, db.Classify("stream.Erase", err)
		}
	}
}
