package analytics

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// addDeliveries writes them down and has each sent.
func addDeliveries(tx *db.Tx, all []Delivery) error {
	const op = "analytics.addDeliveries"
	if len(all) == 0 {
		return nil
	}
	b, jobs := &pgx.Batch{}, make([]id.ID, len(all))
	for i, d := range all {
		b.Queue(`INSERT INTO analytics.outlet_delivery (id, outlet, type, body, state, created_at) VALUES ($1, $2, $3, $4, 'waiting', $5)`,
			d.ID, d.Outlet, d.Type, d.body, tx.Now())
		jobs[i] = d.ID
	}
	if err := tx.Conn().SendBatch(tx.Ctx(), b).Close(); err != nil {
		return db.Classify(op, err)
	}
	return enqueueSends(tx, jobs)
}

func enqueueSends(tx *db.Tx, deliveries []id.ID) error {
	jobs := make([]db.Job, len(deliveries))
	for i, d := range deliveries {
		jobs[i] = sendJob(d)
	}
	return tx.Enqueue(jobs...)
}

const deliveryColumns = `d.no, d.id, d.outlet, d.type, d.body, d.state, d.attempts, d.status, d.error, d.next_at, d.created_at, d.done_at`

func readDelivery(row pgx.CollectableRow) (d Delivery, err error) {
	err = row.Scan(&d.no, &d.ID, &d.Outlet, &d.Type, &d.body, &d.State, &d.Attempts, &d.Status, &d.Error, &d.NextAt, &d.CreatedAt, &d.DoneAt)
	d.CreatedAt = d.CreatedAt.UTC()
	return d, err
}

// findDelivery reads one with its outlet. Errors: fault.NotFound.
func (s *Service) findDelivery(ctx context.Context, delivery id.ID) (Delivery, Outlet, error) {
	const op = "analytics.findDelivery"
	rows, err := s.db.Pool().Query(ctx, `SELECT `+deliveryColumns+` FROM analytics.outlet_delivery d WHERE d.id = $1`, delivery)
	if err != nil {
		return Delivery{}, Outlet{}, db.Classify(op, err)
	}
	d, err := pgx.CollectExactlyOneRow(rows, readDelivery)
	if err != nil {
		return d, Outlet{}, db.Classify(op, err)
	}
	o, err := s.Outlet(ctx, d.Outlet)
	return d, o, err
}

// Deliveries lists an outlet's, the latest first, before a number (0: from the
// latest), in a state ("": any).
func (s *Service) Deliveries(ctx context.Context, outlet id.ID, state string, before int64, limit int) ([]Delivery, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+deliveryColumns+` FROM analytics.outlet_delivery d
		WHERE d.outlet = $1 AND ($2 = '' OR d.state = $2) AND ($3 = 0 OR d.no < $3) ORDER BY d.no DESC LIMIT $4`, outlet, state, before, limit)
	if err != nil {
		return nil, db.Classify("analytics.Deliveries", err)
	}
	list, err := pgx.CollectRows(rows, readDelivery)
	return list, db.Classify("analytics.Deliveries", err)
}

func (s *Service) noteDelivered(ctx context.Context, d *Delivery, a attempt) error {
	return s.noteAttempt(ctx, d, a, stateDelivered, nil, `failures = 0, ok_at = $2`)
}

// noteFailed notes a failed attempt; without a next one the delivery is given up.
func (s *Service) noteFailed(ctx context.Context, d *Delivery, a attempt, next *time.Time) error {
	state := stateWaiting
	if next == nil {
		state = stateFailed
	}
	return s.noteAttempt(ctx, d, a, state, next, `failures = failures + 1`)
}

// noteGone heeds a receiver that says it wants nothing more.
func (s *Service) noteGone(ctx context.Context, d *Delivery, a attempt) error {
	return s.noteAttempt(ctx, d, a, stateFailed, nil, `failures = failures + 1, paused = true, problem = 'it answered 410: it wants nothing more'`)
}

// noteAttempt writes down how an attempt ended, unless the delivery was settled or
// replayed meanwhile; outlet is what changes there, $2 is now.
func (s *Service) noteAttempt(ctx context.Context, d *Delivery, a attempt, state string, next *time.Time, outlet string) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		var done *time.Time
		if state != stateWaiting {
			now := tx.Now()
			done = &now
		}
		_, err := tx.Conn().Exec(ctx, `UPDATE analytics.outlet_delivery SET state = $2, attempts = $3, status = $4, error = $5, next_at = $6, done_at = $7
			WHERE id = $1 AND state = 'waiting' AND attempts = $3 - 1`, d.ID, state, d.Attempts, a.status, a.err, next, done)
		if err != nil {
			return db.Classify("analytics.noteAttempt", err)
		}
		_, err = tx.Conn().Exec(ctx, `UPDATE analytics.outlet SET `+outlet+` WHERE id = $1 AND $2::timestamptz IS NOT NULL`, d.Outlet, tx.Now())
		return db.Classify("analytics.noteAttempt", err)
	})
}

// rewound is what a delivery is that is sent again.
const rewound = `state = 'waiting', attempts = 0, next_at = NULL, done_at = NULL, error = ''`

func rewind(tx *db.Tx, outlet, delivery id.ID) error {
	tag, err := tx.Conn().Exec(tx.Ctx(), `UPDATE analytics.outlet_delivery SET `+rewound+` WHERE id = $1 AND outlet = $2`, delivery, outlet)
	if err == nil && tag.RowsAffected() == 0 {
		return fault.E("analytics.ReplayDelivery", fault.NotFound, "there is no such delivery", nil).WithFix("they are kept for 30 days")
	}
	return db.Classify("analytics.ReplayDelivery", err)
}

// maxReplayed bounds how many deliveries one request sends again.
const maxReplayed = 1000

func rewindFailed(tx *db.Tx, outlet id.ID) ([]id.ID, error) {
	return idsOf(tx, `UPDATE analytics.outlet_delivery SET `+rewound+` WHERE no IN (SELECT no FROM analytics.outlet_delivery
		WHERE outlet = $1 AND state = 'failed' ORDER BY no LIMIT $2) RETURNING id`, outlet, maxReplayed)
}

// leftWaiting are those whose jobs ended while the outlet was paused, the oldest first.
func leftWaiting(tx *db.Tx, outlet id.ID) ([]id.ID, error) {
	return idsOf(tx, `SELECT id FROM analytics.outlet_delivery WHERE outlet = $1 AND state = 'waiting' AND (next_at IS NULL OR next_at <= $2) ORDER BY no`, outlet, tx.Now())
}

func idsOf(tx *db.Tx, sql string, args ...any) ([]id.ID, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), sql, args...)
	if err != nil {
		return nil, db.Classify("analytics.outlets", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[id.ID])
	return list, db.Classify("analytics.outlets", err)
}

func (s *Service) forgetDeliveries(ctx context.Context) error {
	_, err := s.db.Pool().Exec(ctx, `DELETE FROM analytics.outlet_delivery WHERE created_at < $1`, s.db.Now().Add(-deliveriesKept))
	return db.Classify("analytics.forgetDeliveries", err)
}
