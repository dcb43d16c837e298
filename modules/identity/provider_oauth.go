package identity

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/amazon"
	"github.com/markbates/goth/providers/bitbucket"
	"github.com/markbates/goth/providers/digitalocean"
	"github.com/markbates/goth/providers/facebook"
	"github.com/markbates/goth/providers/github"
	"github.com/markbates/goth/providers/spotify"
	"golang.org/x/oauth2"

	"github.com/usherhq/usher/modules/kernel/clock"
)

// maker makes goth's provider for one sign-in, which calls out with client alone.
type maker func(p Provider, redirect string, client *http.Client) goth.Provider

func amazonByGoth(p Provider, redirect string, client *http.Client) goth.Provider {
	g := amazon.New(p.ClientID, p.ClientSecret, redirect, p.Scopes...)
	g.HTTPClient = client
	return g
}

func bitbucketByGoth(p Provider, redirect string, client *http.Client) goth.Provider {
	g := bitbucket.New(p.ClientID, p.ClientSecret, redirect, p.Scopes...)
	g.HTTPClient = client
	return g
}

func digitaloceanByGoth(p Provider, redirect string, client *http.Client) goth.Provider {
	g := digitalocean.New(p.ClientID, p.ClientSecret, redirect, append([]string{"read"}, p.Scopes...)...)
	g.HTTPClient = client
	return g
}

func facebookByGoth(p Provider, redirect string, client *http.Client) goth.Provider {
	g := facebook.New(p.ClientID, p.ClientSecret, redirect, p.Scopes...)
	g.HTTPClient = client
	return g.SetCustomFields([]string{"id", "name", "email"})
}

func githubByGoth(p Provider, redirect string, client *http.Client) goth.Provider {
	g := github.New(p.ClientID, p.ClientSecret, redirect, append([]string{"read:user", "user:email"}, p.Scopes...)...)
	g.HTTPClient = client
	return g
}

func spotifyByGoth(p Provider, redirect string, client *http.Client) goth.Provider {
	g := spotify.New(p.ClientID, p.ClientSecret, redirect, append([]string{spotify.ScopeUserReadEmail}, p.Scopes...)...)
	g.HTTPClient = client
	return g
}

// oauthProvider is a provider that speaks OAuth 2 alone: there is no signed word
// of who is there, so its API is asked with the access token that the code gave.
type oauthProvider struct {
	cfg    Provider
	kind   kind
	clock  clock.Clock
	client *http.Client
}

// address begins goth's sign-in and adds the PKCE challenge to it. A provider
// that does not know PKCE ignores it (RFC 6749, section 3.1).
func (o *oauthProvider) address(_ context.Context, r signInRequest) (string, error) {
	session, err := o.kind.maker(o.cfg, r.redirect, o.client).BeginAuth(r.state)
	if err != nil {
		return "", away(o.cfg, err)
	}
	given, err := session.GetAuthURL()
	if err != nil {
		return "", away(o.cfg, err)
	}
	u, err := url.Parse(given)
	if err != nil {
		return "", away(o.cfg, err)
	}
	q := u.Query()
	q.Set("code_challenge", oauth2.S256ChallengeFromVerifier(r.verifier))
	q.Set("code_challenge_method", "S256")
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func (o *oauthProvider) vouch(ctx context.Context, r signInRequest, a answer) (Vouched, error) {
	if a.issuer != "" && strings.TrimSuffix(a.issuer, "/login/oauth") != o.kind.issuer {
		return Vouched{}, notVouched("the answer is not from the provider that was asked", nil)
	}
	own := *o.client
	own.Transport = proving{next: o.client.Transport, ctx: ctx, verifier: r.verifier}
	g := o.kind.maker(o.cfg, r.redirect, &own)
	session, err := g.BeginAuth(r.state)
	if err != nil {
		return Vouched{}, away(o.cfg, err)
	}
	// Only the code: what else a stranger wrote into the address is not goth's business.
	if _, err := session.Authorize(g, url.Values{"code": {a.code}}); err != nil {
		return Vouched{}, refusedCode(o.cfg, err)
	}
	u, err := g.FetchUser(session)
	if err != nil {
		return Vouched{}, away(o.cfg, err)
	}
	if u.UserID == "" || u.UserID == "0" || len(u.UserID) > 255 {
		return Vouched{}, notVouched(o.cfg.Name+" names nobody", nil)
	}
	return Vouched{Provider: o.cfg.Name, Issuer: o.kind.issuer, Subject: u.UserID, Name: told(orElse(u.Name, u.NickName)), Email: told(u.Email)}, nil
}

// proving adds the PKCE verifier to the exchange of a code, which goth knows
// nothing of, and ends requests with the context that goth does not take.
type proving struct {
	next     http.RoundTripper
	ctx      context.Context
	verifier string
}

// RoundTrip is http.RoundTripper's.
func (p proving) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(p.ctx)
	if req.Body == nil || req.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		return p.next.RoundTrip(req)
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, maxProviderBody))
	if err := errors.Join(err, req.Body.Close()); err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	if form.Get("grant_type") == "authorization_code" {
		form.Set("code_verifier", p.verifier)
	}
	text := []byte(form.Encode())
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return p.next.RoundTrip(req)
}

// withoutAddress takes the address out of an error of net/http: goth writes
// access tokens into some.
func withoutAddress(err error) error {
	if bad, ok := errors.AsType[*url.Error](err); ok {
		return bad.Err
	}
	return err
}
