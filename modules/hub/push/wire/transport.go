package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"slices"

	"github.com/usherhq/usher/modules/hub/push/h2"
)

// Transport names what carries a push service's HTTP/2. docs/adr/0032 weighs them.
type Transport string

// The transports: ours (push/h2), and that of Go's own library.
const (
	Own      Transport = "own"
	Standard Transport = "standard"
)

// Transports lists them; the first is meant by "".
var Transports = []Transport{Own, Standard}

// Known reports whether t is a transport, or "".
func (t Transport) Known() bool { return t == "" || slices.Contains(Transports, t) }

// Depth is how many messages in flight the links' round trips call for; 0: not known.
func Depth(links []Link) int {
	depth := 0
	for _, l := range links {
		if own, ok := l.(ownLink); ok {
			depth += own.Depth()
		}
	}
	return depth
}

// Link carries requests to one service. Nothing may be in flight when it is closed.
type Link interface {
	http.RoundTripper
	Close()
}

// FormLink is a Link that takes requests as forms; see h2.Form.
type FormLink interface {
	Link
	Begin(ctx context.Context, f *h2.Form, filling h2.Filling) (h2.Pending, error)
}

// Links makes the ways to one service, to be used in turn: n of one connection
// each with the standard transport, or one that opens up to n by itself as the
// round trip demands. Roots nil means the system's certificate authorities.
func (t Transport) Links(n int, roots *x509.CertPool) []Link {
	if t == Standard {
		links := make([]Link, n)
		for i := range links {
			links[i] = newLink(roots)
		}
		return links
	}
	return []Link{ownLink{h2.New(h2.Config{TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, MaxConns: n})}}
}

type ownLink struct{ *h2.Transport }

// Close closes the transport.
func (l ownLink) Close() { _ = l.Transport.Close() }
