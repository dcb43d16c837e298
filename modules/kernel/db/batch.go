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

// Batch is rows (Copy), statements and facts that go to the server in one message, one
// transaction of its own when DB.Send sends it: all of it happens or nothing.
// Nothing can be decided in between; what must hold is for the statements'
// guards to say (CHECK, UNIQUE, a function that raises). For a hot path it spares
// four of five round trips to the server.
type Batch struct {
	pgx.Batch
	copies []*Copy
	now    time.Time
	facts  map[News]bool // whom to wake after commit
}

// NewBatch is an empty batch of this instant.
func (d *DB) NewBatch() *Batch { return &Batch{now: d.clock.Now(), facts: map[News]bool{}} }

// NewBatch is an empty batch of the transaction's instant, for Tx.Send.
func (t *Tx) NewBatch() *Batch { return &Batch{now: t.now, facts: map[News]bool{}} }

// Now is the batch's instant: the same each time it is asked.
func (b *Batch) Now() time.Time { return b.now }

// Copy adds rows, if there are any. They come before the statements.
func (b *Batch) Copy(c *Copy) {
	if len(c.rows) > len(copyHead) {
		b.copies = append(b.copies, c)
	}
}

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

// Send runs the batch as a transaction. A function that reads an answer reads it after the
// commit: what it returns undoes nothing. The error is pgx's own.
func (d *DB) Send(ctx context.Context, b *Batch) error {
	var err error
	if len(b.copies) > 0 {
		err = d.batch.AcquireFunc(ctx, func(c *pgxpool.Conn) error { return b.sendWhole(ctx, c.Conn()) })
	} else {
		err = d.batch.SendBatch(ctx, &b.Batch).Close()
	}
	if err != nil {
		return err
	}
	d.signal.committed(b.facts, false)
	return nil
}

// Send runs the batch within the transaction. The error is pgx's own.
func (t *Tx) Send(b *Batch) error {
	if len(b.copies) > 0 {
		if err := sendCopies(t.ctx, t.conn.PgConn(), b.copies...); err != nil {
			return err
		}
	}
	if err := t.conn.SendBatch(t.ctx, &b.Batch).Close(); err != nil {
		return err
	}
	t.Announce(slices.Collect(maps.Keys(b.facts))...)
	return nil
}
