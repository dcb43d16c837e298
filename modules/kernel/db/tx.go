package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"hash/fnv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// OwnSource is the source of the facts that Usher's modules announce.
const OwnSource = "usher"

// Partitions is the number of ordering partitions of the stream.
const Partitions = 16

// Fact is something that happened, recorded once in the stream. Implementations
// are plain structs in modules/facts; they are stored as JSON.
type Fact interface {
	FactType() string // stable name, such as "installation.retired"
	FactKey() string  // facts with equal keys are handled in order
}

// Job is work to do, handed to Asynq after the transaction commits.
type Job struct {
	Name    string        // "module:verb"
	Queue   string        // weight class; see the module's jobs.go
	Payload any           // ids only, stored as JSON
	RunAt   time.Time     // zero: at once
	Timeout time.Duration // of one run; must be set
	Retries int           // after the first run; must be set, -1 for none
}

// Tx is one transaction. GORM (ORM) and pgx (Conn) work inside the same one.
type Tx struct {
	db    *DB
	ctx   context.Context
	orm   *gorm.DB
	conn  *pgx.Conn
	now   time.Time
	facts map[News]bool // whom to wake after commit
	jobs  bool
}

// Now is the transaction's instant: the same each time it is asked.
func (t *Tx) Now() time.Time { return t.now }

// ORM is GORM inside the transaction.
func (t *Tx) ORM() *gorm.DB { return t.orm }

// Conn is pgx inside the transaction, for COPY and batches in store files.
func (t *Tx) Conn() *pgx.Conn { return t.conn }

// Ctx is the context the transaction was begun with.
func (t *Tx) Ctx() context.Context { return t.ctx }

// InTx runs fn in a transaction: commits when it returns nil, rolls back
// otherwise (a panic included). After commit it wakes stream readers and the relay.
func (d *DB) InTx(ctx context.Context, fn func(tx *Tx) error) error {
	const op = "db.InTx"
	sc, err := d.std.Conn(ctx)
	if err != nil {
		return fault.E(op, fault.Transient, "the database is busy or away", err)
	}
	defer sc.Close()
	// Given ctx, database/sql would roll back from a goroutine of its own when ctx
	// ends, while fn may be using the connection through pgx. Statements still end
	// with ctx, each by itself.
	st, err := sc.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return fault.E(op, fault.Transient, "the database is busy or away", err)
	}
	defer func() { _ = st.Rollback() }() // a no-op after commit
	tx := &Tx{db: d, ctx: ctx, now: d.clock.Now(), orm: d.within(ctx, st)}
	// The connection is ours until sc.Close, so keeping the pgx view of it is safe.
	_ = sc.Raw(func(c any) error { tx.conn = c.(*stdlib.Conn).Conn(); return nil })
	if err := fn(tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return Classify(op, err)
	}
	if err := st.Commit(); err != nil {
		return Classify(op, err)
	}
	d.signal.committed(tx.facts, tx.jobs)
	return nil
}

// within binds GORM to an open transaction.
func (d *DB) within(ctx context.Context, st *sql.Tx) *gorm.DB {
	s := d.orm.Session(&gorm.Session{Context: ctx, NewDB: true, SkipDefaultTransaction: true})
	s.Statement.ConnPool = st
	return s
}

// PartitionOf is the stream partition of an ordering key, 0 … Partitions-1.
func PartitionOf(key string) int16 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return int16(h.Sum32() % Partitions)
}

// Emit announces a fact: it becomes part of this transaction.
func (t *Tx) Emit(f Fact) error {
	b := t.NewBatch()
	if err := b.Emit(f); err != nil {
		return err
	}
	return Classify("db.Emit", t.Send(b))
}

// Announce says that the transaction has written such facts to the stream by itself:
// once it commits, the stream's readers are woken. Emit calls it.
func (t *Tx) Announce(news ...News) {
	if t.facts == nil {
		t.facts = map[News]bool{}
	}
	for _, n := range news {
		t.facts[n] = true
	}
}

// Enqueue writes an outbox row; kernel/queue's relay hands it to Asynq after commit.
// Errors: fault.Internal when the job states no timeout or retries.
func (t *Tx) Enqueue(jobs ...Job) error {
	const op = "db.Enqueue"
	b := &pgx.Batch{}
	for _, j := range jobs {
		if j.Name == "" || j.Queue == "" || j.Timeout <= 0 || j.Retries == 0 {
			return fault.E(op, fault.Internal, "job "+j.Name+" must state queue, timeout and retries", nil)
		}
		payload, err := json.Marshal(j.Payload)
		if err != nil {
			return fault.E(op, fault.Internal, "cannot write the job", err)
		}
		runAt := j.RunAt
		if runAt.IsZero() {
			runAt = t.now
		}
		b.Queue(`INSERT INTO queue.outbox (id, name, queue, payload, run_at, timeout_ms, retries, created_at)
			VALUES ($1,$2,$3,$4,$5,$6,$7,$8)`,
			id.New(), j.Name, j.Queue, payload, runAt, max(j.Timeout.Milliseconds(), 1), max(j.Retries, 0), t.now)
	}
	if err := t.conn.SendBatch(t.ctx, b).Close(); err != nil {
		return Classify(op, err)
	}
	t.jobs = true
	return nil
}
