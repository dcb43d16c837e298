package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

const (
	dialTimeout = 20 * time.Second
	// pingAfter and pingTimeout find a connection that died without a word.
	pingAfter   = 15 * time.Second
	pingTimeout = 15 * time.Second
)

// link speaks HTTP/2 to one service over one connection, made when needed and
// again after GOAWAY or a failure. It is an http.RoundTripper.
//
// The service's stream limit holds for all of it: further requests wait rather
// than open connections, because services take a storm of connections for an
// attack. x/net's own pool cannot do that: it counts requests that wait as
// streams, so that as many of them as the limit wait for each other for ever
// (golang/go issue 70809); and APNs starts with a limit of 1.
type link struct {
	transport *http2.Transport
	config    *tls.Config

	mu      sync.Mutex
	conn    *http2.ClientConn
	dialing *dialing
	closed  bool
}

// dialing is one attempt to connect, which many requests may wait for.
type dialing struct {
	done chan struct{}
	conn *http2.ClientConn
	err  error
}

// newLink makes a link; roots nil means the system's certificate authorities.
func newLink(roots *x509.CertPool) *link {
	l := &link{config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}}}
	l.transport = &http2.Transport{
		ConnPool:                   pool{l},
		StrictMaxConcurrentStreams: true,
		DisableCompression:         true, // answers are a few bytes
		ReadIdleTimeout:            pingAfter,
		PingTimeout:                pingTimeout,
	}
	return l
}

// RoundTrip sends the request. A request that the service promises not to have
// seen (GOAWAY, REFUSED_STREAM) is repeated on a new connection.
func (l *link) RoundTrip(req *http.Request) (*http.Response, error) {
	return l.transport.RoundTrip(req)
}

// Close closes the connection, also one that is still being made. No request
// may be in flight.
func (l *link) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.conn != nil {
		_ = l.conn.Close() // nothing is lost with it
		l.conn = nil
	}
}

// pool hands the transport the link's one connection.
type pool struct{ *link }

// GetClientConn waits for a usable connection, or the request's end.
func (p pool) GetClientConn(req *http.Request, addr string) (*http2.ClientConn, error) {
	p.mu.Lock()
	if p.conn != nil && p.conn.CanTakeNewRequest() {
		defer p.mu.Unlock()
		return p.conn, nil
	}
	d := p.dialing
	if d == nil {
		d = &dialing{done: make(chan struct{})}
		p.dialing = d
		go p.connect(d, addr) //nolint:gosec // G118: this request's end must not end what others wait for
	}
	p.mu.Unlock()
	select {
	case <-d.done:
		return d.conn, d.err
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

// MarkDead forgets a connection that failed.
func (p pool) MarkDead(c *http2.ClientConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn == c {
		p.conn = nil
	}
}

// connect dials for all that wait; no single request's end cancels it.
func (l *link) connect(d *dialing, addr string) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	d.conn, d.err = l.dial(ctx, addr)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed && d.conn != nil {
		_ = d.conn.Close()
		d.conn, d.err = nil, ErrClosed
	}
	l.conn, l.dialing = d.conn, nil
	close(d.done)
}

func (l *link) dial(ctx context.Context, addr string) (*http2.ClientConn, error) {
	dialer := &tls.Dialer{NetDialer: &net.Dialer{KeepAlive: pingAfter}, Config: l.config}
	nc, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c, err := l.transport.NewClientConn(gather(nc.(*tls.Conn)))
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	// The answer follows the service's settings: from here on its limits hold.
	if err := c.Ping(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}
