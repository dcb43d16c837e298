package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// A web session ends at the latest after sessionLimit, is noted as used at most
// once a sessionStep, and counts as fresh for freshFor after its sign-in.
const (
	sessionLimit = 90 * 24 * time.Hour
	sessionStep  = time.Minute
	freshFor     = 10 * time.Minute
)

// Session is a browser in which a person is signed in.
type Session struct {
	ID        string    `json:"id"`
	Person    string    `json:"person"`
	Provider  string    `json:"provider"` // how the person came in: a provider's name, or "claim"
	Agent     string    `json:"agent,omitempty"`
	SignedAt  time.Time `json:"signed_at"`
	SeenAt    time.Time `json:"seen_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Fresh reports whether the person has proved who they are a moment ago: what
// linking and other sensitive actions ask for.
func (s Session) Fresh(now time.Time) bool { return now.Sub(s.SignedAt) < freshFor }

// Opening says whose session begins, and how.
type Opening struct {
	Person   string
	Provider string // a provider's name, or "claim"
	Agent    string // User-Agent
	Previous string // secret of the session the browser had: it ends
}

// OpenSession begins a web session and returns its secret, which goes into the
// browser's cookie (setSession) and is kept as a hash only. The secret is always
// new: what a browser held before signing in is worth nothing afterwards.
func (s *Service) OpenSession(tx *db.Tx, o Opening) (secret string, err error) {
	if err := deleteSessionBySecret(tx, hashOf(o.Previous)); err != nil {
		return "", err
	}
	secret = newSecret()
	now := tx.Now()
	return secret, insertSession(tx, hashOf(secret), Session{
		ID: id.New().String(), Person: o.Person, Provider: o.Provider, Agent: shortened(o.Agent),
		SignedAt: now, SeenAt: now, ExpiresAt: now.Add(max(sessionLimit, s.cfg.Session)),
	})
}

// newSecret is 256 random bits as text for a cookie or a header.
func newSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// hashOf is what the database keeps of a secret. Secrets have 256 bits, so a
// plain hash cannot be guessed back.
func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// shortened bounds what a stranger's header may fill a row with.
func shortened(agent string) string {
	return string([]rune(validText(agent))[:min(200, len([]rune(validText(agent))))])
}
