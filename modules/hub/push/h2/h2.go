// Package h2 is an HTTP/2 client made for push services: very many small
// requests to few hosts. It is an http.RoundTripper on x/net's Framer and hpack,
// and apns2, the Firebase SDK and our Web Push sender run on it unchanged.
//
// What it does otherwise than a browser's client, and why it is cheap:
//
//   - A request's body is read whole before anything is sent, and an answer is
//     handed over whole. So a request needs no goroutine but its caller's, and can
//     be repeated at any time. Bodies are bounded: MaxRequest, Config.MaxBody.
//   - Whoever has a request appends its frames to the connection's buffer; one
//     goroutine a connection writes what has come together as one (writer.go).
//   - Fields that differ from message to message are literal, so that they neither
//     cost a place in the header table nor push out what repeats (headers.go).
//   - Requests that find every stream taken wait in a line, and the goroutine that
//     reads an answer sends the next of them (pool.go).
//
// A request whose peer promises not to have looked at it (GOAWAY, REFUSED_STREAM),
// and one that never left this process, is sent again, on another connection if
// need be. Every other failure is the caller's to judge.
//
// One mutex, Transport.mu, guards everything but a connection's reading half;
// methods that need it held say so.
package h2

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
)

var (
	// ErrClosed says that the transport was closed.
	ErrClosed = errors.New("h2: transport is closed")
	// ErrNoHTTP2 says that the host does not offer HTTP/2.
	ErrNoHTTP2 = errors.New("h2: the host does not speak HTTP/2")
	// ErrBodyTooLong ends the body of an answer that is longer than Config.MaxBody.
	ErrBodyTooLong = errors.New("h2: the answer's body is too long; its rest was refused")
)

// LostError says that a connection which had answered requests has ended. Those it
// took with it all get the same one, so that their callers can count it once.
type LostError struct{ Err error }

func (e *LostError) Error() string { return e.Err.Error() }

// Unwrap is why it ended.
func (e *LostError) Unwrap() error { return e.Err }

// MaxRequest is the longest body of a request, in bytes.
const MaxRequest = 4 << 20

// Config of a Transport. The zero value is useful.
type Config struct {
	TLS  *tls.Config                                                          // roots and the like; nil: the system's
	Dial func(ctx context.Context, network, address string) (net.Conn, error) // nil: a net.Dialer

	MaxConns   int // connections to a host; 0: 4
	MaxStreams int // requests in flight on a connection, if the peer allows as many; 0: 1,000
	MaxBody    int // of an answer, in bytes; more is refused; 0: 64 KiB
	MaxHeader  int // of an answer, in bytes as RFC 9113, 6.5.2 counts them; 0: 16 KiB

	PingAfter   time.Duration // silence after which the peer is asked whether it lives; 0: 15 s
	PingTimeout time.Duration // how long it may take to say anything then; 0: 15 s
	IdleTimeout time.Duration // a connection without requests is closed after about so long; 0: 90 s
	DialTimeout time.Duration // from the first packet to the peer's settings; 0: 20 s

	Clock clock.Clock // measures round trips; nil: the machine's
}

func (cfg Config) withDefaults() Config {
	if cfg.TLS == nil {
		cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	cfg.TLS = cfg.TLS.Clone()
	cfg.TLS.NextProtos = []string{"h2", "http/1.1"} // the second only so that a host without the first can say so
	if cfg.TLS.ClientSessionCache == nil {
		cfg.TLS.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext
	}
	cfg.MaxConns = cmp.Or(cfg.MaxConns, 4)
	cfg.MaxStreams = cmp.Or(cfg.MaxStreams, 1000)
	cfg.MaxBody = cmp.Or(cfg.MaxBody, 64<<10)
	cfg.MaxHeader = cmp.Or(cfg.MaxHeader, 16<<10)
	cfg.PingAfter = cmp.Or(cfg.PingAfter, 15*time.Second)
	cfg.PingTimeout = cmp.Or(cfg.PingTimeout, 15*time.Second)
	cfg.IdleTimeout = cmp.Or(cfg.IdleTimeout, 90*time.Second)
	cfg.DialTimeout = cmp.Or(cfg.DialTimeout, 20*time.Second)
	cfg.Clock = cmp.Or[clock.Clock](cfg.Clock, clock.System{})
	return cfg
}

// Transport is an http.RoundTripper for https URLs. Safe for concurrent use.
type Transport struct {
	cfg     Config
	dialing context.Context // ends with the transport
	stop    context.CancelFunc
	running sync.WaitGroup // goroutines

	mu     sync.Mutex
	pools  map[string]*pool // by host:port; one without connections and requests is dropped
	flying int              // requests without an end
	ashore sync.Cond        // flying became 0
	closed bool
	latest *term // that requests came with lately
}

// New makes a Transport; it connects when it is asked to.
func New(cfg Config) *Transport {
	t := &Transport{cfg: cfg.withDefaults(), pools: map[string]*pool{}}
	t.dialing, t.stop = context.WithCancel(context.Background())
	t.ashore.L = &t.mu
	return t
}

// RoundTrip sends a request and returns its whole answer; see http.RoundTripper.
//
// Errors: of the request's form; the context's cause; ErrClosed; ErrNoHTTP2;
// http2.StreamError when the peer, or we because of its faults, reset the stream;
// http2.GoAwayError; else the connection's, within a LostError if it had answered. An answer whose header came but whose
// body did not come whole is no error here: reading the body gives it.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	st := streams.Get().(*stream)
	defer st.release()
	if err := st.prepare(req); err != nil {
		return nil, err
	}
	ctx := req.Context()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err := t.exchange(ctx, hostPort(req.URL), st); err != nil {
		return nil, err
	}
	return st.response(req), nil
}

// exchange sends st's request and waits for its end.
func (t *Transport) exchange(ctx context.Context, address string, st *stream) error {
	if err := t.submit(address, st, nil); err != nil {
		return err
	}
	select {
	case <-st.done:
	case <-ctx.Done():
		t.mu.Lock()
		st.cancel(context.Cause(ctx))
		t.mu.Unlock()
		<-st.done // it has its end now, this one or an earlier one
	}
	return st.err
}

// submit gives st to the pool of an address. shared is a context that ends the request, or nil.
func (t *Transport) submit(address string, st *stream, shared context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return ErrClosed
	}
	if shared != nil {
		st.term = t.term(shared)
	}
	t.flying++
	t.pool(address).submit(st)
	return nil
}

// pool finds or makes the pool of an address. The caller holds mu.
func (t *Transport) pool(address string) *pool {
	p := t.pools[address]
	if p == nil {
		p = &pool{t: t, address: address}
		t.pools[address] = p
	}
	return p
}

// CloseIdleConnections closes the connections that carry nothing.
func (t *Transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.pools {
		p.closeIdle()
	}
}

// Close refuses further requests, waits for those in flight, which end by their
// answers or contexts, closes the connections and waits for their goroutines.
func (t *Transport) Close() error {
	t.mu.Lock()
	t.closed = true
	for t.flying > 0 {
		t.ashore.Wait()
	}
	for _, p := range t.pools {
		p.closeIdle()
	}
	t.mu.Unlock()
	t.stop()
	t.running.Wait()
	return nil
}
