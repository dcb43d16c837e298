package webpush

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/usherhq/usher/modules/hub/push/wire"
)

// errForbidden says that an endpoint's host is at an address inside a network.
var errForbidden = errors.New("webpush: endpoint is not at a public address")

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

// RefusePrivate is a net.Dialer.Control for URLs that strangers choose. It checks
// the address a name resolved to, when it is dialled: a check any earlier could be
// given another answer.
func RefusePrivate(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !public(ap.Addr()) {
		return fmt.Errorf("%w: %s", errForbidden, address)
	}
	return nil
}

// special are the blocks that are not the public internet although they look
// like it (IANA special-purpose address registries, RFC 6890).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("100.64.0.0/10"),   // carrier-grade NAT
	netip.MustParsePrefix("192.0.0.0/24"),    // IETF protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relay
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarking
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, broadcast
	netip.MustParsePrefix("2001::/23"),       // Teredo and others that embed addresses
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("2002::/16"),       // 6to4: embeds an IPv4 address
	netip.MustParsePrefix("3fff::/20"),       // documentation
}

// globalV6 is all of IPv6 that is assigned to the public internet.
var globalV6 = netip.MustParsePrefix("2000::/3")

// public reports whether an address belongs to the public internet.
func public(a netip.Addr) bool {
	if !a.IsValid() || a.Is4In6() || a.Zone() != "" || !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	if a.Is6() && !globalV6.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}
