// Package db is the one door to PostgreSQL: the pool, transactions, and the two
// things that may happen only inside one — announcing a fact and enqueueing a job.
package db

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Config says which PostgreSQL to use and how hard.
type Config struct {
	URL      string `koanf:"url" secret:"true"` // empty: the built-in one
	MaxConns int32  `koanf:"max_conns" validate:"min=4,max=500"`
}

// Defaults suit one machine.
func Defaults() Config { return Config{MaxConns: 20} }

// batchConns is how many connections there are for batches besides the others: their servers
// keep what batches need, which others would drive out of the caches.
const batchConns = 2

// DB is a pool of connections, which GORM and pgx share, and a small one for batches.
type DB struct {
	pool   *pgxpool.Pool
	batch  *pgxpool.Pool
	std    *sql.DB
	orm    *gorm.DB
	clock  clock.Clock
	signal *signal
}

// Open connects and checks the connection. Errors: fault.Transient.
func Open(ctx context.Context, cfg Config, clk clock.Clock) (*DB, error) {
	const op = "db.Open"
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, fault.E(op, fault.Invalid, "database.url is not a PostgreSQL URL", err).
			WithFix("postgres://user:password@host:5432/usher")
	}
	pc.MaxConns = cfg.MaxConns
	// A server process keeps megabytes of plans and catalogues: what a burst has opened goes soon.
	pc.MaxConnIdleTime, pc.HealthCheckPeriod = time.Minute, 20*time.Second
	rt := pc.ConnConfig.RuntimeParams
	rt["timezone"] = "UTC"
	if rt["application_name"] == "" {
		rt["application_name"] = "usher"
	}
	// A forgotten transaction would hold every stream reader back (stream.md).
	rt["idle_in_transaction_session_timeout"] = "30000"
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fault.E(op, fault.Transient, "cannot reach PostgreSQL", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fault.E(op, fault.Transient, "cannot reach PostgreSQL", err).WithFix("check database.url and that the server accepts connections")
	}
	batch, err := batchPool(ctx, pc)
	if err != nil {
		pool.Close()
		return nil, fault.E(op, fault.Internal, "cannot start the database layer", err)
	}
	std := stdlib.OpenDBFromPool(pool)
	orm, err := gorm.Open(postgres.New(postgres.Config{Conn: std}), &gorm.Config{
		TranslateError: true, SkipDefaultTransaction: true, Logger: logger.Discard, NowFunc: clk.Now,
	})
	if err != nil {
		pool.Close()
		batch.Close()
		return nil, fault.E(op, fault.Internal, "cannot start the database layer", err)
	}
	return &DB{pool: pool, batch: batch, std: std, orm: orm, clock: clk, signal: newSignal()}, nil
}

// batchPool opens connections when they are needed. The statements of a batch find their rows
// by key, and each is planned once a connection, not for its arguments again and again.
func batchPool(ctx context.Context, pc *pgxpool.Config) (*pgxpool.Pool, error) {
	own := pc.Copy()
	own.MaxConns = batchConns
	rt := own.ConnConfig.RuntimeParams
	rt["plan_cache_mode"], rt["enable_seqscan"] = "force_generic_plan", "off"
	return pgxpool.NewWithConfig(ctx, own)
}

// Close waits for borrowed connections and closes the pools.
func (d *DB) Close() { _ = d.std.Close(); d.batch.Close(); d.pool.Close() }

// Pool is for hot paths in store files: COPY, batches, LISTEN.
func (d *DB) Pool() *pgxpool.Pool { return d.pool }

// SQL is the database/sql view of the pool, for migrations.
func (d *DB) SQL() *sql.DB { return d.std }

// ORM is GORM bound to ctx, outside a transaction.
func (d *DB) ORM(ctx context.Context) *gorm.DB { return d.orm.WithContext(ctx) }

// Now is the instant on the house's clock.
func (d *DB) Now() time.Time { return d.clock.Now() }

// Ping checks that the database answers within two seconds.
func (d *DB) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := d.pool.Ping(ctx); err != nil {
		return fault.E("db.Ping", fault.Transient, "PostgreSQL does not answer", err)
	}
	return nil
}

// Stats is the pool's state in words, for /readyz and metrics.
func (d *DB) Stats() string {
	s := d.pool.Stat()
	return fmt.Sprintf("%d of %d connections in use", s.AcquiredConns(), s.MaxConns())
}

// ServerTime is what the database's clock says.
func (d *DB) ServerTime(ctx context.Context) (at time.Time, err error) {
	err = d.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&at)
	return at, Classify("db.ServerTime", err)
}
