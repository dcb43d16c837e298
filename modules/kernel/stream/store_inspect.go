package stream

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// lagLimit bounds the counting of what a listener has before it, per partition.
const lagLimit = 10_000

// Lag is how far a listener is behind.
type Lag struct {
	Listener string
	Behind   int           // facts to handle; counted up to 10,000 in each partition
	Oldest   time.Duration // age of the oldest of them, since it was received
	Held     bool          // some cannot be handled because an older transaction is open
	Blocker  *Blocker      // that transaction; nil when none is in the way
}

// Blocker is the transaction that holds readers back.
type Blocker struct {
	PID        int           // of its PostgreSQL backend; 0 for a prepared transaction
	Age        time.Duration // since it began
	QueryStart time.Time     // of its latest statement
	State      string        // such as "idle in transaction"
	Query      string        // its latest statement, without parameters, at most 200 characters
}

// Lag measures every listener of this process.
func (s *Stream) Lag(ctx context.Context) ([]Lag, error) {
	var all []Lag
	held := false
	for _, r := range s.readers {
		l, err := s.store.lag(ctx, r)
		if err != nil {
			return nil, err
		}
		held = held || l.Held
		all = append(all, l)
	}
	if !held {
		return all, nil
	}
	blocker, err := s.store.blocker(ctx)
	for i := range all {
		if all[i].Held {
			all[i].Blocker = blocker
		}
	}
	return all, err
}

// LagOf measures one listener, but for what holds it back. Errors: fault.NotFound when
// this process has no such listener.
func (s *Stream) LagOf(ctx context.Context, listener string) (Lag, error) {
	r, err := s.registered("stream.Lag", listener)
	if err != nil {
		return Lag{}, err
	}
	return s.store.lag(ctx, r)
}

func (s store) lag(ctx context.Context, r *reader) (Lag, error) {
	l := Lag{Listener: r.Name}
	var oldest *time.Time
	err := s.db.Pool().QueryRow(ctx, `
		SELECT count(w.xid), min(w.received_at), coalesce(bool_or(w.xid >= pg_snapshot_xmin(pg_current_snapshot())), false)
		FROM stream.cursor c CROSS JOIN LATERAL (SELECT l.xid, l.received_at FROM stream.log l
			WHERE l.partition = c.partition AND (l.xid, l.id) > (c.xid, c.id)
				AND (cardinality($2::text[]) = 0 OR l.type = ANY($2))
			ORDER BY l.xid, l.id LIMIT $3) w
		WHERE c.listener = $1`, r.Name, orEmpty(r.Types), lagLimit).Scan(&l.Behind, &oldest, &l.Held)
	if oldest != nil {
		l.Oldest = s.db.Now().Sub(*oldest)
	}
	return l, db.Classify("stream.Lag", err)
}

// blocker finds the oldest transaction that writes, in any database of the
// server; nil when it has just ended.
func (s store) blocker(ctx context.Context) (*Blocker, error) {
	var b Blocker
	err := s.db.Pool().QueryRow(ctx, `
		SELECT pid, clock_timestamp() - began, query_start, state, left(query, 200) FROM (
			SELECT age(backend_xid) AS age, pid, xact_start AS began, query_start, coalesce(state, '') AS state, coalesce(query, '') AS query
			FROM pg_stat_activity WHERE backend_xid IS NOT NULL
			UNION ALL
			SELECT age(transaction), 0, prepared, prepared, 'prepared', gid FROM pg_prepared_xacts) w
		ORDER BY age DESC LIMIT 1`).Scan(&b.PID, &b.Age, &b.QueryStart, &b.State, &b.Query)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &b, db.Classify("stream.blocker", err)
}

// Reading is how far a listener has come in one partition.
type Reading struct {
	Partition int16
	XID       uint64 // facts up to (XID, ID) are handled
	ID        int64
	Failures  int        // of the next fact
	MovedAt   *time.Time // last time a batch was handled; nil: never
}

// Readings are a listener's cursors, by partition. Errors: fault.NotFound when this
// process has no such listener.
func (s *Stream) Readings(ctx context.Context, listener string) ([]Reading, error) {
	const op = "stream.Readings"
	if _, err := s.registered(op, listener); err != nil {
		return nil, err
	}
	rows, err := s.store.db.Pool().Query(ctx, `SELECT partition, xid, id, failures, moved_at FROM stream.cursor
		WHERE listener = $1 ORDER BY partition`, listener)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Reading])
	return all, db.Classify(op, err)
}
