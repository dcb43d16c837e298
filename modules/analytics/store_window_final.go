package analytics

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/analytics/window"
	"github.com/usherhq/usher/modules/kernel/db"
)

// watermarks is, by query, how far all partitions have come; idle ones as far as
// the clock allows.
func (s *Service) watermarks(ctx context.Context, all []standing, idle []int16, now time.Time) (map[int64]time.Time, error) {
	const op = "analytics.watermarks"
	var ids []int64
	var ahead []time.Time // how far an idle partition is
	for _, q := range all {
		ids, ahead = append(ids, q.id), append(ahead, now.Add(-q.policy.Late))
	}
	rows, err := s.db.Pool().Query(ctx, `
		SELECT w.query, min(CASE WHEN w.partition = ANY($3) THEN greatest(w.at, q.ahead) ELSE w.at END)
		FROM analytics.watermark w JOIN unnest($1::bigint[], $2::timestamptz[]) AS q(id, ahead) ON q.id = w.query
		GROUP BY w.query`, ids, ahead, idle)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	marks := map[int64]time.Time{}
	var id int64
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &at}, func() error { marks[id] = at.UTC(); return nil })
	return marks, db.Classify(op, err)
}

// hasParts reports whether there are parts of windows that end before until.
func (s *Service) hasParts(ctx context.Context, q standing, until time.Time) (yes bool, err error) {
	if q.window.Kind == window.Session {
		until = until.Add(-q.window.Gap)
	}
	err = s.db.Pool().QueryRow(ctx, `SELECT EXISTS (SELECT FROM analytics.partial WHERE query = $1 AND end_at < $2)`, q.id, until).Scan(&yes)
	return yes, db.Classify("analytics.hasParts", err)
}

