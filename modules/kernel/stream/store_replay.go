package stream

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Replay sets a listener's cursors back so that it handles again all facts
// received since. Cursors are never set forward.
// Errors: fault.NotFound when this process has no such listener, fault.Conflict
// when it is not Replayable.
func (s *Stream) Replay(ctx context.Context, listener string, since time.Time) error {
	const op = "stream.Replay"
	r, err := s.registered(op, listener)
	if err != nil {
		return err
	}
	if !r.Replayable {
		return fault.E(op, fault.Conflict, "the listener "+listener+" must not handle facts again: their effects would happen twice", nil).WithFix(r.ReplayNote)
	}
	return s.ReplayWith(ctx, listener, since, func(*db.Tx) error { return nil })
}

// ReplayWith is Replay for a module that knows how its listener's state is undone: reset runs in the transaction
// that sets the cursors back, while none of the listener's batches is under way.
// It must be short. Errors: fault.NotFound, and reset's.
func (s *Stream) ReplayWith(ctx context.Context, listener string, since time.Time, reset func(tx *db.Tx) error) error {
	const op = "stream.Replay"
	if _, err := s.registered(op, listener); err != nil {
		return err
	}
	partitions, places, err := s.store.placesAt(ctx, since)
	if err != nil {
		return err
	}
	var xids []uint64
	var ids []int64
	for _, to := range places {
		xids, ids = append(xids, to.xid), append(ids, to.id)
	}
	err = s.store.db.InTx(ctx, func(tx *db.Tx) error {
		// All of them, in order: a batch under way may be about to pass its place.
		_, err := tx.Conn().Exec(ctx, `SELECT FROM stream.cursor WHERE listener = $1 ORDER BY partition FOR UPDATE`, listener)
		if err != nil {
			return db.Classify(op, err)
		}
		_, err = tx.Conn().Exec(ctx, `
			UPDATE stream.cursor c SET xid = w.xid, id = w.id, failures = 0
			FROM unnest($2::smallint[], $3::xid8[], $4::bigint[]) AS w(partition, xid, id)
			WHERE c.listener = $1 AND c.partition = w.partition AND (c.xid, c.id) > (w.xid, w.id)`, listener, partitions, xids, ids)
		if err != nil {
			return db.Classify(op, err)
		}
		return reset(tx)
	})
	if err != nil {
		return err
	}
	s.announceAll()
	return s.store.notify(ctx, s.name, tellAll)
}

// placesAt finds, in each partition, the place before the first fact received
// since; the horizon where there is none yet. It is a read of its own: a
// transaction with an xid would hold readers back meanwhile.
func (s store) placesAt(ctx context.Context, since time.Time) (partitions []int16, places []position, err error) {
	rows, err := s.db.Pool().Query(ctx, `
		SELECT p, coalesce(f.xid, pg_snapshot_xmin(pg_current_snapshot())), coalesce(f.id - 1, 0)
		FROM unnest($2::smallint[]) AS p LEFT JOIN (
			SELECT DISTINCT ON (partition) partition, xid, id FROM stream.log
			WHERE received_at >= $1 ORDER BY partition, xid, id) f ON f.partition = p`, since, allPartitions)
	if err != nil {
		return nil, nil, db.Classify("stream.Replay", err)
	}
	var p int16
	var at position
	_, err = pgx.ForEachRow(rows, []any{&p, &at.xid, &at.id}, func() error {
		partitions, places = append(partitions, p), append(places, at)
		return nil
	})
	return partitions, places, db.Classify("stream.Replay", err)
}

// countLimit bounds Since.
const countLimit = 100_000

// Since counts the facts that a replay from then on hands to a listener, up to
// 100,000. Errors: fault.NotFound when this process has no such listener.
func (s *Stream) Since(ctx context.Context, listener string, since time.Time) (n int, err error) {
	const op = "stream.Since"
	r, err := s.registered(op, listener)
	if err != nil {
		return 0, err
	}
	err = s.store.db.Pool().QueryRow(ctx, `SELECT count(*) FROM (SELECT FROM stream.log
		WHERE received_at >= $1 AND (cardinality($2::text[]) = 0 OR type = ANY($2)) LIMIT $3) w`, since, orEmpty(r.Types), countLimit).Scan(&n)
	return n, db.Classify(op, err)
}

// Oldest is when the oldest fact still kept was received, or now when there is none.
func (s *Stream) Oldest(ctx context.Context) (time.Time, error) {
	var t time.Time
	err := s.store.db.Pool().QueryRow(ctx, `SELECT received_at FROM stream.log ORDER BY xid, id LIMIT 1`).Scan(&t)
	if errors.Is(err, pgx.ErrNoRows) {
		return s.store.db.Now(), nil
	}
	return t.UTC(), db.Classify("stream.Oldest", err)
}
