package identity

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// signatures are those we take under an ID token, whatever its issuer or its
// header proposes: never "none", and none whose key is the client secret.
var signatures = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}

// A discovery document is read again after a day; one that could not be read is
// not asked for again at once.
const (
	discoveryAge   = 24 * time.Hour
	discoveryRetry = 5 * time.Second
)

// openID is a provider that speaks OpenID Connect.
type openID struct {
	cfg    Provider
	kind   kind
	clock  clock.Clock
	client *http.Client

	mu     sync.Mutex // held while the issuer is asked, so that it is asked once
	found  *discovered
	failed error
	at     time.Time
}

// discovered is what the issuer publishes of itself.
type discovered struct {
	provider *oidc.Provider
	keys     *oidc.RemoteKeySet
	issuer   string // for kinds with tenants: a pattern with {tenantid}
	answers  bool   // it names itself in its answers (RFC 9207)
}

func newOpenID(cfg Provider, k kind, clk clock.Clock, client *http.Client) *openID {
	if cfg.Issuer != "" {
		k.issuer, k.tenants = cfg.Issuer, false
	}
	return &openID{cfg: cfg, kind: k, clock: clk, client: client}
}

// discover reads the issuer's document when it is first needed, so that an issuer
// that is away stops nobody but those who sign in with it. Errors: fault.Transient.
func (o *openID) discover(ctx context.Context) (*discovered, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.clock.Now()
	switch age := now.Sub(o.at); {
	case o.found != nil && age < discoveryAge:
		return o.found, nil
	case o.failed != nil && age < discoveryRetry:
		return nil, o.failed
	}
	found, err := o.ask(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, away(o.cfg, err) // it is this caller who went away
	}
	o.at = now
	if err != nil && o.found != nil {
		o.at = now.Add(discoveryRetry - discoveryAge) // what we have is better than nothing
		return o.found, nil
	}
	if err != nil {
		o.failed = away(o.cfg, err)
		return nil, o.failed
	}
	o.found, o.failed = found, nil
	return found, nil
}

func away(cfg Provider, err error) error {
	return fault.E("identity.discover", fault.Transient, cfg.Name+" cannot be reached now", withoutAddress(err)).
		WithFix("try again, or choose another way to sign in")
}

const tenantPattern = "https://login.microsoftonline.com/{tenantid}/v2.0"

func (o *openID) ask(ctx context.Context) (*discovered, error) {
	ctx = oidc.ClientContext(ctx, o.client)
	d := &discovered{issuer: o.kind.issuer}
	if o.kind.tenants {
		d.issuer = tenantPattern
		ctx = oidc.InsecureIssuerURLContext(ctx, d.issuer) // the token's own issuer is checked in sameIssuer
	}
	var err error
	if d.provider, err = oidc.NewProvider(ctx, o.kind.issuer); err != nil {
		return nil, err
	}
	var more struct {
		Keys    string `json:"jwks_uri"`
		Answers bool   `json:"authorization_response_iss_parameter_supported"`
	}
	if err := d.provider.Claims(&more); err != nil {
		return nil, err
	}
	keys := *o.client
	keys.Transport = &sparing{next: o.client.Transport, clock: o.clock}
	d.keys = oidc.NewRemoteKeySet(oidc.ClientContext(context.WithoutCancel(ctx), &keys), more.Keys)
	d.answers = more.Answers
	return d, nil
}

func (o *openID) config(d *discovered, redirect string) (*oauth2.Config, error) {
	secret := o.cfg.ClientSecret
	if o.cfg.Kind == kindApple {
		var err error
		if secret, err = appleSecret(o.cfg, o.clock.Now()); err != nil {
			return nil, err
		}
	}
	scopes := append([]string{oidc.ScopeOpenID}, o.kind.scopes...)
	for _, s := range o.cfg.Scopes {
		if !slices.Contains(scopes, s) {
			scopes = append(scopes, s)
		}
	}
	return &oauth2.Config{ClientID: o.cfg.ClientID, ClientSecret: secret, Endpoint: d.provider.Endpoint(), RedirectURL: redirect, Scopes: scopes}, nil
}

func (o *openID) address(ctx context.Context, r signInRequest) (string, error) {
	d, err := o.discover(ctx)
	if err != nil {
		return "", err
	}
	cfg, err := o.config(d, r.redirect)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(r.nonce), oauth2.S256ChallengeOption(r.verifier)}
	if o.kind.formPost {
		options = append(options, oauth2.SetAuthURLParam("response_mode", "form_post"))
	}
	if r.again && o.kind.prompt != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", o.kind.prompt),
			oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(freshFor.Seconds())))) // so that it must tell auth_time
	}
	return cfg.AuthCodeURL(r.state, options...), nil
}

