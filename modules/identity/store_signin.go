package identity

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

func insertSignIn(tx *db.Tx, state, browser []byte, k signIn) error {
	var session *string
	if k.Session != "" {
		session = &k.Session
	}
	_, err := tx.Conn().Exec(tx.Ctx(),
		`INSERT INTO identity.sign_in (state, browser, provider, nonce, verifier, return_path, purpose, session_id, grant_hash, created_at)
		 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		state, browser, k.Provider, k.Nonce, k.Verifier, k.Return, k.Purpose, session, k.Grant, tx.Now())
	return db.Classify("identity.insertSignIn", err)
}

// takeSignIn removes and returns a sign-in that began after since, and the hash of
// the browser's secret. Errors: fault.NotFound.
func takeSignIn(tx *db.Tx, state []byte, since time.Time) (k signIn, browser []byte, err error) {
	var session *id.ID
	err = tx.Conn().QueryRow(tx.Ctx(),
		`DELETE FROM identity.sign_in WHERE state = $1 AND created_at > $2
		 RETURNING browser, provider, nonce, verifier, return_path, purpose, session_id, grant_hash`, state, since).
		Scan(&browser, &k.Provider, &k.Nonce, &k.Verifier, &k.Return, &k.Purpose, &session, &k.Grant)
	if session != nil {
		k.Session = session.String()
	}
	return k, browser, db.Classify("identity.takeSignIn", err)
}

// purgeBatch bounds the rows one DELETE locks.
const purgeBatch = 5_000

// Purge forgets what has had its time: sign-ins that nobody finished, sessions
// and tokens past their end, nonces that could not be shown again. It returns how
// many rows; for a periodic job.
func (s *Service) Purge(ctx context.Context) (int64, error) {
	now, total := s.db.Now(), int64(0)
	for _, p := range []struct {
		table, past string
		before      time.Time
	}{
		{"identity.sign_in", "created_at", now.Add(-signInLimit)},
		{"identity.session", "expires_at", now},
		{"identity.session", "seen_at", now.Add(-s.cfg.Session)},
		{"identity.used_nonce", "expires_at", now},
		{"identity.token_family", "expires_at", now},
		{"identity.token", "expires_at", now},
	} {
		for {
			tag, err := s.db.Pool().Exec(ctx, `DELETE FROM `+p.table+` WHERE ctid = ANY (ARRAY(
				SELECT ctid FROM `+p.table+` WHERE `+p.past+` <= $1 LIMIT $2))`, p.before, purgeBatch)
			if err != nil {
				return total, db.Classify("identity.Purge", err)
			}
			if total += tag.RowsAffected(); tag.RowsAffected() < purgeBatch {
				break
			}
		}
	}
	return total, nil
}