// lockFinals takes a running query's finals; mine is false when another process
// has them, or the query is gone or paused. Facts go on being counted meanwhile.
func (s *Service) lockFinals(tx *db.Tx, id int64) (q standing, mine bool, err error) {
	const op = "analytics.lockFinals"
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT `+queryColumns+` FROM analytics.query
		WHERE id = $1 AND paused_at IS NULL FOR NO KEY UPDATE SKIP LOCKED`, id)
	if err != nil {
		return q, false, db.Classify(op, err)
	}
	q, err = pgx.CollectExactlyOneRow(rows, scanQuery)
	if errors.Is(err, pgx.ErrNoRows) {
		return q, false, nil
	}
	if err != nil {
		return q, false, db.Classify(op, err)
	}
	q.plan, err = s.cfg.Windows.plan(q.Definition)
	return q, err == nil, err
}

// advance moves the watermarks of idle partitions on, and gives the least of all.
// A partition whose batch is under way is not idle any more, and is left alone.
func advance(tx *db.Tx, q standing, idle []int16, now time.Time) (least time.Time, err error) {
	const op = "analytics.advance"
	_, err = tx.Conn().Exec(tx.Ctx(), `
		UPDATE analytics.watermark w SET at = $3 FROM (
			SELECT partition FROM analytics.watermark
			WHERE query = $1 AND partition = ANY($2) AND at < $3 ORDER BY partition FOR UPDATE SKIP LOCKED) f
		WHERE w.query = $1 AND w.partition = f.partition`, q.id, idle, now.Add(-q.policy.Late))
	if err != nil {
		return least, db.Classify(op, err)
	}
	err = tx.Conn().QueryRow(tx.Ctx(), `SELECT min(at) FROM analytics.watermark WHERE query = $1`, q.id).Scan(&least)
	return least.UTC(), db.Classify(op, err)
}

// cutAfter gives an earlier until when more than most parts have ended since the
// last finals, so that one transaction reads about so many; it is always further
// than the last one. Sessions are bounded by their keys already.
func cutAfter(tx *db.Tx, q standing, until time.Time, most int) (time.Time, error) {
	if q.window.Kind == window.Session {
		return until, nil
	}
	var cut time.Time
	err := tx.Conn().QueryRow(tx.Ctx(), `SELECT end_at FROM analytics.partial WHERE query = $1 AND end_at >= $2 AND end_at < $3
		ORDER BY end_at OFFSET $4 LIMIT 1`, q.id, q.finalBefore, until, most).Scan(&cut)
	if errors.Is(err, pgx.ErrNoRows) {
		return until, nil
	}
	if err != nil {
		return until, db.Classify("analytics.cutAfter", err)
	}
	_, next := q.window.Place(window.At(q.finalBefore))
	if at := next.Time().Add(time.Microsecond); cut.Before(at) {
		cut = at
	}
	if cut.After(until) {
		return until, nil
	}
	return cut.UTC(), nil
}

// querier is a connection, a transaction's too, or the pool.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// partsOf reads a query's parts that begin before until, by key, with those of all
// partitions joined.
func partsOf(ctx context.Context, c querier, q standing, until time.Time) (map[string][]window.Part, error) {
	rows, err := c.Query(ctx, `SELECT query, key, start_at, end_at, facts, state FROM analytics.partial
		WHERE query = $1 AND start_at < $2 ORDER BY key, partition, start_at`, q.id, until)
	if err != nil {
		return nil, db.Classify("analytics.partsOf", err)
	}
	all := map[string][]window.Part{}
	err = eachPart(rows, func(int64) window.Aggregate { return q.aggregate }, func(_ int64, key string, p window.Part) {
		parts := all[key]
		if n := len(parts); n == 0 || parts[n-1].Start < p.Start && !q.window.Touches(parts[n-1], p) {
			all[key] = append(parts, p)
		} else {
			all[key] = q.window.Join(parts, []window.Part{p})
		}
	})
	return all, err
}

// saveOutputs stores finals and gives those that were not there.
func saveOutputs(tx *db.Tx, q standing, outputs []Output) ([]Output, error) {
	const op = "analytics.saveOutputs"
	type id struct {
		key        string
		start, end int64
	}
	idOf := func(key string, start, end time.Time) id { return id{key, start.UnixMicro(), end.UnixMicro()} }
	var keys []string
	var starts, ends []time.Time
	var values []*float64
	var revisions []int64
	var complete []bool
	for _, o := range outputs {
		keys, starts, ends = append(keys, o.Key), append(starts, o.Start), append(ends, o.End)
		values, revisions, complete = append(values, o.Value), append(revisions, o.Revision), append(complete, o.Complete)
	}
	rows, err := tx.Conn().Query(tx.Ctx(), `
		INSERT INTO analytics.output (query, key, start_at, end_at, value, revision, complete, final_at)
		SELECT $1, key, start_at, end_at, value, revision, complete, $2
		FROM unnest($3::text[], $4::timestamptz[], $5::timestamptz[], $6::float8[], $7::bigint[], $8::boolean[])
			AS w(key, start_at, end_at, value, revision, complete)
		ON CONFLICT DO NOTHING RETURNING key, start_at, end_at`, q.id, tx.Now(), keys, starts, ends, values, revisions, complete)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	fresh := map[id]bool{}
	var key string
	var start, end time.Time
	if _, err := pgx.ForEachRow(rows, []any{&key, &start, &end}, func() error { fresh[idOf(key, start, end)] = true; return nil }); err != nil {
		return nil, db.Classify(op, err)
	}
	var stored []Output
	for _, o := range outputs {
		if fresh[idOf(o.Key, o.Start, o.End)] {
			stored = append(stored, o)
		}
	}
	return stored, nil
}

// closeWindows notes that windows before until are final, and deletes the parts
// and keys that no other window needs.
func closeWindows(tx *db.Tx, q standing, until time.Time, ended sessionsEnded) error {
	b := &pgx.Batch{}
	b.Queue(`UPDATE analytics.query SET final_before = $2 WHERE id = $1`, q.id, until)
	if q.window.Kind == window.Session {
		var keys []string
		var lasts []time.Time
		for key, last := range ended {
			keys, lasts = append(keys, key), append(lasts, last.Time())
		}
		b.Queue(`DELETE FROM analytics.partial p USING unnest($2::text[], $3::timestamptz[]) AS e(key, last)
			WHERE p.query = $1 AND p.key = e.key AND p.end_at <= e.last`, q.id, keys, lasts)
	} else {
		b.Queue(`DELETE FROM analytics.partial WHERE query = $1 AND end_at < $2`, q.id, until.Add(-q.window.Reach()))
	}
	if q.key == nil {
		return db.Classify("analytics.closeWindows", tx.Conn().SendBatch(tx.Ctx(), b).Close())
	}
	b.Queue(`DELETE FROM analytics.series s WHERE query = $1 AND NOT EXISTS (
		SELECT FROM generate_series(0, $2 - 1) n JOIN analytics.partial p ON p.query = s.query AND p.partition = n AND p.key = s.key)`, q.id, db.Partitions)
	return db.Classify("analytics.closeWindows", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}

// outputsPurge is how many outputs one statement deletes: seconds hold readers up.
const outputsPurge = 10_000

// ForgetOutputs deletes outputs past their time.
func (s *Service) ForgetOutputs(ctx context.Context) error {
	before := s.db.Now().AddDate(0, 0, -s.cfg.Windows.OutputDays)
	for {
		tag, err := s.db.Pool().Exec(ctx, `DELETE FROM analytics.output WHERE ctid = ANY(ARRAY(
			SELECT o.ctid FROM analytics.query q JOIN analytics.output o ON o.query = q.id AND o.end_at < $1 LIMIT $2))`, before, outputsPurge)
		if err != nil || tag.RowsAffected() < outputsPurge {
			return db.Classify("analytics.ForgetOutputs", err)
		}
	}
}
