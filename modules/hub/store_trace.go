package hub

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/hub/tagexpr"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// findTraced reads what is known of a notification's way to an installation.
func (s *Service) findTraced(ctx context.Context, n *Notification, installation string) (*traced, error) {
	const op = "hub.findTraced"
	expr, err := tagexpr.Parse(n.Draft.Tags)
	if err != nil {
		return nil, err
	}
	where, args := expr.SQL(audienceColumns, 3)
	var f traced
	// Of an installation and its templates, the row the notification goes to, if any.
	err = s.db.Pool().QueryRow(ctx, `SELECT i.no, i.service, i.zone, i.status, i.status_at, i.status_reason, i.created_at, `+where+`, `+n.Draft.kindOfRow()+`
		FROM hub.installation i WHERE i.app_id = $1 AND (i.id = $2 OR i.parent = $2)
		ORDER BY `+n.Draft.kindOfRow()+` AND `+where+` DESC, `+n.Draft.kindOfRow()+` DESC, i.no LIMIT 1`, append([]any{n.App, installation}, args...)...).
		Scan(&f.no, &f.service, &f.zone, &f.status, &f.statusAt, &f.reason, &f.createdAt, &f.inNow, &f.fits)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fault.E(op, fault.NotFound, "there is no installation "+installation, nil).WithFix("GET /v1/installations lists them")
	}
	if err != nil {
		return nil, db.Classify(op, err)
	}
	err = s.db.Pool().QueryRow(ctx, `SELECT c.no, c.state, c.due_at FROM hub.chunk c
		WHERE c.notification_no = $1 AND c.service = $2 AND $3 BETWEEN c.no_from AND c.no_to AND (c.zones IS NULL OR $4 = ANY(c.zones))`,
		n.no, f.service, f.no, f.zone).Scan(&f.chunk, &f.chunkIs, &f.dueAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return &f, nil
	}
	if err != nil {
		return nil, db.Classify(op, err)
	}
	return &f, s.findOutcome(ctx, n, &f)
}

// findOutcome adds the recorded outcome, or that the delivery waits.
func (s *Service) findOutcome(ctx context.Context, n *Notification, f *traced) error {
	const op = "hub.findOutcome"
	d := Delivery{ID: deliveryID(n.no, f.no)}
	err := s.db.Pool().QueryRow(ctx, `SELECT state, status, reason, attempts, at FROM hub.delivery
		WHERE chunk_no = $1 AND installation_no = $2 AND day >= $3`, f.chunk, f.no, n.CreatedAt.UTC().Truncate(24*time.Hour)).
		Scan(&d.State, &d.Status, &d.Reason, &d.Attempts, &d.At)
	if err == nil {
		f.delivery = &d
		return nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return db.Classify(op, err)
	}
	err = s.db.Pool().QueryRow(ctx, `SELECT due_at, reason, attempts FROM hub.waiting WHERE chunk_no = $1 AND installation_no = $2`, f.chunk, f.no).
		Scan(&f.waitingTo, &f.waitingBy, &f.attempts)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	return db.Classify(op, err)
}
