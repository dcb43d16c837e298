// Package oidctest is a real OpenID provider in the process: zitadel/oidc's, with
// people one picks from a page instead of passwords. The demo signs in with it,
// and tests make it attack.
package oidctest

import (
	"crypto/rand"
	"crypto/rsa"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// User is somebody whom the provider knows.
type User struct {
	Subject string
	Name    string
	Email   string
	Note    string // on the page: "owner"
	Locale  string
}

// Config of a provider.
type Config struct {
	ClientID     string
	ClientSecret string
	SecretOf     func(given string) bool // takes secrets instead of ClientSecret, as Apple does; nil: ClientSecret alone
	AppID        string                  // of an app, whose ID tokens Token makes too; "": ClientID
	Users        []User
	Now          func() time.Time // nil: the machine's time
}

// Provider is a running OpenID provider on loopback.
type Provider struct {
	cfg     Config
	issuer  string
	server  *http.Server
	storage *storage
	key     *rsa.PrivateKey
	fetches atomic.Int64

	mu        sync.Mutex
	attack    Attack
	announces bool
	claims    map[string]any // overrides in the ID tokens to come
}

// Start runs a provider on a free port of this machine until Close.
func Start(cfg Config) (*Provider, error) {
	const name = "oidctest.Start"
	if cfg.Now == nil {
		cfg.Now = clock.System{}.Now
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fault.E(name, fault.Internal, "no port is free on loopback", err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fault.E(name, fault.Internal, "cannot make a key", err)
	}
	p := &Provider{cfg: cfg, key: key, issuer: "http://" + listener.Addr().String()}
	p.storage = newStorage(p)
	var crypto [32]byte
	_, _ = rand.Read(crypto[:]) // never fails: crypto/rand ends the program instead
	provider, err := op.NewProvider(&op.Config{CryptoKey: crypto, CryptoKeyId: "demo", CodeMethodS256: true, AuthMethodPost: true},
		p.storage, op.StaticIssuer(p.issuer), op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		_ = listener.Close()
		return nil, fault.E(name, fault.Internal, "the provider does not start", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /login", http.HandlerFunc(p.pick))
	mux.Handle("POST /login", op.NewIssuerInterceptor(provider.IssuerFromRequest).HandlerFunc(p.picked(op.AuthCallbackURL(provider))))
	mux.Handle("/", p.tampered(provider))
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.server.Serve(listener) }()
	return p, nil
}

// Close stops the provider.
func (p *Provider) Close() { _ = p.server.Close() }

// Issuer is where discovery begins.
func (p *Provider) Issuer() string { return p.issuer }

// ClientSecret is what Usher has to know.
func (p *Provider) ClientSecret() string { return p.cfg.ClientSecret }

// Register lets browsers be sent back to an address. Call it before a sign-in.
func (p *Provider) Register(redirect string) { p.storage.register(redirect) }

// KeyFetches counts how often the signing keys were asked for.
func (p *Provider) KeyFetches() int64 { return p.fetches.Load() }

func (p *Provider) user(subject string) (User, bool) {
	for _, u := range p.cfg.Users {
		if u.Subject == subject {
			return u, true
		}
	}
	return User{}, false
}
