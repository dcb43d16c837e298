package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
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
type Session struct { //nolint:recvcheck // only took changes it
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
	secret = newToken()
	now := tx.Now()
	return secret, insertSession(tx, hashOf(secret), Session{
		ID: id.New().String(), Person: o.Person, Provider: o.Provider, Agent: shortened(o.Agent),
		SignedAt: now, SeenAt: now, ExpiresAt: now.Add(max(sessionLimit, s.cfg.Session)),
	})
}

// session is the live session that a browser's cookie names, and its person.
// Errors: fault.Unauthenticated.
func (s *Service) session(ctx context.Context, secret string) (Session, Person, error) {
	now := s.db.Now()
	found, p, err := s.findSession(ctx, hashOf(secret), now.Add(-s.cfg.Session), now)
	if fault.Is(err, fault.NotFound) {
		return Session{}, Person{}, fault.E("identity.Session", fault.Unauthenticated, "you are not signed in, or no longer", err).
			WithFix("sign in at /sign-in")
	}
	if err != nil || now.Sub(found.SeenAt) < sessionStep {
		return found, p, err
	}
	return found, p, s.touchSession(ctx, found.ID, p.ID, now)
}

// Sessions lists where a person is signed in, the last used first.
func (s *Service) Sessions(ctx context.Context, person string) ([]Session, error) {
	now := s.db.Now()
	return s.sessionsOf(ctx, person, now.Add(-s.cfg.Session), now)
}

// EndSession signs a browser out. A secret that opens nothing is fine.
func (s *Service) EndSession(ctx context.Context, secret string) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error { return deleteSessionBySecret(tx, hashOf(secret)) })
}

// RevokeSession ends one of a person's sessions. Errors: fault.NotFound.
func (s *Service) RevokeSession(ctx context.Context, person, session string) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		if err := deleteSession(tx, person, session); err != nil {
			return err
		}
		return s.audit(tx, Entry{Actor: actorOf(ctx), Action: "session.revoked", Object: "session:" + session, Detail: map[string]any{"person": person}})
	})
}

// RevokeSessions ends every session and token of a person, but for the session
// they do it from ("": that one too).
func (s *Service) RevokeSessions(ctx context.Context, person, but string) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		if err := deleteSessionsOf(tx, person, but); err != nil {
			return err
		}
		if err := revokeFamiliesOf(tx, person); err != nil {
			return err
		}
		return s.audit(tx, Entry{Actor: actorOf(ctx), Action: "session.revoked", Object: personActor(person), Detail: map[string]any{"all": true}})
	})
}

// newToken is 256 random bits as text for a cookie or a header.
func newToken() string {
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
func shortened(agent string) string { return firstRunes(validText(agent), 200) }
