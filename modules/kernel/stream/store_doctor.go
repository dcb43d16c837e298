package stream

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// Behind is a listener that has not come along, as another process sees it.
type Behind struct {
	Listener string
	Facts    int       // that it has still to handle, at most 10,000 in each partition
	Since    time.Time // the oldest of them came in
}

// Late lists the listeners that leave facts lying which came in before. It needs no
// listeners in this process: those of the Usher that ran last are asked for.
func Late(ctx context.Context, d *db.DB, before time.Time) ([]Behind, error) {
	const op = "stream.Late"
	rows, err := d.Pool().Query(ctx, `
		SELECT s.name, count(*)::int, min(w.received_at)
		FROM stream.listener s JOIN stream.cursor c ON c.listener = s.name CROSS JOIN LATERAL (
			SELECT l.received_at FROM stream.log l
			WHERE l.partition = c.partition AND (l.xid, l.id) > (c.xid, c.id) AND (cardinality(s.types) = 0 OR l.type = ANY(s.types))
			ORDER BY l.xid, l.id LIMIT 10000) w
		GROUP BY s.name HAVING min(w.received_at) < $1 ORDER BY s.name`, before)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Behind])
	return all, db.Classify(op, err)
}

// ParkedIn counts the parked facts of a database, by listener.
func ParkedIn(ctx context.Context, d *db.DB) (map[string]int, error) {
	return (&Stream{store: store{db: d}}).ParkedByListener(ctx)
}

// note writes down what listeners read, and forgets those that are gone.
func (s store) note(ctx context.Context, names []string, types [][]string) error {
	const op = "stream.Register"
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Conn().Exec(ctx, `DELETE FROM stream.listener WHERE name <> ALL($1)`, names); err != nil {
			return db.Classify(op, err)
		}
		for i, name := range names {
			_, err := tx.Conn().Exec(ctx, `INSERT INTO stream.listener (name, types, registered_at) VALUES ($1, $2, $3)
				ON CONFLICT (name) DO UPDATE SET types = excluded.types, registered_at = excluded.registered_at`, name, orEmpty(types[i]), tx.Now())
			if err != nil {
				return db.Classify(op, err)
			}
		}
		return nil
	})
}
