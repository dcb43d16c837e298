package app

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// rank orders rights: each includes those below it. Until people can sign in, a
// Manage key also opens what is theirs.
var rank = map[web.Right]int{web.Public: 0, web.Listen: 1, web.Send: 2, web.Manage: 3, web.Scan: 3, web.Self: 3, web.Staff: 3, web.Admin: 3, web.Owner: 3}

// doorkeeper decides who may do what, by key or, on a fresh machine, by being on it.
type doorkeeper struct {
	keys  []keyHolder
	hosts map[string]bool // names of this machine a local browser may call us by
}

type keyHolder struct {
	name   string
	secret [sha256.Size]byte
	rank   int
}

func newDoorkeeper(cfg Config) *doorkeeper {
	d := &doorkeeper{hosts: map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true}}
	if u, err := url.Parse(cfg.HTTP.PublicURL); err == nil && u.Host != "" {
		d.hosts[u.Hostname()] = true
	}
	for _, k := range cfg.Access.Keys {
		holder := keyHolder{name: "key:" + k.Name, secret: sha256.Sum256([]byte(k.Secret))}
		for _, r := range k.Rights {
			holder.rank = max(holder.rank, rank[web.Right(r)])
		}
		d.keys = append(d.keys, holder)
	}
	return d
}

// allow names the caller and says whether it holds the right. Public is for
// everyone, but a caller who shows a key is known by it there too.
// Errors: fault.Unauthenticated, fault.Forbidden.
func (d *doorkeeper) allow(r *http.Request, right web.Right) (actor string, err error) {
	const op = "app.Guard"
	need, known := rank[right]
	if !known {
		return "", fault.E(op, fault.Forbidden, "nobody holds the right "+string(right), nil)
	}
	actor, has, err := d.identify(r)
	switch {
	case right == web.Public:
		return actor, nil
	case err != nil:
		return "", err
	case has < need:
		return actor, fault.E(op, fault.Forbidden, "this key may not "+string(right), nil).
			WithFix("add the right " + string(right) + " to it under access.keys")
	}
	return actor, nil
}

func (d *doorkeeper) identify(r *http.Request) (actor string, has int, err error) {
	const op = "app.Guard"
	if len(d.keys) == 0 {
		if d.local(r) {
			return "local", rank[web.Manage], nil
		}
		return "", 0, fault.E(op, fault.Unauthenticated, "no keys are configured, so only this machine itself is let in", nil).
			WithFix("make a secret with `usher keys secret` and add it under access.keys in config.yaml")
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return "", 0, fault.E(op, fault.Unauthenticated, "no key was sent", nil).
			WithFix("send the header Authorization: Bearer <secret of a key in access.keys>")
	}
	// Hashes have one length and every key is compared, so the time it takes tells nothing.
	sum, found := sha256.Sum256([]byte(strings.TrimSpace(secret))), -1
	for i, k := range d.keys {
		if subtle.ConstantTimeCompare(sum[:], k.secret[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return "", 0, fault.E(op, fault.Unauthenticated, "this key is not known here", nil).
			WithFix("compare it with access.keys, and restart usher after a change")
	}
	return d.keys[found].name, d.keys[found].rank, nil
}

// local reports whether a program or browser on this machine is asking. Not a
// proxy on it (which adds forwarding headers), nor a foreign page whose name was
// made to resolve to us (which keeps its own name as host).
func (d *doorkeeper) local(r *http.Request) bool {
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Forwarded-") || name == "Forwarded" || name == "Via" || name == "X-Real-Ip" {
			return false
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return d.hosts[strings.ToLower(strings.Trim(host, "[]"))]
}
