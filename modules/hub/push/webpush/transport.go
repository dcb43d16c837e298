package webpush

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
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

// carrier makes what carries the messages, and its end.
func carrier(kind wire.Transport, roots *x509.CertPool, dial *dialer) (http.RoundTripper, func()) {
	standard := newTransport(roots, dial)
	closeStandard := func() {
		standard.CloseIdleConnections()
		dial.close()
	}
	if kind == wire.Standard {
		return standard, closeStandard
	}
	own := h2.New(h2.Config{
		TLS:  &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		Dial: dial.connect, MaxConns: maxConnections, MaxHeader: maxHeader, IdleTimeout: idleTimeout,
	})
	return &either{own: own, standard: standard}, func() {
		_ = own.Close()
		closeStandard()
	}
}

// either sends over our own transport, and over the standard one to hosts that do
// not speak HTTP/2: a push service behind somebody's old proxy.
type either struct {
	own      *h2.Transport
	standard *http.Transport
	old      sync.Map // host, as in a URL: known not to speak it
	count    atomic.Int32
}

// maxOld bounds the hosts remembered: strangers choose them.
const maxOld = 1000

// RoundTrip sends one request, whose body can be had again.
func (e *either) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, ok := e.old.Load(req.URL.Host); ok {
		return e.standard.RoundTrip(req)
	}
	resp, err := e.own.RoundTrip(req)
	if !errors.Is(err, h2.ErrNoHTTP2) {
		return resp, err
	}
	if _, known := e.old.LoadOrStore(req.URL.Host, true); !known && e.count.Add(1) > maxOld {
		e.old.Clear()
		e.count.Store(0)
	}
	again := req.Clone(req.Context())
	if again.Body, err = req.GetBody(); err != nil {
		return nil, err
	}
	return e.standard.RoundTrip(again)
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
