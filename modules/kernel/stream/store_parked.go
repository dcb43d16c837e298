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
	p.ParkedAt, f.Time, f.ReceivedAt = p.ParkedAt.UTC(), f.Time.UTC(), f.ReceivedAt.UTC()
	return p, err
}

// Parked lists parked facts of a listener ("": of all), the latest parked first: at
// most limit (default 50, at most 1,000), older than before (id.Nil: from the latest on).
func (s *Stream) Parked(ctx context.Context, listener string, limit int, before id.ID) ([]Parked, error) {
	const op = "stream.Parked"
	if limit <= 0 {
		limit = 50
	}
	rows, err := s.store.db.Pool().Query(ctx, `SELECT `+parkedColumns+` FROM stream.parked
		WHERE (id < $1 OR $1 = $3) AND (listener = $4 OR $4 = '') ORDER BY id DESC LIMIT $2`, before, min(limit, 1000), id.Nil, listener)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	all, err := pgx.CollectRows(rows, scanParked)
	return all, db.Classify(op, err)
}

// ParkedFact is one parked fact. Errors: fault.NotFound.
func (s *Stream) ParkedFact(ctx context.Context, parked id.ID) (Parked, error) {
	rows, err := s.store.db.Pool().Query(ctx, `SELECT `+parkedColumns+` FROM stream.parked WHERE id = $1`, parked)
	return oneParked("stream.ParkedFact", rows, err)
}

// ParkedByListener counts parked facts.
func (s *Stream) ParkedByListener(ctx context.Context) (map[string]int, error) {
	const op = "stream.ParkedByListener"
	counts := map[string]int{}
	rows, err := s.store.db.Pool().Query(ctx, `SELECT listener, count(*) FROM stream.parked GROUP BY listener`)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	var listener string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&listener, &n}, func() error { counts[listener] = n; return nil })
	return counts, db.Classify(op, err)
}

func oneParked(op string, rows pgx.Rows, err error) (Parked, error) {
	if err != nil {
		return Parked{}, db.Classify(op, err)
	}
	p, err := pgx.CollectExactlyOneRow(rows, scanParked)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, fault.E(op, fault.NotFound, "there is no parked fact with this id", nil)
	}
	return p, db.Classify(op, err)
}

// take removes a parked fact within tx and gives it: who else wants it waits, and
// finds it gone.
func take(tx *db.Tx, op string, parked id.ID) (Parked, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `DELETE FROM stream.parked WHERE id = $1 RETURNING `+parkedColumns, parked)
	return oneParked(op, rows, err)
}

// ReplayParked hands a parked fact to its listener again, out of order: later
// facts of its key have been handled. The effect and the removal commit together.
// Errors: fault.NotFound when it is not parked or its listener is unknown,
// fault.Conflict when the listener handles facts OnlyAhead, and what the listener
// returns; the fact stays parked with that error then.
func (s *Stream) ReplayParked(ctx context.Context, parked id.ID) error {
	const op = "stream.ReplayParked"
	var failure error
	err := s.store.db.InTx(ctx, func(tx *db.Tx) error {
		p, err := take(tx, op, parked)
		if err != nil {
			return err
		}
		r, err := s.registered(op, p.Listener)
		if err != nil {
			return err
		}
		if err := r.takesLate(op); err != nil {
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

// takesLate refuses a listener that would pass over a parked fact, which would
// vanish as if it had been handled.
func (r *reader) takesLate(op string) error {
	if !r.OnlyAhead {
		return nil
	}
	return fault.E(op, fault.Conflict, "the listener "+r.Name+" passes over facts that come after later ones", nil).WithFix(r.ReplayNote)
}

// Replayed is what became of a listener's parked facts.
type Replayed struct {
	Done   int // handled
	Failed int // still parked, with their new errors
	Left   int // not tried: there were more than one call takes
}

// replayAtOnce bounds ReplayAllParked.
const replayAtOnce = 1000

// ReplayAllParked hands a listener its parked facts again, in the order of the log,
// each in a transaction of its own; at most 1,000 of them. One that still fails
// does not stop the others. Errors: fault.NotFound when this process has no such
// listener, fault.Conflict when it handles facts OnlyAhead, and those of the
// database; what was handled before stays handled.
func (s *Stream) ReplayAllParked(ctx context.Context, listener string) (done Replayed, err error) {
	const op = "stream.ReplayAllParked"
	r, err := s.registered(op, listener)
	if err == nil {
		err = r.takesLate(op)
	}
	if err != nil {
		return done, err
	}
	rows, err := s.store.db.Pool().Query(ctx, `SELECT id FROM stream.parked WHERE listener = $1 ORDER BY xid, log_id LIMIT $2`, listener, replayAtOnce)
	if err != nil {
		return done, db.Classify(op, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[id.ID])
	if err != nil {
		return done, db.Classify(op, err)
	}
	for _, parked := range all {
		err := s.ReplayParked(ctx, parked)
		switch {
		case ctx.Err() != nil:
			return done, db.Classify(op, ctx.Err())
		case err == nil:
			done.Done++
		case !fault.Is(err, fault.NotFound): // somebody else has replayed or discarded it
			done.Failed++
		}
	}
	if len(all) == replayAtOnce {
		counts, err := s.ParkedByListener(ctx)
		done.Left = max(counts[listener]-done.Failed, 0)
		return done, err
	}
	return done, nil
}

// DiscardParked forgets a parked fact for good and gives it; the log keeps the fact
// as long as any other. Errors: fault.NotFound.
func (s *Stream) DiscardParked(ctx context.Context, parked id.ID) (p Parked, err error) {
	err = s.store.db.InTx(ctx, func(tx *db.Tx) error {
		p, err = take(tx, "stream.DiscardParked", parked)
		return err
	})
	return p, err
}
