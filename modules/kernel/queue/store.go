package queue

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// store is the SQL over queue.outbox. Leases are measured on PostgreSQL's clock,
// which all replicas share; schedules on the house's.
type store struct{ db *db.DB }

// handed is a row on its way to Asynq.
type handed struct {
	id          id.ID
	name, queue string
	runs        int
	timeout     time.Duration
}

// job is a claimed row.
type job struct {
	id                      id.ID
	name                    string
	payload                 []byte
	timeout                 time.Duration
	retries, failures, runs int
}

func (s store) now() time.Time { return s.db.Now() }

// lease takes due rows of the lanes, up to window handed ones in each, for d.
// full tells that a lane has no room left.
func (s store) lease(ctx context.Context, lanes []Lane, window int, d time.Duration) (due []handed, full bool, err error) {
	names := make([]string, len(lanes))
	for i, l := range lanes {
		names[i] = l.Name
	}
	rows, err := s.db.Pool().Query(ctx, `
		WITH room AS (
			SELECT lane.name, greatest($2 - (SELECT count(*) FROM queue.outbox
				WHERE queue = lane.name AND lease_until IS NOT NULL AND owner IS NULL), 0) AS n
			FROM unnest($1::text[]) AS lane(name)
		), due AS MATERIALIZED (
			SELECT w.id FROM room CROSS JOIN LATERAL (
				SELECT id FROM queue.outbox
				WHERE queue = room.name AND lease_until IS NULL AND failed_at IS NULL AND run_at <= $3
				ORDER BY run_at, id LIMIT room.n FOR UPDATE SKIP LOCKED) w
		), taken AS (
			UPDATE queue.outbox o SET lease_until = clock_timestamp() + $4::interval FROM due WHERE o.id = due.id
			RETURNING o.*
		)
		SELECT room.name, room.n, t.id, coalesce(t.name, ''), coalesce(t.runs, 0), coalesce(t.timeout_ms, 0)
		FROM room LEFT JOIN taken t ON t.queue = room.name ORDER BY t.run_at, t.id`, names, window, s.now(), d)
	if err != nil {
		return nil, false, db.Classify("queue.lease", err)
	}
	room := map[string]int{}
	var h handed
	var row *id.ID // null for a lane with nothing due
	var n int
	var ms int64
	_, err = pgx.ForEachRow(rows, []any{&h.queue, &n, &row, &h.name, &h.runs, &ms}, func() error {
		if _, seen := room[h.queue]; !seen {
			room[h.queue] = n
		}
		if row != nil {
			room[h.queue]--
			h.id, h.timeout = *row, time.Duration(ms)*time.Millisecond
			due = append(due, h)
		}
		full = full || room[h.queue] == 0
		return nil
	})
	return due, full, db.Classify("queue.lease", err)
}

// unlease takes back rows that did not reach Asynq and that nobody claimed.
func (s store) unlease(ctx context.Context, due []handed) error {
	ids := make([]id.ID, len(due))
	for i, h := range due {
		ids[i] = h.id
	}
	return s.exec(ctx, "queue.unlease",
		`UPDATE queue.outbox SET lease_until = NULL WHERE id = ANY($1) AND owner IS NULL`, ids)
}

// claim makes the row this run's. found is false when it is done, given up, taken back or running.
func (s store) claim(ctx context.Context, jobID, owner id.ID, d time.Duration) (j job, found bool, err error) {
	var ms int64
	err = s.db.Pool().QueryRow(ctx, `
		UPDATE queue.outbox SET owner = $2, lease_until = clock_timestamp() + $3::interval, runs = runs + 1
		WHERE id = $1 AND owner IS NULL AND lease_until IS NOT NULL
		RETURNING id, name, payload, timeout_ms, retries, failures, runs`, jobID, owner, d).
		Scan(&j.id, &j.name, &j.payload, &ms, &j.retries, &j.failures, &j.runs)
	if errors.Is(err, pgx.ErrNoRows) {
		return j, false, nil
	}
	j.timeout = time.Duration(ms) * time.Millisecond
	return j, err == nil, db.Classify("queue.claim", err)
}

