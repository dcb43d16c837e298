package analytics

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// seriesRow is a row of analytics.detector_series.
type seriesRow struct {
	series
	Memory             memory
	Observed, Expected float64 // of the last bin
	Ready              bool
	Since, SeenAt      time.Time
	AlarmAt            *time.Time
}

const seriesColumns = `detector, event, category, memory, observed, expected, ready, since, seen_at, alarm_at`

func scanSeries(r pgx.CollectableRow) (*seriesRow, error) {
	var s seriesRow
	var raw []byte
	if err := r.Scan(&s.Detector, &s.Event, &s.Category, &raw, &s.Observed, &s.Expected, &s.Ready, &s.Since, &s.SeenAt, &s.AlarmAt); err != nil {
		return nil, err
	}
	s.Since, s.SeenAt = s.Since.UTC(), s.SeenAt.UTC()
	if err := json.Unmarshal(raw, &s.Memory); err != nil {
		s.Memory = memory{} // of a version that is gone: it learns anew
	}
	return &s, nil
}

// readSeries gives what a detector remembers of each of its series.
func readSeries(tx *db.Tx, detector string) (map[series]*seriesRow, error) {
	const op = "analytics.readSeries"
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT `+seriesColumns+` FROM analytics.detector_series WHERE detector = $1`, detector)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	list, err := pgx.CollectRows(rows, scanSeries)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	all := make(map[series]*seriesRow, len(list))
	for _, s := range list {
		all[s.series] = s
	}
	return all, nil
}

func writeSeries(tx *db.Tx, all []*seriesRow) error {
	const op = "analytics.writeSeries"
	b := &pgx.Batch{}
	for _, s := range all {
		raw, err := json.Marshal(s.Memory)
		if err != nil {
			return fault.E(op, fault.Internal, "cannot write what a detector remembers", err)
		}
		b.Queue(`INSERT INTO analytics.detector_series (`+seriesColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (detector, event, category) DO UPDATE SET memory = excluded.memory, observed = excluded.observed, expected = excluded.expected,
				ready = excluded.ready, seen_at = excluded.seen_at, alarm_at = excluded.alarm_at`,
			s.Detector, s.Event, s.Category, raw, s.Observed, s.Expected, s.Ready, s.Since, s.SeenAt, s.AlarmAt)
	}
	return db.Classify(op, tx.Conn().SendBatch(tx.Ctx(), b).Close())
}

// findSeries lists the series of detectors ("" for all): those with the latest
// alarms first, then those seen last.
func (s *Service) findSeries(ctx context.Context, detector string, limit int) ([]*seriesRow, error) {
	const op = "analytics.Detectors"
	rows, err := s.db.Pool().Query(ctx, `SELECT `+seriesColumns+` FROM analytics.detector_series WHERE $1 IN ('', detector)
		ORDER BY alarm_at DESC NULLS LAST, seen_at DESC, detector, event, category LIMIT $2`, detector, limit)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	list, err := pgx.CollectRows(rows, scanSeries)
	return list, db.Classify(op, err)
}

// oneSeries is one of them. Errors: fault.NotFound.
func (s *Service) oneSeries(ctx context.Context, k series) (*seriesRow, error) {
	const op = "analytics.Series"
	rows, err := s.db.Pool().Query(ctx, `SELECT `+seriesColumns+` FROM analytics.detector_series
		WHERE detector = $1 AND event = $2 AND category = $3`, k.Detector, k.Event, k.Category)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	row, err := pgx.CollectExactlyOneRow(rows, scanSeries)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fault.E(op, fault.NotFound, "the detector does not watch that", nil).WithFix("GET /v1/detectors lists what is watched")
	}
	return row, db.Classify(op, err)
}

const alarmColumns = `id, detector, method, event, category, direction, baseline, observed, since, at, announced`

func writeAlarms(tx *db.Tx, all []Alarm) error {
	b := &pgx.Batch{}
	for _, a := range all {
		b.Queue(`INSERT INTO analytics.alarm (`+alarmColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			a.ID, a.Detector, a.Method, a.Event, a.Category, a.Direction, a.Baseline, a.Observed, a.Since, a.At, a.Announced)
	}
	return db.Classify("analytics.writeAlarms", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}

// findAlarms lists alarms, the newest first, before the one with an id (id.Nil:
// from the newest). Empty fields of k mean any.
func (s *Service) findAlarms(ctx context.Context, k series, before id.ID, limit int) ([]Alarm, error) {
	const op = "analytics.Alarms"
	rows, err := s.db.Pool().Query(ctx, `SELECT `+alarmColumns+` FROM analytics.alarm
		WHERE $1 IN ('', detector) AND $2 IN ('', event) AND $3 IN ('', category) AND ($4 = '00000000-0000-0000-0000-000000000000'::uuid OR id < $4)
		ORDER BY id DESC LIMIT $5`, k.Detector, k.Event, k.Category, before, limit)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (a Alarm, err error) {
		err = r.Scan(&a.ID, &a.Detector, &a.Method, &a.Event, &a.Category, &a.Direction, &a.Baseline, &a.Observed, &a.Since, &a.At, &a.Announced)
		a.Since, a.At, a.Announced = a.Since.UTC(), a.At.UTC(), a.Announced.UTC()
		return a, err
	})
	return list, db.Classify(op, err)
}

// forgetBins removes what is past its use. A detector that is configured no more is
// forgotten after a week: a replica with an older configuration may still run it.
func (s *Service) forgetBins(ctx context.Context) error {
	now := s.db.Now()
	b := &pgx.Batch{}
	b.Queue(`DELETE FROM analytics.detector WHERE judged_to < $1`, now.Add(-detectorsKept))
	for _, table := range []string{"detector_bin", "detector_series", "detector_hour"} {
		b.Queue(`DELETE FROM analytics.` + table + ` t WHERE NOT EXISTS (SELECT FROM analytics.detector d WHERE d.name = t.detector)`)
	}
	b.Queue(`DELETE FROM analytics.detector_hour WHERE hour < $1`, now.Add(-hoursKept))
	b.Queue(`DELETE FROM analytics.detector_series WHERE seen_at < $1`, now.Add(-seriesKept))
	b.Queue(`DELETE FROM analytics.alarm WHERE announced < $1`, now.Add(-alarmsKept))
	b.Queue(`DELETE FROM analytics.cart WHERE due_at IS NULL AND greatest(active_at, sold_at, abandoned_at) < $1`, now.Add(-cartsKept))
	return db.Classify("analytics.forgetBins", s.db.Pool().SendBatch(ctx, b).Close())
}
