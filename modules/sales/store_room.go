package sales

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// admittedShare of the measured capacity is let in: the rest is for those who are
// in already and come back with another request.
const admittedShare = 0.5

// advanceRoom moves a room on by what may have been let in since somebody looked
// last, by the database's clock, and returns it. Without a row the room is open.
// fallback is the rate while no till has measured itself.
func (s store) advanceRoom(ctx context.Context, event id.ID, fallback float64) (roomState, error) {
	var r roomState
	var drawn int64
	var seconds float64
	err := s.db.Pool().QueryRow(ctx, `
		WITH pace AS (
			SELECT coalesce($3 * sum(per_second), $2) AS rate FROM sales.capacity WHERE seen_at > now() - interval '1 minute'
		)
		UPDATE sales.room r SET advanced_at = now(),
			drawn = CASE WHEN now() >= opens_at THEN coalesce(drawn, issued) ELSE drawn END,
			admitted = CASE WHEN now() < opens_at THEN admitted
				ELSE least(issued, admitted + pace.rate * extract(epoch FROM now() - greatest(advanced_at, opens_at))) END
		FROM pace WHERE r.event = $1
		RETURNING mode = 'on' OR mode = 'auto' AND busy_until > now(), coalesce(r.drawn, 0), admitted, pace.rate,
			greatest(extract(epoch FROM opens_at - now()), 0)::float8`, event, fallback, admittedShare).
		Scan(&r.active, &drawn, &r.admitted, &r.rate, &seconds)
	if errors.Is(err, pgx.ErrNoRows) {
		return roomState{}, nil
	}
	r.drawn, r.before = uint64(drawn), time.Duration(seconds*float64(time.Second))
	return r, db.Classify("sales.advanceRoom", err)
}

// issue takes n numbers and returns the last of them. Errors: fault.NotFound.
func (s store) issue(ctx context.Context, event id.ID, n uint64) (uint64, error) {
	var last int64
	err := s.db.Pool().QueryRow(ctx, `UPDATE sales.room SET issued = issued + $2 WHERE event = $1 RETURNING issued`, event, int64(n)).Scan(&last)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fault.E("sales.Room", fault.NotFound, "the event has no waiting room", err)
	}
	return uint64(last), db.Classify("sales.issue", err)
}

// setRoom makes an event's room, or changes it. People who gathered keep their places:
// once numbers were drawn by lot, a later opening does not draw them anew.
func (s store) setRoom(ctx context.Context, event id.ID, mode string, opensAt time.Time) error {
	_, err := s.db.Pool().Exec(ctx, `INSERT INTO sales.room (event, mode, opens_at, advanced_at) VALUES ($1, $2, $3, now())
		ON CONFLICT (event) DO UPDATE SET mode = EXCLUDED.mode, opens_at = EXCLUDED.opens_at`, event, mode, opensAt)
	return db.Classify("sales.SetRoom", err)
}

// crowd closes the automatic rooms of events whose tills are crowded, and tells
// what this process's till can do. An event without a room gets an automatic one.
func (s store) crowd(ctx context.Context, process id.ID, perSecond float64, events []id.ID) error {
	_, err := s.db.Pool().Exec(ctx, `
		WITH told AS (
			INSERT INTO sales.capacity (process, per_second, seen_at) SELECT $1, $2::float8, now() WHERE $2::float8 > 0
			ON CONFLICT (process) DO UPDATE SET per_second = EXCLUDED.per_second, seen_at = now()
		), gone AS (DELETE FROM sales.capacity WHERE seen_at < now() - interval '1 hour')
		INSERT INTO sales.room (event, mode, opens_at, advanced_at, busy_until)
		SELECT event, 'auto', now(), now(), now() + $4 * interval '1 second' FROM unnest($3::uuid[]) AS e (event) ORDER BY event
		ON CONFLICT (event) DO UPDATE SET busy_until = EXCLUDED.busy_until`,
		process, perSecond, events, busyFor.Seconds())
	return db.Classify("sales.crowd", err)
}