func (o *openID) vouch(ctx context.Context, r signInRequest, a answer) (Vouched, error) {
	d, err := o.discover(ctx)
	if err != nil {
		return Vouched{}, err
	}
	if err := d.answeredBy(a.issuer); err != nil {
		return Vouched{}, err
	}
	cfg, err := o.config(d, r.redirect)
	if err != nil {
		return Vouched{}, err
	}
	ctx = oidc.ClientContext(ctx, o.client)
	token, err := cfg.Exchange(ctx, a.code, oauth2.VerifierOption(r.verifier))
	if err != nil {
		return Vouched{}, refusedCode(o.cfg, err)
	}
	raw, _ := token.Extra("id_token").(string)
	c, err := o.verify(ctx, d, raw, r.nonce, o.cfg.ClientID)
	if err != nil {
		return Vouched{}, err
	}
	if c.AuthorizedParty != "" && c.AuthorizedParty != o.cfg.ClientID {
		return Vouched{}, notVouched("the ID token was issued to another client", nil)
	}
	if c.Name == "" && c.Email == "" {
		o.describe(ctx, d, &c, oauth2.StaticTokenSource(token))
	}
	return c.vouched(o.cfg.Name), nil
}

// answeredBy checks who sent the browser back: an honest provider's code must not
// be carried to another's token endpoint. Source: RFC 9207, section 2.4.
func (d *discovered) answeredBy(issuer string) error {
	if issuer == "" && d.answers || issuer != "" && issuer != d.issuer {
		return notVouched("the answer is not from the provider that was asked", nil)
	}
	return nil
}

// claims are what an ID token says, beside what go-oidc keeps itself.
type claims struct {
	Issuer          string `json:"iss"`
	Subject         string `json:"sub"`
	AuthorizedParty string `json:"azp"`
	Nonce           string `json:"nonce"`
	Name            string `json:"name"`
	Email           string `json:"email"`
	Locale          string `json:"locale"`
	Tenant          string `json:"tid"`
	ProvedAt        int64  `json:"auth_time"` // seconds since 1970; 0: not told
}

func (c claims) vouched(provider string) Vouched {
	v := Vouched{Provider: provider, Issuer: c.Issuer, Subject: c.Subject, Name: told(c.Name), Email: told(c.Email), Locale: told(c.Locale)}
	if c.ProvedAt > 0 {
		v.ProvedAt = time.Unix(c.ProvedAt, 0).UTC()
	}
	return v
}

// told bounds what a provider says about somebody.
func told(s string) string { return firstRunes(validText(strings.TrimSpace(s)), 200) }

// verify checks an ID token: signature, issuer, audience, expiry (go-oidc) and
// nonce. audience is any of those. Errors: fault.Unauthenticated.
func (o *openID) verify(ctx context.Context, d *discovered, raw, nonce string, audience ...string) (claims, error) {
	v := oidc.NewVerifier(d.issuer, d.keys, &oidc.Config{
		SupportedSigningAlgs: signatures, Now: o.clock.Now,
		SkipIssuerCheck:   o.kind.tenants, // sameIssuer
		SkipClientIDCheck: true,           // several may be right: below
	})
	token, err := v.Verify(ctx, raw)
	if err != nil {
		return claims{}, notVouched("the ID token is not valid", err)
	}
	if !slices.ContainsFunc(token.Audience, func(a string) bool { return slices.Contains(audience, a) }) {
		return claims{}, notVouched("the ID token is meant for somebody else", nil)
	}
	var c claims
	if err := token.Claims(&c); err != nil {
		return claims{}, notVouched("the ID token is not readable", err)
	}
	if !o.kind.tenants {
		c.Issuer = d.issuer // go-oidc has compared them, and knows Google's two spellings
	} else if !ofTenant(c) {
		return claims{}, notVouched("the ID token's issuer is not a tenant", nil)
	}
	if nonce == "" || subtle.ConstantTimeCompare([]byte(c.Nonce), []byte(nonce)) != 1 {
		return claims{}, notVouched("the ID token does not belong to this sign-in", nil)
	}
	if c.Subject == "" || len(c.Subject) > 255 || validText(c.Subject) != c.Subject {
		return claims{}, notVouched("the ID token names nobody", nil)
	}
	return c, nil
}

var tenantID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// ofTenant: the issuer is the pattern with the token's own tenant in it.
func ofTenant(c claims) bool {
	return tenantID.MatchString(c.Tenant) && c.Issuer == strings.Replace(tenantPattern, "{tenantid}", c.Tenant, 1)
}

// describe asks for name and address where the ID token has none. They are only
// shown, so doing without is better than failing.
func (o *openID) describe(ctx context.Context, d *discovered, c *claims, tokens oauth2.TokenSource) {
	if d.provider.UserInfoEndpoint() == "" {
		return
	}
	info, err := d.provider.UserInfo(ctx, tokens)
	if err != nil || info.Subject != c.Subject {
		return
	}
	var more claims
	if info.Claims(&more) == nil {
		c.Name, c.Email, c.Locale = more.Name, more.Email, more.Locale
	}
}

// notVouched is the one answer to whatever is wrong with a provider's word: the
// cause is for the log.
func notVouched(message string, cause error) error {
	return fault.E("identity.SignIn", fault.Unauthenticated, message, cause).WithFix("sign in again")
}

func refusedCode(cfg Provider, err error) error {
	if bad, ok := errors.AsType[*oauth2.RetrieveError](err); ok && bad.Response != nil && bad.Response.StatusCode < 500 {
		return notVouched(cfg.Name+" did not take the code", err)
	}
	return away(cfg, err)
}
