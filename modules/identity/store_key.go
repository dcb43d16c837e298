package identity

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

const keyColumns = `k.id, k.name, k."right", k.app, k.event, k.created_by, k.created_at, k.expires_at, k.revoked_at, k.used_at`

func (k *Key) columns() []any {
	return []any{&k.ID, &k.Name, &k.Right, &k.App, &k.Event, &k.CreatedBy, &k.CreatedAt, &k.ExpiresAt, &k.RevokedAt, &k.UsedAt}
}

func noKey(err error) *fault.Error {
	return fault.E("identity.Key", fault.NotFound, "there is no such key", err).WithFix("GET /v1/keys lists them")
}

func insertKey(tx *db.Tx, k Key) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO identity.key (id, name, "right", app, event, created_by, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, k.ID, k.Name, k.Right, k.App, k.Event, k.CreatedBy, k.CreatedAt, k.ExpiresAt)
	err = db.Classify("identity.CreateKey", err)
	if fault.Is(err, fault.Conflict) {
		return fault.E("identity.CreateKey", fault.Conflict, "there is a living key of this name", err).WithFix("choose another name, or revoke that key first")
	}
	return err
}

func insertSecret(tx *db.Tx, key id.ID, secret string) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO identity.key_secret (hash, key_id, hint, created_at) VALUES ($1, $2, $3, $4)`,
		hashOf(secret), key, hintOf(secret), tx.Now())
	return db.Classify("identity.CreateKey", err)
}

// retireSecrets ends the newest secret at until and drops those before it: beside
// the one that comes next, one old secret lives.
func retireSecrets(tx *db.Tx, key id.ID, until time.Time) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `WITH newest AS (
			SELECT hash FROM identity.key_secret WHERE key_id = $1 AND expires_at IS NULL
		), older AS (
			DELETE FROM identity.key_secret WHERE key_id = $1 AND hash NOT IN (SELECT hash FROM newest)
		)
		UPDATE identity.key_secret SET expires_at = $2 WHERE hash IN (SELECT hash FROM newest)`, key, until)
	return db.Classify("identity.RotateKey", err)
}

func secretsOf(tx *db.Tx, key id.ID) ([]KeySecret, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT hint, created_at, expires_at FROM identity.key_secret
		WHERE key_id = $1 AND (expires_at IS NULL OR expires_at > $2) ORDER BY expires_at DESC NULLS FIRST`, key, tx.Now())
	if err != nil {
		return nil, db.Classify("identity.Key", err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowToStructByPos[KeySecret])
	return out, db.Classify("identity.Key", err)
}

// lockKey reads a key and keeps others from changing it until the transaction ends.
func lockKey(tx *db.Tx, key id.ID) (Key, error) {
	var k Key
	err := tx.Conn().QueryRow(tx.Ctx(), `SELECT `+keyColumns+` FROM identity.key k WHERE k.id = $1 FOR UPDATE`, key).Scan(k.columns()...)
	err = db.Classify("identity.Key", err)
	if fault.Is(err, fault.NotFound) {
		return Key{}, noKey(err)
	}
	return k, err
}

func revokeKey(tx *db.Tx, key id.ID) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `WITH gone AS (DELETE FROM identity.key_secret WHERE key_id = $1)
		UPDATE identity.key SET revoked_at = $2 WHERE id = $1`, key, tx.Now())
	return db.Classify("identity.RevokeKey", err)
}

// findKey reads the living key that has a living secret of this hash.
func (s *Service) findKey(ctx context.Context, hash []byte) (Key, error) {
	var k Key
	err := s.db.Pool().QueryRow(ctx, `SELECT `+keyColumns+` FROM identity.key_secret x JOIN identity.key k ON k.id = x.key_id
		WHERE x.hash = $1 AND (x.expires_at IS NULL OR x.expires_at > $2)
		  AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2)`, hash, s.db.Now()).Scan(k.columns()...)
	return k, db.Classify("identity.Key", err)
}

// noteUse writes a key's last use, unless another process did within the minute.
func (s *Service) noteUse(ctx context.Context, key id.ID, now time.Time) error {
	_, err := s.db.Pool().Exec(ctx, `UPDATE identity.key SET used_at = $2 WHERE id = $1 AND (used_at IS NULL OR used_at <= $3)`, key, now, now.Add(-usedEvery))
	return db.Classify("identity.Key", err)
}

// listKeys reads the living keys with one of the rights, by name, with their living secrets.
func (s *Service) listKeys(ctx context.Context, rights []web.Right) ([]Key, error) {
	const op = "identity.Keys"
	rows, err := s.db.Pool().Query(ctx, `SELECT `+keyColumns+`, x.hint, x.created_at, x.expires_at
		FROM identity.key k LEFT JOIN identity.key_secret x ON x.key_id = k.id AND (x.expires_at IS NULL OR x.expires_at > $2)
		WHERE k.revoked_at IS NULL AND k."right" = ANY ($1) ORDER BY k.name, k.id, x.expires_at DESC NULLS FIRST`, rights, s.db.Now())
	if err != nil {
		return nil, db.Classify(op, err)
	}
	defer rows.Close()
	list := []Key{}
	for rows.Next() {
		var k Key
		var hint *string
		var made, ends *time.Time
		if err := rows.Scan(append(k.columns(), &hint, &made, &ends)...); err != nil {
			return nil, db.Classify(op, err)
		}
		if n := len(list); n == 0 || list[n-1].ID != k.ID {
			k.Secrets = []KeySecret{}
			list = append(list, k)
		}
		if hint != nil {
			last := &list[len(list)-1]
			last.Secrets = append(last.Secrets, KeySecret{Hint: *hint, CreatedAt: *made, ExpiresAt: ends})
		}
	}
	return list, db.Classify(op, rows.Err())
}
