package stream

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// daysAhead is how many days have a partition before they begin.
const daysAhead = 2

// Maintain gives yesterday, today, the next two days and every kept day that has
// facts without a partition its partition, and drops the days past retention.
// Facts are moved, never lost, on the way. One process does it at a time.
func (s *Stream) Maintain(ctx context.Context) error {
	today := s.store.db.Now().UTC().Truncate(24 * time.Hour)
	oldest := today.AddDate(0, 0, -s.cfg.RetentionDays)
	newest := today.AddDate(0, 0, daysAhead)
	have, err := s.store.days(ctx)
	if err != nil {
		return err
	}
	want, err := s.store.strayDays(ctx, oldest, newest)
	if err != nil {
		return err
	}
	for d := today.AddDate(0, 0, -1); !d.After(newest); d = d.AddDate(0, 0, 1) {
		want = append(want, d)
	}
	for _, d := range want {
		if !slices.ContainsFunc(have, d.Equal) {
			if err := s.store.addDay(ctx, d); err != nil {
				return err
			}
			have = append(have, d)
		}
	}
	for _, d := range have {
		if d.Before(oldest) {
			if err := s.store.dropDay(ctx, d); err != nil {
				return err
			}
			s.log.Info("facts past retention were dropped", "day", d.Format(time.DateOnly))
		}
	}
	return s.store.dropStray(ctx, oldest)
}

// days lists the days that have a partition.
func (s store) days(ctx context.Context) ([]time.Time, error) {
	rows, err := s.db.Pool().Query(ctx, `
		SELECT to_date(substr(c.relname, 5), 'YYYYMMDD') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'stream.log'::regclass AND c.relname ~ '^log_\d{8}$'`)
	if err != nil {
		return nil, db.Classify("stream.days", err)
	}
	days, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	return days, db.Classify("stream.days", err)
}

// strayDays lists the days from oldest to newest that have facts in the default
// partition. Days further ahead, of clocks that run fast, wait there for their turn.
func (s store) strayDays(ctx context.Context, oldest, newest time.Time) ([]time.Time, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT DISTINCT day FROM stream.log_other WHERE day BETWEEN $1 AND $2`, oldest, newest)
	if err != nil {
		return nil, db.Classify("stream.strayDays", err)
	}
	days, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	return days, db.Classify("stream.strayDays", err)
}

// addDay makes the partition of a day and moves the day's facts out of the
// default one, with the whole log to itself. A weaker lock would let a reader that
// already knows which partitions there are see the log without the moved facts,
// and move its cursor past them; a writer that had chosen the default partition
// would be refused.
func (s store) addDay(ctx context.Context, day time.Time) error {
	name := partitionName(day)
	return s.alone(ctx, "stream.addDay", []string{
		`LOCK TABLE stream.log IN ACCESS EXCLUSIVE MODE`,
		`CREATE TABLE ` + name + ` (LIKE stream.log INCLUDING ALL EXCLUDING IDENTITY)`,
		fmt.Sprintf(`WITH moved AS (DELETE FROM stream.log_other WHERE day = '%s' RETURNING *) INSERT INTO %s SELECT * FROM moved`,
			day.Format(time.DateOnly), name),
		fmt.Sprintf(`ALTER TABLE stream.log ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')`,
			name, day.Format(time.DateOnly), day.AddDate(0, 0, 1).Format(time.DateOnly)),
	})
}

func (s store) dropDay(ctx context.Context, day time.Time) error {
	return s.alone(ctx, "stream.dropDay", []string{`DROP TABLE IF EXISTS ` + partitionName(day)})
}

// dropStray deletes facts past retention that never had a partition.
func (s store) dropStray(ctx context.Context, oldest time.Time) error {
	_, err := s.db.Pool().Exec(ctx, `DELETE FROM stream.log_other WHERE day < $1`, oldest)
	return db.Classify("stream.dropStray", err)
}

func partitionName(day time.Time) string { return "stream.log_" + day.Format("20060102") }

// alone runs statements in one transaction while no other process does. Waiting
// for a lock on the log makes every writer wait behind, so it waits half a second
// only, which is also less than deadlock_timeout: it gives way, nobody else does.
func (s store) alone(ctx context.Context, op string, statements []string) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		var mine bool
		err := tx.Conn().QueryRow(ctx, `SELECT pg_try_advisory_xact_lock(hashtext('usher.stream.maintain'))`).Scan(&mine)
		if err != nil || !mine {
			return db.Classify(op, err)
		}
		for _, sql := range append([]string{`SET LOCAL lock_timeout = '500ms'`}, statements...) {
			if _, err := tx.Conn().Exec(ctx, sql); err != nil {
				return db.Classify(op, err)
			}
		}
		return nil
	})
}
