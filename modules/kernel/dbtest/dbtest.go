// Package dbtest gives each test a real, migrated PostgreSQL database of its own,
// and a real Redis.
//
// One template cluster, made once and kept in the cache directory, holds the
// migrated schema; each test process runs a copy of it, each test clones a
// database inside. No TestMain is needed: the servers start when the first test
// asks and end with the process, however it ends. A machine without PostgreSQL or
// Redis fails the test; it never skips.
package dbtest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
)

// poolSize is small: many tests share one server.
const poolSize = 8

// patience bounds what a test waits for the server: making the template takes
// seconds, and the packages of one run wait for the one that makes it.
const patience = 2 * time.Minute

// Option changes what New gives.
type Option func(*options)

type options struct{ clock clock.Clock }

// WithClock sets the database layer's clock; without it, it is the system's.
func WithClock(c clock.Clock) Option { return func(o *options) { o.clock = c } }

// New opens a fresh database with the newest schema and no rows. It is closed and
// dropped when the test ends.
func New(t testing.TB, opts ...Option) *db.DB {
	t.Helper()
	o := options{clock: clock.System{}}
	for _, set := range opts {
		set(&o)
	}
	d, err := db.Open(t.Context(), db.Config{URL: URL(t), MaxConns: poolSize}, o.clock)
	if err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	t.Cleanup(d.Close)
	return d
}

var (
	shared = sync.OnceValues(startCluster) // one per test process
	clones atomic.Int64
)

// URL is the address of a fresh database, as New makes one, for code that opens
// its own pool.
func URL(t testing.TB) string {
	t.Helper()
	c, err := shared()
	if err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	name := fmt.Sprintf("test_%d", clones.Add(1))
	if err := c.clone(t.Context(), name); err != nil {
		t.Fatalf("dbtest: clone a database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := c.drop(ctx, name); err != nil {
			t.Errorf("dbtest: drop a database: %v", err)
		}
	})
	return c.server.URL(name)
}
