package proximity

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// forgetEvent destroys the key of an event's pseudonyms, and the rows that tie them to
// installations.
func forgetEvent(tx *db.Tx, event id.ID) error {
	b := &pgx.Batch{}
	b.Queue(`UPDATE proximity.event SET ref_key = NULL, forgotten = $2 WHERE id = $1`, event, tx.Now())
	b.Queue(`DELETE FROM proximity.device WHERE event = $1`, event)
	return db.Classify("proximity.forgetEvent", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}

// publishedAfter is how long seconds on the grid are kept: their bins are published by then.
const publishedAfter = 2 * time.Hour

// dropOld removes visits, seconds on the grid and completions past their time. A visit
// that was never ended ended with its event.
func (s *Service) dropOld(ctx context.Context, now time.Time) error {
	visits := now.AddDate(0, 0, -s.cfg.VisitDays)
	b := &pgx.Batch{}
	b.Queue(`DELETE FROM proximity.visit v USING proximity.event e WHERE e.id = v.event AND coalesce(v.left_at, e.ends_at) < $1`, visits)
	b.Queue(`DELETE FROM proximity.presence WHERE minute < $1`, now.Add(-publishedAfter))
	b.Queue(`DELETE FROM proximity.completion WHERE at < $1`, now.Add(-time.Hour))
	return db.Classify("proximity.Retain", s.db.Pool().SendBatch(ctx, b).Close())
}

// firstNeeded is when the earliest event began whose readings may still be kept; now when
// there is none.
func (s *Service) firstNeeded(ctx context.Context, now time.Time) (first time.Time, err error) {
	err = s.db.Pool().QueryRow(ctx, `SELECT coalesce(min(opens_at), $1) FROM proximity.event WHERE ref_key IS NOT NULL AND opens_at <= $1`, now).Scan(&first)
	return first.UTC(), db.Classify("proximity.firstNeeded", err)
}
