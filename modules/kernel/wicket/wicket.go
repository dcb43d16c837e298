// Package wicket reads the ordinary requests of a rush itself, and leaves everything
// else to net/http.
//
// A Wicket stands in front of an http.Server as its listener. What counts as ordinary
// is narrow: a POST to one of a few paths that has arrived whole, head and body, with
// nothing behind it and nothing unusual in it. Such a request goes to the same handler
// as any other, as an *http.Request; only reading and answering are ours: no goroutine
// that listens for the caller's hanging up, no timers, no map or buffer anew. That is
// a third of what an order costs (docs/adr/0036).
//
// Anything else, the first doubt included, goes to net/http together with its
// connection and every byte of it, unread. So there is one judge of what is unusual, and
// no two that could disagree on where a request ends.
package wicket

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what a Wicket serves, and how long it waits.
type Config struct {
	Paths   []string        // of the POST requests it may read itself, without parameters
	Handler http.Handler    // the server's own
	Context context.Context // of every request
	First   time.Duration   // until a new connection's first request
	Idle    time.Duration   // until a connection's next request
	Write   time.Duration   // until an answer has been taken, at least half of it
}

// Wicket is the listener of an http.Server: what it does not serve itself is accepted there.
type Wicket struct {
	cfg     Config
	paths   map[string]bool
	inner   net.Listener
	others  chan net.Conn // for net/http
	failed  chan error
	closing atomic.Bool
	closed  chan struct{}
	close   func() error

	mu     sync.Mutex
	desks  map[*desk]bool
	served sync.WaitGroup
}

// Listen puts a Wicket in front of l, of which it takes the connections.
func Listen(l net.Listener, cfg Config) *Wicket {
	w := &Wicket{cfg: cfg, paths: map[string]bool{}, inner: l, others: make(chan net.Conn), failed: make(chan error, 1),
		closed: make(chan struct{}), desks: map[*desk]bool{}}
	for _, p := range cfg.Paths {
		w.paths[p] = true
	}
	w.close = sync.OnceValue(func() error { close(w.closed); return l.Close() })
	go w.greet()
	return w
}

// Accept returns the next connection that is net/http's to serve.
func (w *Wicket) Accept() (net.Conn, error) {
	select {
	case c := <-w.others:
		return c, nil
	case err := <-w.failed:
		w.failed <- err // whoever asks again hears the same
		return nil, err
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

// Addr is where it listens.
func (w *Wicket) Addr() net.Addr { return w.inner.Addr() }

// Close takes no more connections. Shutdown ends those there are.
func (w *Wicket) Close() error { return w.close() }

// Shutdown lets requests that have begun finish, until ctx ends, and then cuts off the
// rest. Close comes first. Errors: ctx's.
func (w *Wicket) Shutdown(ctx context.Context) error {
	w.closing.Store(true)
	w.each(func(d *desk) { _ = d.conn.SetReadDeadline(time.Unix(1, 0)) }) // those that wait wake up
	done := make(chan struct{})
	go func() { w.served.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		w.each(func(d *desk) { _ = d.conn.Close() })
		return ctx.Err()
	}
}

func (w *Wicket) each(do func(*desk)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for d := range w.desks {
		do(d)
	}
}

// greet takes connections until the listener is closed. What net/http does about a
// listener that fails for a moment, it does here too: it waits.
func (w *Wicket) greet() {
	for pause := 5 * time.Millisecond; ; {
		c, err := w.inner.Accept()
		if temporary, ok := errors.AsType[net.Error](err); ok && temporary.Temporary() { //nolint:staticcheck // as net/http
			time.Sleep(pause)
			pause = min(2*pause, time.Second)
			continue
		}
		if err != nil {
			w.failed <- err
			return
		}
		pause = 5 * time.Millisecond
		tcp, ok := c.(*net.TCPConn)
		if !ok {
			w.pass(c)
		} else if !w.seat(tcp) {
			_ = c.Close()
		}
	}
}

// seat gives a connection a desk; false when the house closes.
func (w *Wicket) seat(c *net.TCPConn) bool {
	d := newDesk(w, c)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing.Load() {
		return false
	}
	w.desks[d] = true
	w.served.Go(func() {
		d.serve()
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.desks, d)
	})
	return true
}

// pass gives a connection to net/http.
func (w *Wicket) pass(c net.Conn) {
	select {
	case w.others <- c:
	case <-w.closed:
		_ = c.Close()
	}
}

// begun is a connection of which some bytes have been read already.
type begun struct {
	*net.TCPConn
	read []byte
}

// Read gives what was read before, then what comes.
func (b *begun) Read(p []byte) (int, error) {
	if len(b.read) == 0 {
		return b.TCPConn.Read(p)
	}
	n := copy(p, b.read)
	b.read = b.read[n:]
	return n, nil
}