// extend prolongs the leases of runs and tells which of them still hold theirs.
func (s store) extend(ctx context.Context, owners []id.ID, d time.Duration) (map[id.ID]bool, error) {
	rows, err := s.db.Pool().Query(ctx, `
		UPDATE queue.outbox SET lease_until = clock_timestamp() + $2::interval
		WHERE lease_until IS NOT NULL AND owner = ANY($1) RETURNING owner`, owners, d)
	if err != nil {
		return nil, db.Classify("queue.extend", err)
	}
	held := map[id.ID]bool{}
	var owner id.ID
	_, err = pgx.ForEachRow(rows, []any{&owner}, func() error { held[owner] = true; return nil })
	return held, db.Classify("queue.extend", err)
}

// done deletes a row that has run.
func (s store) done(ctx context.Context, jobID, owner id.ID) error {
	return s.exec(ctx, "queue.done", `DELETE FROM queue.outbox WHERE id = $1 AND owner = $2`, jobID, owner)
}

// retry puts a row back that failed, not to run before delay has passed.
func (s store) retry(ctx context.Context, jobID, owner id.ID, delay time.Duration, cause error) error {
	return s.exec(ctx, "queue.retry", `
		UPDATE queue.outbox SET owner = NULL, lease_until = NULL, failures = failures + 1, run_at = $3, error = $4
		WHERE id = $1 AND owner = $2`, jobID, owner, s.now().Add(delay), clean(cause))
}

// fail gives a row up.
func (s store) fail(ctx context.Context, jobID, owner id.ID, cause error) error {
	return s.exec(ctx, "queue.fail", `
		UPDATE queue.outbox SET owner = NULL, lease_until = NULL, failures = failures + 1, failed_at = $3, error = $4
		WHERE id = $1 AND owner = $2`, jobID, owner, s.now(), clean(cause))
}

// release puts rows back whose run was cut short; that is no failure.
func (s store) release(ctx context.Context, owners []id.ID) error {
	return s.exec(ctx, "queue.release",
		`UPDATE queue.outbox SET owner = NULL, lease_until = NULL WHERE lease_until IS NOT NULL AND owner = ANY($1)`, owners)
}

// releaseHanded puts back what Redis has lost.
func (s store) releaseHanded(ctx context.Context) (int64, error) {
	tag, err := s.db.Pool().Exec(ctx,
		`UPDATE queue.outbox SET lease_until = NULL WHERE lease_until IS NOT NULL AND owner IS NULL`)
	return tag.RowsAffected(), db.Classify("queue.releaseHanded", err)
}

// releaseAll puts back everything: the process that held it is no more.
func (s store) releaseAll(ctx context.Context) error {
	return s.exec(ctx, "queue.releaseAll",
		`UPDATE queue.outbox SET lease_until = NULL, owner = NULL WHERE lease_until IS NOT NULL`)
}

// sweep puts back rows whose lease is over. If they were running the process has
// vanished: a job that does this often enough is given up.
func (s store) sweep(ctx context.Context, crashes int) error {
	return s.exec(ctx, "queue.sweep", `
		UPDATE queue.outbox SET lease_until = NULL, owner = NULL,
			crashes   = crashes + (owner IS NOT NULL)::int,
			failed_at = CASE WHEN owner IS NOT NULL AND crashes + 1 >= $1 THEN $2::timestamptz END,
			error     = CASE WHEN owner IS NOT NULL THEN 'the process that ran it vanished' ELSE error END
		WHERE lease_until < clock_timestamp()`, crashes, s.now())
}

// tick enqueues j unless the tick, or a later one, was enqueued already.
func (s store) tick(ctx context.Context, name string, at time.Time, j db.Job) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		tag, err := tx.Conn().Exec(ctx, `INSERT INTO queue.tick (name, at) VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET at = excluded.at WHERE tick.at < excluded.at`, name, at)
		if err != nil || tag.RowsAffected() == 0 {
			return db.Classify("queue.tick", err)
		}
		return tx.Enqueue(j)
	})
}

func (s store) exec(ctx context.Context, op, sql string, args ...any) error {
	_, err := s.db.Pool().Exec(ctx, sql, args...)
	return db.Classify(op, err)
}

// clean makes an error's text fit for a text column.
func clean(err error) string {
	text := strings.ReplaceAll(strings.ToValidUTF8(err.Error(), "�"), "\x00", "")
	if len(text) > 2000 {
		text = strings.ToValidUTF8(text[:2000], "") + "…"
	}
	return text
}
