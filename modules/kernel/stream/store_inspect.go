package stream

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
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
	const op = "stream.Lag"
	var all []Lag
	held := false
	for _, r := range s.readers {
		l := Lag{Listener: r.Name}
		var oldest *time.Time
		err := s.store.db.Pool().QueryRow(ctx, `
			SELECT count(w.xid), min(w.received_at), coalesce(bool_or(w.xid >= pg_snapshot_xmin(pg_current_snapshot())), false)
			FROM stream.cursor c CROSS JOIN LATERAL (SELECT l.xid, l.received_at FROM stream.log l
				WHERE l.partition = c.partition AND (l.xid, l.id) > (c.xid, c.id)
					AND (cardinality($2::text[]) = 0 OR l.type = ANY($2))
				ORDER BY l.xid, l.id LIMIT $3) w
			WHERE c.listener = $1`, r.Name, orEmpty(r.Types), lagLimit).Scan(&l.Behind, &oldest, &l.Held)
		if err != nil {
			return nil, db.Classify(op, err)
		}
		if oldest != nil {
			l.Oldest = s.store.db.Now().Sub(*oldest)
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

// Parked is a fact a listener could not handle.
type Parked struct {
	ID       id.ID
	Listener string
	Fact     Fact
	Error    string
	ParkedAt time.Time
}

const parkedColumns = `id, listener, error, parked_at, partition, xid, log_id, type, key, source, source_id, time, received_at, data`

func scanParked(r pgx.CollectableRow) (p Parked, err error) {
	f := &p.Fact
	err = r.Scan(&p.ID, &p.Listener, &p.Error, &p.ParkedAt,
		&f.Partition, &f.XID, &f.ID, &f.Type, &f.Key, &f.Source, &f.SourceID, &f.Time, &f.ReceivedAt, &f.Data)
	return p, err
}

// Parked lists parked facts of all listeners, the latest parked first: at most limit
// (default 50, at most 1,000), older than before (id.Nil: from the latest on).
func (s *Stream) Parked(ctx context.Context, limit int, before id.ID) ([]Parked, error) {
	const op = "stream.Parked"
	if limit <= 0 {
		limit = 50
	}
	rows, err := s.store.db.Pool().Query(ctx, `SELECT `+parkedColumns+` FROM stream.parked
		WHERE id < $1 OR $1 = $3 ORDER BY id DESC LIMIT $2`, before, min(limit, 1000), id.Nil)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	all, err := pgx.CollectRows(rows, scanParked)
	return all, db.Classify(op, err)
}

// ReplayParked hands a parked fact to its listener again, out of order: later
// facts of its key have been handled. The effect and the removal commit together.
// Errors: fault.NotFound when it is not parked or its listener is unknown, and
// what the listener returns; the fact stays parked with that error then.
func (s *Stream) ReplayParked(ctx context.Context, parked id.ID) error {
	const op = "stream.ReplayParked"
	var failure error
	err := s.store.db.InTx(ctx, func(tx *db.Tx) error {
		rows, err := tx.Conn().Query(ctx, `DELETE FROM stream.parked WHERE id = $1 RETURNING `+parkedColumns, parked)
		if err != nil {
			return db.Classify(op, err)
		}
		p, err := pgx.CollectExactlyOneRow(rows, scanParked)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.E(op, fault.NotFound, "there is no parked fact with this id", nil)
		} else if err != nil {
			return db.Classify(op, err)
		}
		r, err := s.registered(op, p.Listener)
		if err != nil {
			return err
		}
		failure = r.handle(ctx, tx, []Fact{p.Fact})
		return failure
	})
	if failure != nil {
		_, noted := s.store.db.Pool().Exec(ctx, `UPDATE stream.parked SET error = $2 WHERE id = $1`, parked, clean(failure))
		return errors.Join(failure, db.Classify(op, noted))
	}
	return err
}
