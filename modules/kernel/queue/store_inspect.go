package queue

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// LaneStats is the state of one lane, over all replicas.
type LaneStats struct {
	Lane      string
	Waiting   int           // due and not begun
	Scheduled int           // due later, a retry included
	Running   int           // begun
	Failed    int           // given up
	Oldest    time.Duration // how long the oldest waiting one has been due
}

// Stats counts the jobs of every lane of this process, empty ones too, and of
// every other lane that has rows. The order is that of the names.
func (q *Queue) Stats(ctx context.Context) ([]LaneStats, error) {
	const op = "queue.Stats"
	names := make([]string, len(q.cfg.Lanes))
	for i, l := range q.cfg.Lanes {
		names[i] = l.Name
	}
	now := q.store.now()
	rows, err := q.store.db.Pool().Query(ctx, `
		WITH o AS (SELECT *, failed_at IS NULL AND owner IS NULL AND run_at <= $2 AS waiting FROM queue.outbox)
		SELECT coalesce(o.queue, lane.name), count(*) FILTER (WHERE waiting),
			count(*) FILTER (WHERE failed_at IS NULL AND owner IS NULL AND run_at > $2),
			count(owner), count(failed_at), coalesce(min(run_at) FILTER (WHERE waiting), $2)
		FROM unnest($1::text[]) AS lane(name) FULL JOIN o ON o.queue = lane.name
		GROUP BY 1 ORDER BY 1`, names, now)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (s LaneStats, err error) {
		var oldest time.Time
		err = r.Scan(&s.Lane, &s.Waiting, &s.Scheduled, &s.Running, &s.Failed, &oldest)
		s.Oldest = now.Sub(oldest)
		return s, err
	})
	return all, db.Classify(op, err)
}

// FailedJob is a job that was given up.
type FailedJob struct {
	ID                      id.ID
	Name, Lane              string
	Payload                 json.RawMessage
	Runs, Failures, Crashes int
	Error                   string // of its last run
	CreatedAt, FailedAt     time.Time
}

// Page says which part of a list, newest first: at most Limit rows (default 50,
// at most 1,000) older than Before (id.Nil: from the newest on).
type Page struct {
	Limit  int
	Before id.ID
}

// Failed lists given-up jobs, the last enqueued first.
func (q *Queue) Failed(ctx context.Context, p Page) ([]FailedJob, error) {
	const op = "queue.Failed"
	if p.Limit <= 0 {
		p.Limit = 50
	}
	rows, err := q.store.db.Pool().Query(ctx, `
		SELECT id, name, queue, payload, runs, failures, crashes, coalesce(error, ''), created_at, failed_at
		FROM queue.outbox WHERE failed_at IS NOT NULL AND (id < $1 OR $1 = $3)
		ORDER BY id DESC LIMIT $2`, p.Before, min(p.Limit, 1000), id.Nil)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	jobs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[FailedJob])
	return jobs, db.Classify(op, err)
}

// Requeue gives a given-up job a new start, with all its retries, at once.
// Errors: fault.NotFound when no such job is given up.
func (q *Queue) Requeue(ctx context.Context, job id.ID) error {
	const op = "queue.Requeue"
	tag, err := q.store.db.Pool().Exec(ctx, `
		UPDATE queue.outbox SET failed_at = NULL, failures = 0, crashes = 0, run_at = $2
		WHERE id = $1 AND failed_at IS NOT NULL`, job, q.store.now())
	if err != nil {
		return db.Classify(op, err)
	}
	if tag.RowsAffected() == 0 {
		return fault.E(op, fault.NotFound, "there is no given-up job with this id", nil)
	}
	q.ring()
	return nil
}

// FailedIn counts the given-up jobs of a database; 0 where there is no queue yet.
func FailedIn(ctx context.Context, d *db.DB) (n int, err error) {
	const op = "queue.FailedIn"
	var there bool
	if err := d.Pool().QueryRow(ctx, `SELECT to_regclass('queue.outbox') IS NOT NULL`).Scan(&there); err != nil || !there {
		return 0, db.Classify(op, err)
	}
	err = d.Pool().QueryRow(ctx, `SELECT count(*) FROM queue.outbox WHERE failed_at IS NOT NULL`).Scan(&n)
	return n, db.Classify(op, err)
}
