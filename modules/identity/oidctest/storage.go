package oidctest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/usherhq/usher/modules/kernel/id"
)

var (
	errNone        = errors.New("there is no such thing")
	errUnsupported = errors.New("this provider does not do that")
)

// storage is op.Storage in memory.
type storage struct {
	p *Provider

	mu        sync.Mutex
	redirects []string
	requests  map[string]*request
	codes     map[string]string // code → request
	access    map[string]string // access token → subject
}

var _ op.Storage = (*storage)(nil)

func newStorage(p *Provider) *storage {
	return &storage{p: p, requests: map[string]*request{}, codes: map[string]string{}, access: map[string]string{}}
}

func (s *storage) register(redirect string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.redirects = append(s.redirects, redirect)
}

// request is one sign-in at the provider. It is op.AuthRequest; a picked person
// makes a new one, so that nobody sees it change.
type request struct {
	id      string
	asked   oidc.AuthRequest
	subject string
	at      time.Time
}

func (r *request) GetID() string                      { return r.id }
func (r *request) GetACR() string                     { return "" }
func (r *request) GetAMR() []string                   { return []string{"pick"} }
func (r *request) GetAudience() []string              { return []string{r.asked.ClientID} }
func (r *request) GetAuthTime() time.Time             { return r.at }
func (r *request) GetClientID() string                { return r.asked.ClientID }
func (r *request) GetNonce() string                   { return r.asked.Nonce }
func (r *request) GetRedirectURI() string             { return r.asked.RedirectURI }
func (r *request) GetScopes() []string                { return r.asked.Scopes }
func (r *request) GetState() string                   { return r.asked.State }
func (r *request) GetSubject() string                 { return r.subject }
func (r *request) Done() bool                         { return r.subject != "" }
func (r *request) GetResponseType() oidc.ResponseType { return r.asked.ResponseType }
func (r *request) GetResponseMode() oidc.ResponseMode { return r.asked.ResponseMode }

func (r *request) GetCodeChallenge() *oidc.CodeChallenge {
	if r.asked.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: r.asked.CodeChallenge, Method: r.asked.CodeChallengeMethod}
}

// pick says who it is that signs in.
func (s *storage) pick(request, subject string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.requests[request]
	if !ok {
		return false
	}
	done := *r
	done.subject, done.at = subject, s.p.cfg.Now()
	s.requests[request] = &done
	return true
}

// CreateAuthRequest is op.AuthStorage's, as are the next.
func (s *storage) CreateAuthRequest(_ context.Context, asked *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &request{id: id.New().String(), asked: *asked}
	s.requests[r.id] = r
	return r, nil
}

func (s *storage) AuthRequestByID(_ context.Context, key string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.requests[key]; ok {
		return r, nil
	}
	return nil, errNone
}

func (s *storage) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	key := s.codes[code]
	delete(s.codes, code) // once
	s.mu.Unlock()
	return s.AuthRequestByID(ctx, key)
}

func (s *storage) SaveAuthCode(_ context.Context, request, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[code] = request
	return nil
}

func (s *storage) DeleteAuthRequest(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.requests, key)
	return nil
}

func (s *storage) CreateAccessToken(_ context.Context, r op.TokenRequest) (string, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := id.New().String()
	s.access[token] = r.GetSubject()
	return token, s.p.cfg.Now().Add(5 * time.Minute), nil
}

func (s *storage) CreateAccessAndRefreshTokens(context.Context, op.TokenRequest, string) (string, string, time.Time, error) {
	return "", "", time.Time{}, errUnsupported
}

func (s *storage) TokenRequestByRefreshToken(context.Context, string) (op.RefreshTokenRequest, error) {
	return nil, errUnsupported
}

func (s *storage) TerminateSession(context.Context, string, string) error { return nil }

func (s *storage) RevokeToken(_ context.Context, token, _, _ string) *oidc.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.access, token)
	return nil
}

func (s *storage) GetRefreshTokenInfo(context.Context, string, string) (string, string, error) {
	return "", "", op.ErrInvalidRefreshToken
}

func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return signingKey{s.p}, nil }

func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

func (s *storage) KeySet(context.Context) ([]op.Key, error) {
	s.p.fetches.Add(1)
	return []op.Key{publicKey{s.p}}, nil
}

// GetClientByClientID is op.OPStorage's, as are the next.
func (s *storage) GetClientByClientID(_ context.Context, client string) (op.Client, error) {
	if client != s.p.cfg.ClientID {
		return nil, errNone
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return oneClient{id: client, redirects: slices.Clone(s.redirects)}, nil
}

func (s *storage) AuthorizeClientIDSecret(_ context.Context, client, secret string) error {
	known := secret == s.p.cfg.ClientSecret
	if s.p.cfg.SecretOf != nil {
		known = s.p.cfg.SecretOf(secret)
	}
	if client != s.p.cfg.ClientID || !known {
		return errNone
	}
	return nil
}

func (s *storage) SetUserinfoFromScopes(_ context.Context, info *oidc.UserInfo, user, _ string, _ []string) error {
	info.Subject = user // it replaces the ID token's
	return nil
}

func (s *storage) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, token, _, _ string) error {
	s.mu.Lock()
	subject := s.access[token]
	s.mu.Unlock()
	u, ok := s.p.user(subject)
	if !ok {
		return errNone
	}
	info.Subject, info.Name, info.Email = u.Subject, u.Name, u.Email
	info.EmailVerified = true
	return nil
}

func (s *storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errUnsupported
}

func (s *storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil
}

func (s *storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errUnsupported
}

func (s *storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errUnsupported
}

// Health is op.Storage's.
func (s *storage) Health(context.Context) error { return nil }
