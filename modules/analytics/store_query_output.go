package analytics

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// queryCounts sums what happened to facts, by query.
func (s *Service) queryCounts(ctx context.Context) (map[int64]QueryStats, error) {
	const op = "analytics.QueryStats"
	rows, err := s.db.Pool().Query(ctx, `
		SELECT query, sum(facts)::bigint, sum(early)::bigint, sum(late)::bigint, sum(out_of_order)::bigint, sum(dropped)::bigint, sum(unusable)::bigint, sum(overflow)::bigint
		FROM analytics.watermark GROUP BY query`)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	all := map[int64]QueryStats{}
	var id int64
	var c QueryStats
	_, err = pgx.ForEachRow(rows, []any{&id, &c.Facts, &c.Early, &c.Late, &c.OutOfOrder, &c.Dropped, &c.Unusable, &c.Overflow}, func() error {
		all[id] = c
		return nil
	})
	return all, db.Classify(op, err)
}

// OutputRange chooses final outputs. Zero fields choose all.
type OutputRange struct {
	Key      *string
	From, To time.Time // of the window's end: (From, To]
}

// outputPlace is an output's place in the order of lists: newest end first.
type outputPlace struct {
	End, Start time.Time
	Key        string
}

// Outputs lists final outputs of a query, the newest first, at most limit; next is
// where the list goes on, nil at its end. Outputs that become final meanwhile do
// not disturb it.
func (s *Service) Outputs(ctx context.Context, q Query, r OutputRange, after outputPlace, limit int) (list []Output, next *outputPlace, err error) {
	const op = "analytics.Outputs"
	rows, err := s.db.Pool().Query(ctx, `
		SELECT `+outputColumns+` FROM analytics.output
		WHERE query = $1 AND ($2::text IS NULL OR key = $2)
			AND ($3::timestamptz IS NULL OR end_at > $3) AND ($4::timestamptz IS NULL OR end_at <= $4)
			AND ($5::timestamptz IS NULL OR (end_at, key, start_at) < ($5, $6, $7))
		ORDER BY end_at DESC, key DESC, start_at DESC LIMIT $8`,
		q.id, r.Key, orNull(r.From), orNull(r.To), orNull(after.End), after.Key, after.Start, limit+1)
	if err != nil {
		return nil, nil, db.Classify(op, err)
	}
	if list, err = pgx.CollectRows(rows, scanOutput(q)); err != nil {
		return nil, nil, db.Classify(op, err)
	}
	if len(list) > limit {
		last := list[limit-1]
		list, next = list[:limit], &outputPlace{last.End, last.Start, last.Key}
	}
	return list, next, nil
}

// outputColumns and scanOutput belong together.
const outputColumns = `key, start_at, end_at, value, revision, complete, final_at`

func scanOutput(q Query) pgx.RowToFunc[Output] {
	return func(row pgx.CollectableRow) (o Output, err error) {
		o.Query, o.FinalAt = q.Name, new(time.Time)
		err = row.Scan(&o.Key, &o.Start, &o.End, &o.Value, &o.Revision, &o.Complete, o.FinalAt)
		o.Start, o.End, *o.FinalAt = o.Start.UTC(), o.End.UTC(), o.FinalAt.UTC()
		return o, err
	}
}

// finalsSince lists the outputs of a query that became final after since, the
// oldest first, at most limit.
func (s *Service) finalsSince(ctx context.Context, q Query, since time.Time, limit int) ([]Output, error) {
	const op = "analytics.finalsSince"
	rows, err := s.db.Pool().Query(ctx, `SELECT `+outputColumns+` FROM analytics.output
		WHERE query = $1 AND final_at > $2 AND end_at > $3 ORDER BY end_at, key LIMIT $4`,
		q.id, since, since.Add(-liveReach), limit)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	list, err := pgx.CollectRows(rows, scanOutput(q))
	return list, db.Classify(op, err)
}

// liveReach is how old a window may be that is told as news: it bounds what is
// looked through each second, and a replay's past is no news.
const liveReach = 25 * time.Hour

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// newestKeys lists the keys with the newest final outputs of a query, the fullest
// windows first, at most limit.
func (s *Service) newestKeys(ctx context.Context, q Query, limit int) ([]string, error) {
	const op = "analytics.newestKeys"
	rows, err := s.db.Pool().Query(ctx, `
		SELECT key FROM (SELECT key, revision FROM analytics.output WHERE query = $1 ORDER BY end_at DESC LIMIT 2000) newest
		GROUP BY key ORDER BY sum(revision) DESC, key LIMIT $2`, q.id, limit)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return keys, db.Classify(op, err)
}
