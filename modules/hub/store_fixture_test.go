package hub

import (
	"context"
	"errors"
	"testing"
	"time"

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

// slowTag makes each question for a tag wait until it is released.
type slowTag struct {
	t    *testing.T
	conn *pgx.Conn // none of the pool's
}

// newSlowTag gives the database an operator that PostgreSQL prefers to its own, whose
// operands are of any type.
func newSlowTag(t *testing.T, d *db.DB, tag string) slowTag {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.Pool().Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	_, err = conn.Exec(t.Context(), `
		CREATE FUNCTION public.contains_slowly(text[], text[]) RETURNS boolean LANGUAGE plpgsql AS $$
		BEGIN
			IF $2 = '{`+tag+`}' THEN PERFORM pg_advisory_xact_lock_shared(7); END IF;
			RETURN $1 OPERATOR(pg_catalog.@>) $2;
		END $$;
		CREATE OPERATOR public.@> (LEFTARG = text[], RIGHTARG = text[], FUNCTION = public.contains_slowly);
		SELECT pg_advisory_lock(7)`)
	if err != nil {
		t.Fatal(err)
	}
	return slowTag{t, conn}
}

// awaitWaiting waits until at least n questions wait, and returns how many transactions
// are open then that have written: readers of the stream wait for such.
func (s slowTag) awaitWaiting(n int) (wrote int) {
	s.t.Helper()
	for {
		var waiting int
		err := s.conn.QueryRow(s.t.Context(), `SELECT count(*) FILTER (WHERE wait_event = 'advisory'), count(backend_xid)
			FROM pg_stat_activity WHERE datname = current_database()`).Scan(&waiting, &wrote)
		if err != nil {
			s.t.Fatal(err)
		}
		if waiting >= n {
			return wrote
		}
		time.Sleep(time.Millisecond)
	}
}

func (s slowTag) release() {
	s.t.Helper()
	if _, err := s.conn.Exec(s.t.Context(), `SELECT pg_advisory_unlock(7)`); err != nil {
		s.t.Fatal(err)
	}
}
