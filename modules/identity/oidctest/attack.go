package oidctest

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Attack is what is wrong with the ID tokens to come.
type Attack string

// Attacks on the signature. What is wrong with the claims is said by Lie.
const (
	Honest     Attack = ""
	OtherKey   Attack = "signed with another key under the same id"
	UnknownKey Attack = "signed with a key that is not published"
	AlgNone    Attack = "not signed at all"
	HS256      Attack = "signed with the public key as a shared secret"
	HSSecret   Attack = "signed with the client secret"
)

// Attack makes the ID tokens to come wrong.
func (p *Provider) Attack(a Attack) { p.mu.Lock(); defer p.mu.Unlock(); p.attack = a }

// Lie overrides claims of the ID tokens to come; nil values leave one out, and a
// nil map ends it.
func (p *Provider) Lie(claims map[string]any) { p.mu.Lock(); defer p.mu.Unlock(); p.claims = claims }

// Announce makes the provider name itself in its answers (RFC 9207), and say so
// in its discovery document.
func (p *Provider) Announce() { p.mu.Lock(); defer p.mu.Unlock(); p.announces = true }

// Token is an ID token as an app gets it from the provider's kit.
func (p *Provider) Token(subject, nonce string) string {
	client := p.cfg.ClientID
	if p.cfg.AppID != "" {
		client = p.cfg.AppID
	}
	now := p.cfg.Now()
	return p.sign(map[string]any{
		"iss": p.issuer, "sub": subject, "aud": client, "nonce": nonce,
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "auth_time": now.Unix(),
	})
}

// sign writes an ID token of the claims, as wrong as the attack wants.
func (p *Provider) sign(claims map[string]any) string {
	p.mu.Lock()
	attack, lies := p.attack, p.claims
	p.mu.Unlock()
	claims = maps.Clone(claims)
	for name, value := range lies {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	body, _ := json.Marshal(claims) // plain data
	if attack == AlgNone {
		b64 := base64.RawURLEncoding.EncodeToString
		return b64([]byte(`{"alg":"none","typ":"JWT","kid":"`+keyID+`"}`)) + "." + b64(body) + "."
	}
	alg, key, name := p.keyFor(attack)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", name))
	if err != nil {
		panic("oidctest: " + err.Error()) // a key that does not fit its algorithm is a fault of ours
	}
	signed, err := signer.Sign(body)
	if err != nil {
		panic("oidctest: " + err.Error())
	}
	text, _ := signed.CompactSerialize() // has one signature, so it can be written so
	return text
}

func (p *Provider) keyFor(a Attack) (jose.SignatureAlgorithm, any, string) {
	switch a {
	case OtherKey, UnknownKey:
		other, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic("oidctest: " + err.Error())
		}
		if a == UnknownKey {
			return jose.RS256, other, "key-" + rand.Text()
		}
		return jose.RS256, other, keyID
	case HS256:
		der, _ := x509.MarshalPKIXPublicKey(&p.key.PublicKey) // an RSA key has this form
		return jose.HS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), keyID
	case HSSecret:
		return jose.HS256, []byte(p.cfg.ClientSecret), keyID
	}
	return jose.RS256, p.key, keyID
}

// tampered passes requests to the true provider and changes its answers as asked.
func (p *Provider) tampered(honest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		attack, lies, announces := p.attack, p.claims, p.announces
		p.mu.Unlock()
		if attack == Honest && lies == nil && !announces {
			honest.ServeHTTP(w, r)
			return
		}
		rec := &recorder{header: http.Header{}, status: http.StatusOK}
		honest.ServeHTTP(rec, r)
		body := rec.body.Bytes()
		if strings.Contains(rec.header.Get("Content-Type"), "json") {
			body = p.rewritten(body, announces)
		}
		if to := rec.header.Get("Location"); announces && strings.Contains(to, "code=") {
			rec.header.Set("Location", to+"&iss="+url.QueryEscape(p.issuer))
		}
		rec.header.Del("Content-Length")
		maps.Copy(w.Header(), rec.header)
		w.WriteHeader(rec.status)
		_, _ = w.Write(body)
	})
}

// recorder keeps an answer, so that it can be changed before it is sent.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// rewritten changes the JSON answers that concern us: tokens and the discovery document.
func (p *Provider) rewritten(body []byte, announces bool) []byte {
	var said map[string]any
	if json.Unmarshal(body, &said) != nil {
		return body
	}
	if raw, ok := said["id_token"].(string); ok {
		said["id_token"] = p.sign(claimsOf(raw))
	}
	if said["jwks_uri"] != nil && announces {
		said["authorization_response_iss_parameter_supported"] = true
	}
	changed, _ := json.Marshal(said) // it was JSON before
	return changed
}

func claimsOf(raw string) map[string]any {
	var claims map[string]any
	if parts := strings.Split(raw, "."); len(parts) == 3 {
		if text, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
			_ = json.Unmarshal(text, &claims) // the provider's own token
		}
	}
	return claims
}
