package identity

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Kinds of a token.
const (
	kindAccess  = "access"
	kindRefresh = "refresh"
)

// spendNonce reports whether a nonce is used for the first time.
func spendNonce(tx *db.Tx, nonce []byte, end time.Time) (fresh bool, err error) {
	tag, err := tx.Conn().Exec(tx.Ctx(),
		`INSERT INTO identity.used_nonce (nonce, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`, nonce, end)
	return tag.RowsAffected() == 1, db.Classify("identity.spendNonce", err)
}

func insertFamily(tx *db.Tx, f family) error {
	_, err := tx.Conn().Exec(tx.Ctx(),
		`INSERT INTO identity.token_family (id, person_id, provider, agent, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		f.ID, f.Person, f.Provider, f.Agent, tx.Now(), f.ExpiresAt)
	return db.Classify("identity.insertFamily", err)
}

func insertToken(tx *db.Tx, secret []byte, family, kind string, expires time.Time) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO identity.token (secret, family_id, kind, expires_at) VALUES ($1, $2, $3, $4)`,
		secret, family, kind, expires)
	return db.Classify("identity.insertToken", err)
}

const familyColumns = `f.id, f.person_id, f.provider, f.agent, f.expires_at, f.revoked_at`

func (f *family) columns(key, person *id.ID) []any {
	return []any{key, person, &f.Provider, &f.Agent, &f.ExpiresAt, &f.RevokedAt}
}

// lockRefresh finds the living family of a refresh token, and whether that one was
// spent before. The family's lock puts two uses of it in line.
// Errors: fault.NotFound.
func lockRefresh(tx *db.Tx, secret []byte, now time.Time) (f family, spent bool, err error) {
	const op = "identity.Refresh"
	var key, person id.ID
	err = tx.Conn().QueryRow(tx.Ctx(), `SELECT `+familyColumns+` FROM identity.token_family f
		WHERE f.id = (SELECT family_id FROM identity.token WHERE secret = $1 AND kind = 'refresh' AND expires_at > $2)
		  AND f.revoked_at IS NULL AND f.expires_at > $2 FOR UPDATE`, secret, now).Scan(f.columns(&key, &person)...)
	if err != nil {
		return f, false, db.Classify(op, err)
	}
	f.ID, f.Person = key.String(), person.String()
	// Read after the lock is ours: a statement sees what was committed before it began.
	err = tx.Conn().QueryRow(tx.Ctx(), `SELECT spent_at IS NOT NULL FROM identity.token WHERE secret = $1`, secret).Scan(&spent)
	return f, spent, db.Classify(op, err)
}

func lockFamilyOf(tx *db.Tx, secret []byte) (family, error) {
	var f family
	var key, person id.ID
	err := tx.Conn().QueryRow(tx.Ctx(), `SELECT `+familyColumns+` FROM identity.token_family f
		WHERE f.id = (SELECT family_id FROM identity.token WHERE secret = $1) FOR UPDATE`, secret).Scan(f.columns(&key, &person)...)
	f.ID, f.Person = key.String(), person.String()
	return f, db.Classify("identity.Revoke", err)
}

func spendToken(tx *db.Tx, secret []byte) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE identity.token SET spent_at = $2 WHERE secret = $1`, secret, tx.Now())
	return db.Classify("identity.Refresh", err)
}

// endAccessTokens ends the access tokens of a family: the newest pair alone is good.
func endAccessTokens(tx *db.Tx, family string) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `DELETE FROM identity.token WHERE family_id = $1 AND kind = 'access'`, family)
	return db.Classify("identity.Refresh", err)
}

func revokeFamily(tx *db.Tx, family string) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE identity.token_family SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL`, family, tx.Now())
	return db.Classify("identity.Revoke", err)
}

func revokeFamiliesOf(tx *db.Tx, person string) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE identity.token_family SET revoked_at = $2 WHERE person_id = $1 AND revoked_at IS NULL`, person, tx.Now())
	return db.Classify("identity.RevokeSessions", err)
}

// personOfToken is whom a live access token stands for. Errors: fault.NotFound.
func (s *Service) personOfToken(ctx context.Context, secret []byte, now time.Time) (Person, error) {
	p, err := scanPerson(s.db.Pool().QueryRow(ctx, `SELECT `+personColumns+` FROM identity.token t
		JOIN identity.token_family f ON f.id = t.family_id JOIN identity.person p ON p.id = f.person_id
		WHERE t.secret = $1 AND t.kind = 'access' AND t.expires_at > $2 AND f.revoked_at IS NULL AND f.expires_at > $2`, secret, now))
	return p, db.Classify("identity.personOfToken", err)
}
