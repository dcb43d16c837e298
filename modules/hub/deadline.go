package hub

import (
	"context"
	"sync"
	"time"
)

// deadline gives requests a context that ends after a timeout. Requests that
// begin within the same tenth of the timeout share one: a context and timer of
// its own would cost each more than rendering its message.
type deadline struct {
	timeout time.Duration

	mu     sync.Mutex
	shared context.Context // nil: too old to be given out
}

func newDeadline(timeout time.Duration) *deadline { return &deadline{timeout: timeout} }

// context ends between timeout and 1.1 timeout from now. It hangs on no job: a
// request that is on the wire comes home although its job is stopped.
func (d *deadline) context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shared != nil {
		return d.shared
	}
	spread := d.timeout / 10
	ctx, cancel := context.WithTimeout(context.Background(), d.timeout+spread)
	context.AfterFunc(ctx, cancel)
	d.shared = ctx
	time.AfterFunc(spread, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.shared = nil
	})
	return d.shared
}
