package db

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Batch is statements and facts that go to the server in one message, after rows
// (Copy) if there are any, one transaction of its own when DB.Send sends it: all of it
// happens or nothing.
// Nothing can be decided in between; what must hold is for the statements'
// guards to say (CHECK, UNIQUE, a function that raises). For a hot path it spares
// three of four journeys to the server.
type Batch struct {
	pgx.Batch
	copies []*Copy
	copied func()
	now    time.Time
	facts  map[News]bool // whom to wake after commit
}

// NewBatch is an empty batch of this instant.
func (d *DB) NewBatch() *Batch { return &Batch{now: d.clock.Now(), facts: map[News]bool{}} }

// NewBatch is an empty batch of the transaction's instant, for Tx.Send.
func (t *Tx) NewBatch() *Batch { return &Batch{now: t.now, facts: map[News]bool{}} }

// Now is the batch's instant: the same each time it is asked.
func (b *Batch) Now() time.Time { return b.now }

// Copy adds rows, if there are any. They go to the server before the statements, all Copies
// in one message.
func (b *Batch) Copy(c *Copy) {
	if len(c.rows) > len(copyHead) {
		b.copies = append(b.copies, c)
	}
}

// Copied has do called when the rows are at the server and the statements are about to
// follow, of which the last commits.
func (b *Batch) Copied(do func()) { b.copied = do }

// Emit announces a fact with the batch.
func (b *Batch) Emit(f Fact) error {
	data, err := json.Marshal(f)
	if err != nil {
		return fault.E("db.Emit", fault.Internal, "cannot write the fact", err)
	}
	p := PartitionOf(f.FactKey())
	b.Queue(`INSERT INTO stream.log (day, partition, type, key, source, source_id, time, received_at, data)
		VALUES (($1::timestamptz AT TIME ZONE 'UTC')::date, $2, $3, $4, $7, $5, $1, $1, $6)`,
		b.now, p, f.FactType(), f.FactKey(), id.New().String(), data, OwnSource)
	b.facts[News{p, f.FactType()}] = true
	return nil
}

// Send runs the batch as a transaction. The error is pgx's own.
func (d *DB) Send(ctx context.Context, b *Batch) error {
	var err error
	if len(b.copies) > 0 {
		err = d.pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error { return b.copyAndSend(ctx, c.Conn()) })
	} else {
		err = d.pool.SendBatch(ctx, &b.Batch).Close()
	}
	if err != nil {
		return err
	}
	d.signal.committed(b.facts, false)
	return nil
}

// copyAndSend begins the transaction with the first rows and commits it with the last
// statement: what that locks is not kept for a journey more.
func (b *Batch) copyAndSend(ctx context.Context, conn *pgx.Conn) error {
	if err := sendCopies(ctx, conn.PgConn(), "BEGIN; ", b.copies...); err != nil {
		return rollback(ctx, conn, err)
	}
	if b.copied != nil {
		b.copied()
	}
	b.Queue("COMMIT")
	if err := conn.SendBatch(ctx, &b.Batch).Close(); err != nil {
		return rollback(ctx, conn, err)
	}
	return nil
}

// rollback leaves the connection as it was; if it cannot, the pool closes it.
func rollback(ctx context.Context, conn *pgx.Conn, cause error) error {
	if !conn.IsClosed() {
		_, _ = conn.PgConn().Exec(ctx, "ROLLBACK").ReadAll()
	}
	return cause
}

// Send runs the batch within the transaction. The error is pgx's own.
func (t *Tx) Send(b *Batch) error {
	if len(b.copies) > 0 {
		if err := sendCopies(t.ctx, t.conn.PgConn(), "", b.copies...); err != nil {
			return err
		}
	}
	if err := t.conn.SendBatch(t.ctx, &b.Batch).Close(); err != nil {
		return err
	}
	t.Announce(slices.Collect(maps.Keys(b.facts))...)
	return nil
}
