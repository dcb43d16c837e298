package identity

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

const sessionColumns = `s.id, s.person_id, s.provider, s.agent, s.signed_at, s.seen_at, s.expires_at`

// sessionTargets are where a row of sessionColumns goes.
func sessionTargets(s *Session, key, person *id.ID) []any {
	return []any{key, person, &s.Provider, &s.Agent, &s.SignedAt, &s.SeenAt, &s.ExpiresAt}
}

func (s *Session) took(key, person id.ID) {
	s.ID, s.Person = key.String(), person.String()
	s.SignedAt, s.SeenAt, s.ExpiresAt = s.SignedAt.UTC(), s.SeenAt.UTC(), s.ExpiresAt.UTC()
}

func insertSession(tx *db.Tx, secret []byte, s Session) error {
	_, err := tx.Conn().Exec(tx.Ctx(),
		`INSERT INTO identity.session (id, secret, person_id, provider, agent, signed_at, seen_at, expires_at)
		 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		s.ID, secret, s.Person, s.Provider, s.Agent, s.SignedAt, s.SeenAt, s.ExpiresAt)
	return db.Classify("identity.insertSession", err)
}

// findSession is the live session of a secret and its person: used since idle and
// not at its end. Errors: fault.NotFound.
func (s *Service) findSession(ctx context.Context, secret []byte, idle, now time.Time) (Session, Person, error) {
	const op = "identity.findSession"
	var found Session
	var key, owner, person id.ID
	var p Person
	var seen *time.Time
	row := s.db.Pool().QueryRow(ctx, `SELECT `+sessionColumns+`, `+personColumns+`
		FROM identity.session s JOIN identity.person p ON p.id = s.person_id
		WHERE s.secret = $1 AND s.seen_at > $2 AND s.expires_at > $3`, secret, idle, now)
	err := row.Scan(append(sessionTargets(&found, &key, &owner), &person, &p.Name, &p.Email, &p.Role, &p.Locale, &p.CreatedAt, &seen)...)
	if err != nil {
		return Session{}, Person{}, db.Classify(op, err)
	}
	found.took(key, owner)
	p.ID = person.String()
	return found, p, nil
}

// touchSession notes that a session and its person were seen, unless somebody has
// within the last step.
func (s *Service) touchSession(ctx context.Context, session, person string, now time.Time) error {
	_, err := s.db.Pool().Exec(ctx,
		`WITH used AS (UPDATE identity.session SET seen_at = $3 WHERE id = $1 AND seen_at < $4 RETURNING person_id)
		 UPDATE identity.person SET seen_at = $3 FROM used WHERE id = $2 AND id = used.person_id`,
		session, person, now, now.Add(-sessionStep))
	return db.Classify("identity.touchSession", err)
}

// sessionsOf lists a person's live sessions, the last used first.
func (s *Service) sessionsOf(ctx context.Context, person string, idle, now time.Time) ([]Session, error) {
	const op = "identity.Sessions"
	rows, err := s.db.Pool().Query(ctx, `SELECT `+sessionColumns+` FROM identity.session s
		WHERE s.person_id = $1 AND s.seen_at > $2 AND s.expires_at > $3 ORDER BY s.seen_at DESC, s.id`, person, idle, now)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Session, error) {
		var x Session
		var key, owner id.ID
		err := row.Scan(sessionTargets(&x, &key, &owner)...)
		x.took(key, owner)
		return x, err
	})
	return all, db.Classify(op, err)
}

// lockSession is a session that asks for something sensitive. Errors: fault.NotFound.
func lockSession(tx *db.Tx, session string) (Session, error) {
	var x Session
	var key, owner id.ID
	err := tx.Conn().QueryRow(tx.Ctx(), `SELECT `+sessionColumns+` FROM identity.session s WHERE s.id = $1 AND s.expires_at > $2 FOR UPDATE`,
		session, tx.Now()).Scan(sessionTargets(&x, &key, &owner)...)
	x.took(key, owner)
	return x, db.Classify("identity.lockSession", err)
}

func deleteSessionBySecret(tx *db.Tx, secret []byte) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `DELETE FROM identity.session WHERE secret = $1`, secret)
	return db.Classify("identity.endSession", err)
}

// deleteSession ends one session of a person. Errors: fault.NotFound.
func deleteSession(tx *db.Tx, person, session string) error {
	const op = "identity.RevokeSession"
	if _, err := id.Parse(session); err != nil {
		return fault.E(op, fault.NotFound, "there is no such session", err)
	}
	tag, err := tx.Conn().Exec(tx.Ctx(), `DELETE FROM identity.session WHERE id = $1 AND person_id = $2`, session, person)
	if err == nil && tag.RowsAffected() == 0 {
		return fault.E(op, fault.NotFound, "there is no such session", nil).WithFix("it may have ended already")
	}
	return db.Classify(op, err)
}

// deleteSessionsOf ends every session of a person but one ("": all).
func deleteSessionsOf(tx *db.Tx, person, but string) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `DELETE FROM identity.session WHERE person_id = $1 AND id::text <> $2`, person, but)
	return db.Classify("identity.RevokeSessions", err)
}

// validText is s as PostgreSQL takes it: UTF-8 without zero bytes.
func validText(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\x00", "") }
