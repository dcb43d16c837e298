package web

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// repeatKey names one request that may be repeated.
type repeatKey struct{ caller, endpoint, key string }

// answer is what the first request was told.
type answer struct {
	bodyHash []byte
	status   int
	body     []byte
	at       time.Time
}

// lockRepeat takes the request's lock until the transaction ends. It never
// waits: false means that the same request is being worked on right now.
func lockRepeat(tx *db.Tx, k repeatKey) (bool, error) {
	var got bool
	err := tx.Conn().QueryRow(tx.Ctx(),
		`SELECT pg_try_advisory_xact_lock(hashtextextended(jsonb_build_array('usher idempotency', $1::text, $2::text, $3::text)::text, 0))`,
		k.caller, k.endpoint, k.key).Scan(&got)
	return got, db.Classify("web.lockRepeat", err)
}

// findAnswer reads what was answered, nothing older than since.
func findAnswer(tx *db.Tx, k repeatKey, since time.Time) (a answer, found bool, err error) {
	err = tx.Conn().QueryRow(tx.Ctx(),
		`SELECT body_hash, status, body, created_at FROM web.idempotency
		 WHERE caller = $1 AND endpoint = $2 AND key = $3 AND created_at > $4 AND status IS NOT NULL`,
		k.caller, k.endpoint, k.key, since).Scan(&a.bodyHash, &a.status, &a.body, &a.at)
	if errors.Is(err, pgx.ErrNoRows) {
		return answer{}, false, nil
	}
	return a, err == nil, db.Classify("web.findAnswer", err)
}

// keepAnswer writes the answer beside the work it reports; an expired one of the same key gives way.
func keepAnswer(tx *db.Tx, k repeatKey, a answer) error {
	_, err := tx.Conn().Exec(tx.Ctx(),
		`INSERT INTO web.idempotency (caller, endpoint, key, body_hash, status, body, created_at)
		 VALUES ($1, $2, $3, $4, $5, $6, $7)
		 ON CONFLICT (caller, endpoint, key) DO UPDATE SET body_hash = excluded.body_hash,
		   status = excluded.status, body = excluded.body, created_at = excluded.created_at`,
		k.caller, k.endpoint, k.key, a.bodyHash, a.status, a.body, a.at)
	return db.Classify("web.keepAnswer", err)
}

// purgeBatch bounds the rows one DELETE locks.
const purgeBatch = 5_000

func deleteAnswers(ctx context.Context, d *db.DB, before time.Time) (int64, error) {
	tag, err := d.Pool().Exec(ctx,
		`DELETE FROM web.idempotency WHERE ctid = ANY (ARRAY(
		   SELECT ctid FROM web.idempotency WHERE created_at <= $1 LIMIT $2))`, before, purgeBatch)
	return tag.RowsAffected(), db.Classify("web.deleteAnswers", err)
}
