package analytics

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// addIntake adds counts, in the order of keys so that replicas never deadlock, and
// refusals; what is old goes.
func (s *Service) addIntake(ctx context.Context, keys []meterKey, counts map[meterKey]*count, refusals []Refusal) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		b := &pgx.Batch{}
		for _, k := range keys {
			c := counts[k]
			b.Queue(`INSERT INTO analytics.intake AS i (minute, type, accepted, duplicate, rejected) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (minute, type) DO UPDATE SET accepted = i.accepted + EXCLUDED.accepted,
					duplicate = i.duplicate + EXCLUDED.duplicate, rejected = i.rejected + EXCLUDED.rejected`,
				k.minute, k.typ, c.Accepted, c.Duplicate, c.Rejected)
		}
		for _, r := range refusals {
			b.Queue(`INSERT INTO analytics.refusal (id, at, type, source, source_id, problem) VALUES ($1, $2, $3, $4, $5, $6)`,
				r.ID, r.At, r.Type, r.Source, r.SourceID, r.Problem)
		}
		b.Queue(`DELETE FROM analytics.intake WHERE minute < $1`, tx.Now().Add(-meterKept))
		if len(refusals) > 0 {
			b.Queue(`DELETE FROM analytics.refusal WHERE id <= (SELECT id FROM analytics.refusal ORDER BY id DESC OFFSET $1 LIMIT 1)`, refusalsMax)
		}
		return db.Classify("analytics.keep", tx.Conn().SendBatch(ctx, b).Close())
	})
}

// intakeRow is what came in of a type in a minute.
type intakeRow struct {
	Minute                        time.Time
	Type                          string
	Accepted, Duplicate, Rejected int64
}

// intakeSince lists what came in, by minute and type.
func (s *Service) intakeSince(ctx context.Context, since time.Time) ([]intakeRow, error) {
	const op = "analytics.Intake"
	rows, err := s.db.Pool().Query(ctx, `SELECT minute, type, accepted, duplicate, rejected FROM analytics.intake
		WHERE minute >= $1 ORDER BY minute, type`, since)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[intakeRow])
	return all, db.Classify(op, err)
}

// refusals lists the newest rejected events.
func (s *Service) refusals(ctx context.Context, limit int) ([]Refusal, error) {
	const op = "analytics.Refusals"
	rows, err := s.db.Pool().Query(ctx, `SELECT id, at, type, source, source_id, problem FROM analytics.refusal ORDER BY id DESC LIMIT $1`, limit)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Refusal])
	return all, db.Classify(op, err)
}
