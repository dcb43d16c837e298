package identity

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Kinds that need more than a line of the catalogue.
const (
	kindOIDC      = "oidc"
	kindApple     = "apple"
	kindMicrosoft = "microsoft"
)

// kind is an entry of the catalogue: what is known of a provider beforehand.
// One with maker speaks OAuth 2 alone and is driven by goth; the rest speak
// OpenID Connect, and what they say is verified by go-oidc.
type kind struct {
	label    string
	issuer   string   // OpenID Connect: where discovery begins. OAuth 2: what stands for it in an identity's key
	scopes   []string // beside openid
	prompt   string   // asks for a new proof of who is there; "": the provider knows no such thing
	formPost bool     // the answer comes as a POST from the provider's page
	tenants  bool     // each of its tenants is an issuer of its own
	maker    maker
}

var catalogue = map[string]kind{
	kindOIDC:      {label: "OpenID Connect", scopes: []string{"profile", "email"}, prompt: "login"},
	"google":      {label: "Google", issuer: "https://accounts.google.com", scopes: []string{"profile", "email"}, prompt: "select_account"},
	kindApple:     {label: "Apple", issuer: "https://appleid.apple.com", scopes: []string{"name", "email"}, formPost: true},
	kindMicrosoft: {label: "Microsoft", issuer: "https://login.microsoftonline.com/common/v2.0", scopes: []string{"profile", "email"}, prompt: "login", tenants: true},
	"gitlab":      {label: "GitLab", issuer: "https://gitlab.com", scopes: []string{"profile", "email"}},
	"linkedin":    {label: "LinkedIn", issuer: "https://www.linkedin.com/oauth", scopes: []string{"profile", "email"}},
	"twitch":      {label: "Twitch", issuer: "https://id.twitch.tv/oauth2"},
	"yahoo":       {label: "Yahoo", issuer: "https://api.login.yahoo.com", scopes: []string{"profile", "email"}, prompt: "login"},

	"amazon":       {label: "Amazon", issuer: "https://www.amazon.com", maker: amazonByGoth},
	"bitbucket":    {label: "Bitbucket", issuer: "https://bitbucket.org", maker: bitbucketByGoth},
	"digitalocean": {label: "DigitalOcean", issuer: "https://cloud.digitalocean.com", maker: digitaloceanByGoth},
	"facebook":     {label: "Facebook", issuer: "https://www.facebook.com", maker: facebookByGoth},
	"github":       {label: "GitHub", issuer: "https://github.com", maker: githubByGoth},
	"spotify":      {label: "Spotify", issuer: "https://accounts.spotify.com", maker: spotifyByGoth},
}

// signInRequest is what a provider is asked on behalf of one browser.
type signInRequest struct {
	redirect string // our fixed callback
	state    string
	nonce    string
	verifier string // PKCE
	again    bool   // the provider shall ask for a new proof
}

// answer is what came back to the callback, each value by its name.
type answer struct {
	code   string
	issuer string // RFC 9207; "": not told
}

// provider is somebody who knows people, ready to be asked.
type provider interface {
	// address is where the browser goes to sign in.
	address(ctx context.Context, r signInRequest) (string, error)
	// vouch exchanges the code and says who is there, everything checked.
	vouch(ctx context.Context, r signInRequest, a answer) (Vouched, error)
	// check reports what an operator should know: see Examine.
	check(ctx context.Context) (string, error)
}

// providers are those of the configuration, by name.
type providers struct {
	order  []Provider
	byName map[string]provider
}

func newProviders(all []Provider, clk clock.Clock, client *http.Client) *providers {
	ps := &providers{order: all, byName: map[string]provider{}}
	for _, p := range all {
		k := catalogue[p.Kind]
		if k.maker != nil {
			ps.byName[p.Name] = &oauthProvider{cfg: p, kind: k, clock: clk, client: client}
			continue
		}
		ps.byName[p.Name] = newOpenID(p, k, clk, client)
	}
	return ps
}

func (ps *providers) named(name string) (Provider, provider, error) {
	for _, p := range ps.order {
		if p.Name == name {
			return p, ps.byName[name], nil
		}
	}
	return Provider{}, nil, fault.E("identity.SignIn", fault.NotFound, "there is no such way to sign in", nil).
		WithFix("choose one on the page /sign-in")
}

// Choice is one button of the sign-in page.
type Choice struct {
	Name  string // in /auth/<name>
	Label string
}

// Choices are the ways to sign in, in the order of the configuration.
func (s *Service) Choices() []Choice {
	var all []Choice
	for _, p := range s.cfg.Providers {
		all = append(all, Choice{Name: p.Name, Label: orElse(p.Label, catalogue[p.Kind].label)})
	}
	return all
}

// What we read of a provider, and how long we wait for it.
const (
	providerPatience = 10 * time.Second
	maxProviderBody  = 1 << 20
)

// newProviderClient calls providers: with a deadline, without cookies, and reading
// no more than maxProviderBody of an answer. It follows no redirect: the
// addresses of a discovery document are final, and a secret goes along.
func newProviderClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 2
	return &http.Client{
		Timeout:       providerPatience,
		Transport:     bounded{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type bounded struct{ next http.RoundTripper }

// RoundTrip is http.RoundTripper's.
func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(req)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, maxProviderBody), res.Body}
	}
	return res, err
}

// sparing lets a request through at most once an interval: whatever tokens
// strangers show us, the issuer is not asked for its keys more often.
type sparing struct {
	next  http.RoundTripper
	clock clock.Clock

	mu   sync.Mutex
	last time.Time
}

const keysInterval = 30 * time.Second

// RoundTrip is http.RoundTripper's.
func (p *sparing) RoundTrip(req *http.Request) (*http.Response, error) {
	p.mu.Lock()
	now := p.clock.Now()
	early := !p.last.IsZero() && now.Sub(p.last) < keysInterval
	if !early {
		p.last = now
	}
	p.mu.Unlock()
	if early {
		return nil, errKeysAskedRecently
	}
	return p.next.RoundTrip(req)
}

var errKeysAskedRecently = fault.E("identity.keys", fault.Transient, "the issuer's keys were fetched a moment ago", nil)
