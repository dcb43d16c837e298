package azure

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// gone is a handle that a push service gave up.
type gone struct {
	At                           time.Time
	Kind, Handle, Reason, ID, By string // By: the notification that found out; "" if unknown
}

// goneDays lists the days on which handles were given up, and how many.
func (s *Service) goneDays(ctx context.Context, app string) (map[time.Time]int64, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT date_trunc('day', status_at, 'UTC'), count(*) FROM hub.installation
		WHERE app_id = $1 AND main AND status = 'retired' AND status_at IS NOT NULL GROUP BY 1`, app)
	if err != nil {
		return nil, db.Classify("azure.goneDays", err)
	}
	out := map[time.Time]int64{}
	var day time.Time
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&day, &n}, func() error { out[day.UTC()] = n; return nil })
	return out, db.Classify("azure.goneDays", err)
}

// goneOn tells each of the handles given up on a day, in order.
func (s *Service) goneOn(ctx context.Context, app string, day time.Time, each func(gone) error) error {
	rows, err := s.db.Pool().Query(ctx, `
		WITH found AS (SELECT DISTINCT ON (d.installation_no) d.installation_no, n.id FROM hub.delivery d
			JOIN hub.chunk c ON c.no = d.chunk_no JOIN hub.notification n ON n.no = c.notification_no
			WHERE d.day = $2 AND d.state = 'gone' AND n.app_id = $1 ORDER BY d.installation_no, d.at DESC)
		SELECT i.status_at, i.kind, i.handle, i.status_reason, i.id, coalesce(f.id::text, '')
		FROM hub.installation i LEFT JOIN found f ON f.installation_no = i.no
		WHERE i.app_id = $1 AND i.main AND i.status = 'retired' AND i.status_at >= $3 AND i.status_at < $4 ORDER BY i.status_at, i.no`,
		app, day, day, day.AddDate(0, 0, 1))
	if err != nil {
		return db.Classify("azure.goneOn", err)
	}
	var g gone
	_, err = pgx.ForEachRow(rows, []any{&g.At, &g.Kind, &g.Handle, &g.Reason, &g.ID, &g.By}, func() error { return each(g) })
	return db.Classify("azure.goneOn", err)
}
