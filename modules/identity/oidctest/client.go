package oidctest

import (
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// oneClient is Usher, as the provider has registered it. It is op.Client.
type oneClient struct {
	id        string
	redirects []string
}

func (c oneClient) GetID() string                       { return c.id }
func (c oneClient) RedirectURIs() []string              { return c.redirects }
func (c oneClient) PostLogoutRedirectURIs() []string    { return nil }
func (c oneClient) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (c oneClient) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodBasic }
func (c oneClient) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c oneClient) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode}
}
func (c oneClient) LoginURL(request string) string       { return "/login?id=" + request }
func (c oneClient) AccessTokenType() op.AccessTokenType  { return op.AccessTokenTypeBearer }
func (c oneClient) IDTokenLifetime() time.Duration       { return 5 * time.Minute }
func (c oneClient) DevMode() bool                        { return true } // http on loopback
func (c oneClient) IsScopeAllowed(string) bool           { return true }
func (c oneClient) IDTokenUserinfoClaimsAssertion() bool { return false } // the userinfo endpoint tells
func (c oneClient) ClockSkew() time.Duration             { return 0 }
func (c oneClient) RestrictAdditionalIdTokenScopes() func([]string) []string { //nolint:revive // op.Client calls it so
	return func(s []string) []string { return s }
}
func (c oneClient) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(s []string) []string { return s }
}

// keyID names the one key there is.
const keyID = "key-1"

// signingKey is op.SigningKey.
type signingKey struct{ p *Provider }

func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k signingKey) Key() any                                    { return k.p.key }
func (k signingKey) ID() string                                  { return keyID }

// publicKey is op.Key.
type publicKey struct{ p *Provider }

func (k publicKey) ID() string                         { return keyID }
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return &k.p.key.PublicKey }
