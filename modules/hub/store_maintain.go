package hub

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// daysAhead is how many days of partitions stand ready.
const daysAhead = 3

// Maintain makes the coming days' partitions of hub.outcome, drops those past
// retention, forgets old reservations, retires lapsed installations and gives their
// handles to the registrations that are left. It is safe to run twice and at once.
func (s *Service) Maintain(ctx context.Context) error {
	now := s.db.Now()
	for i := range daysAhead {
		if err := s.makeDay(ctx, now.AddDate(0, 0, i)); err != nil {
			return err
		}
	}
	if err := s.dropDays(ctx, now.AddDate(0, 0, -s.cfg.RetentionDays)); err != nil {
		return err
	}
	_, err := s.db.Pool().Exec(ctx, `DELETE FROM hub.frequency WHERE at < $1`, now.Add(-720*time.Hour))
	if err != nil {
		return db.Classify("hub.Maintain", err)
	}
	_, err = s.db.Pool().Exec(ctx, `UPDATE hub.installation SET status = 'retired', status_reason = 'installation expired', status_at = $1, version = version + 1
		WHERE status = 'active' AND expires_at <= $1`, now)
	if err != nil {
		return db.Classify("hub.Maintain", err)
	}
	return s.settleAll(ctx)
}

// settleAtOnce is how many handles one transaction of settleAll settles.
const settleAtOnce = 1000

// settleAll finds a main row for every handle that has lost its own to expiry.
func (s *Service) settleAll(ctx context.Context) error {
	for found := settleAtOnce; found == settleAtOnce; {
		err := s.again(ctx, func(tx *db.Tx) error {
			rows, err := tx.Conn().Query(ctx, unsettledSQL, settleAtOnce)
			if err != nil {
				return db.Classify("hub.settleAll", err)
			}
			var h handles
			var app, kind, handle string
			_, err = pgx.ForEachRow(rows, []any{&app, &kind, &handle}, func() error { h.add(app, kind, handle); return nil })
			if err != nil {
				return db.Classify("hub.settleAll", err)
			}
			found = len(h.app)
			return h.settle(tx)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const dayLayout = "20060102"

// makeDay makes a day's partition, taking over what the default one holds of it.
func (s *Service) makeDay(ctx context.Context, at time.Time) error {
	day := at.UTC().Truncate(24 * time.Hour)
	name := pgx.Identifier{"hub", "outcome_" + day.Format(dayLayout)}.Sanitize()
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		const op = "hub.makeDay"
		var there bool
		err := tx.Conn().QueryRow(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('hub.outcome partitions', 0))::text = '' AND to_regclass($1) IS NOT NULL`, name).Scan(&there)
		if err != nil || there {
			return db.Classify(op, err)
		}
		from, to := day.Format(time.DateOnly), day.AddDate(0, 0, 1).Format(time.DateOnly)
		_, err = tx.Conn().Exec(ctx, fmt.Sprintf(`
			CREATE TABLE %[1]s (LIKE hub.outcome INCLUDING STORAGE);
			WITH moved AS (DELETE FROM hub.outcome_other WHERE day >= '%[2]s' AND day < '%[3]s' RETURNING *) INSERT INTO %[1]s SELECT * FROM moved;
			ALTER TABLE hub.outcome ATTACH PARTITION %[1]s FOR VALUES FROM ('%[2]s') TO ('%[3]s')`, name, from, to))
		return db.Classify(op, err)
	})
}

// dropDays drops the days before the first one to keep.
func (s *Service) dropDays(ctx context.Context, keep time.Time) error {
	const op = "hub.dropDays"
	rows, err := s.db.Pool().Query(ctx, `SELECT c.relname FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
		WHERE h.inhparent = 'hub.outcome'::regclass AND c.relname ~ '^outcome_[0-9]{8}$' AND c.relname < $1`, "outcome_"+keep.UTC().Format(dayLayout))
	if err != nil {
		return db.Classify(op, err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return db.Classify(op, err)
	}
	for _, name := range names {
		if _, err := s.db.Pool().Exec(ctx, `DROP TABLE `+pgx.Identifier{"hub", name}.Sanitize()); err != nil {
			return db.Classify(op, err)
		}
	}
	_, err = s.db.Pool().Exec(ctx, `DELETE FROM hub.outcome_other WHERE day < $1`, keep)
	return db.Classify(op, err)
}
