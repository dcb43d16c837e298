package webpush

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/hub/push/h2"
	"github.com/usherhq/usher/modules/hub/push/wire"
)

const (
	dialTimeout      = 20 * time.Second
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 90 * time.Second
	pingAfter        = 15 * time.Second
	maxConnections   = 4        // to one service
	maxHeader        = 16 << 10 // bytes of an answer's header
)

// newTransport makes a transport without a proxy, which would hide the address.
func newTransport(roots *x509.CertPool, dial *dialer) *http.Transport {
	return &http.Transport{
		DialContext:            dial.connect,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    handshakeTimeout,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingAfter},
		MaxConnsPerHost:        maxConnections,
		MaxIdleConnsPerHost:    maxConnections,
		IdleConnTimeout:        idleTimeout,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// connect makes what carries the messages, and its end.
func (s *Sender) connect(cfg Config) {
	dial := &dialer{allowed: cfg.AllowHosts}
	standard := newTransport(cfg.RootCAs, dial)
	s.client = wire.Client(standard)
	s.release = func() {
		standard.CloseIdleConnections()
		dial.close()
	}
	if cfg.Transport == wire.Standard {
		return
	}
	own := h2.New(h2.Config{
		TLS:  &tls.Config{RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12},
		Dial: dial.connect, MaxConns: maxConnections, MaxHeader: maxHeader, MaxBody: maxAnswer, IdleTimeout: idleTimeout,
	})
	s.forms = &forms{own: own}
	closeStandard := s.release
	s.release = func() {
		_ = own.Close()
		closeStandard()
	}
}

// dialer connects to public addresses only, but for the allowed host:port
// pairs, and knows its open connections, because http.Transport closes only
// those that it has already noticed to be idle.
type dialer struct {
	allowed []string
	mu      sync.Mutex
	open    map[*connection]struct{}
	closed  bool
}

func (d *dialer) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	nd := &net.Dialer{Timeout: dialTimeout, Control: RefusePrivate}
	if slices.Contains(d.allowed, addr) {
		nd.Control = nil
	}
	nc, err := nd.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c := &connection{nc, d}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		_ = nc.Close()
		return nil, wire.ErrClosed
	}
	if d.open == nil {
		d.open = map[*connection]struct{}{}
	}
	d.open[c] = struct{}{}
	return c, nil
}

// close closes every connection and makes no other.
func (d *dialer) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for c := range d.open {
		_ = c.Conn.Close()
	}
}

// connection leaves its dialer's list when it closes.
type connection struct {
	net.Conn
	dialer *dialer
}

// Close closes the connection.
func (c *connection) Close() error {
	c.dialer.mu.Lock()
	delete(c.dialer.open, c)
	c.dialer.mu.Unlock()
	return c.Conn.Close()
}
