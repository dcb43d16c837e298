package pushtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"sync"
	"time"
)

// claims are the JWT claims that the three services look at.
type claims struct {
	Iss   string `json:"iss"`
	Aud   string `json:"aud"`
	Sub   string `json:"sub"`
	Scope string `json:"scope"`
	Iat   int64  `json:"iat"`
	Exp   int64  `json:"exp"`
}

var errToken = errors.New("pushtest: not a signed token")

// parseJWT checks the signature (ES256 or RS256, after the key's type) and
// returns the claims and the key id.
func parseJWT(token string, key crypto.PublicKey) (c claims, kid string, err error) {
	head, rest, _ := strings.Cut(token, ".")
	body, sig, ok := strings.Cut(rest, ".")
	if !ok {
		return c, "", errToken
	}
	var h struct{ Alg, Kid string }
	if err := decodePart(head, &h); err != nil {
		return c, "", err
	}
	if err := decodePart(body, &c); err != nil {
		return c, "", err
	}
	raw, err := base64.RawURLEncoding.DecodeString(sig)
	if err != nil {
		return c, "", errToken
	}
	sum := sha256.Sum256([]byte(head + "." + body))
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		ok = h.Alg == "ES256" && len(raw) == 64 &&
			ecdsa.Verify(k, sum[:], new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:]))
	case *rsa.PublicKey:
		ok = h.Alg == "RS256" && rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], raw) == nil
	default:
		ok = false
	}
	if !ok {
		return c, "", errToken
	}
	return c, h.Kid, nil
}

func decodePart(part string, into any) error {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return errToken
	}
	if json.Unmarshal(raw, into) != nil {
		return errToken
	}
	return nil
}

// known remembers tokens found good, so that a check costs a map lookup.
type known struct {
	mu    sync.RWMutex
	until map[string]time.Time
}

func (k *known) good(token string, now time.Time) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	until, ok := k.until[token]
	return ok && now.Before(until)
}

func (k *known) add(token string, until time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.until == nil || len(k.until) > 1000 {
		k.until = map[string]time.Time{}
	}
	k.until[token] = until
}

func (k *known) clear() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.until = nil
}
