package hub

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// takeJob removes the next due job from the outbox, as the relay and a worker would.
func takeJob(t *testing.T, d *db.DB) (name string, payload []byte, ok bool) {
	t.Helper()
	err := d.Pool().QueryRow(t.Context(), `DELETE FROM queue.outbox WHERE id =
		(SELECT id FROM queue.outbox WHERE run_at <= $1 ORDER BY run_at LIMIT 1) RETURNING name, payload`, d.Now()).Scan(&name, &payload)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	return name, payload, true
}

func chunksOf(t *testing.T, d *db.DB, n id.ID) []int64 {
	t.Helper()
	rows, err := d.Pool().Query(t.Context(), `SELECT c.no FROM hub.chunk c JOIN hub.notification n ON n.no = c.notification_no WHERE n.id = $1 ORDER BY 1`, n)
	if err != nil {
		t.Fatal(err)
	}
	nos, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		t.Fatal(err)
	}
	return nos
}

func countDeliveries(t *testing.T, d *db.DB, n id.ID) (total, distinct int) {
	t.Helper()
	err := d.Pool().QueryRow(t.Context(), `SELECT count(*), count(DISTINCT installation_no) FROM hub.delivery d
		JOIN hub.notification n ON n.no = d.notification_no WHERE n.id = $1`, n).Scan(&total, &distinct)
	if err != nil {
		t.Fatal(err)
	}
	return total, distinct
}

// readInHeapOrder makes the transaction read tables as a large one would be read
// for a rare tag: in the order of their pages.
func readInHeapOrder(t *testing.T, tx *db.Tx) {
	t.Helper()
	if _, err := tx.Conn().Exec(t.Context(), `SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off`); err != nil {
		t.Fatal(err)
	}
}
