package hub

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// population is how many phones of one kind there are, over all apps.
type population struct {
	Service string
	Status  string
	Locale  string // lower case; the app's for an installation that states none
	Count   int64
}

// populations counts every phone by push service, status and locale.
func (s *Service) populations(ctx context.Context) ([]population, error) {
	const op = "hub.populations"
	rows, err := s.db.Pool().Query(ctx, `
		SELECT i.service, i.status, lower(coalesce(nullif(i.locale, ''), a.locale)), count(*)
		FROM hub.installation i JOIN hub.app a ON a.id = i.app_id WHERE i.main GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3`)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[population])
	return all, db.Classify(op, err)
}

// AllCredentials lists what people may see of every app's credentials.
func (s *Service) AllCredentials(ctx context.Context) ([]Credential, error) {
	var rows []credentialRow
	err := s.db.ORM(ctx).Select("app_id", "service", "shown", "pace", "version", "paused_at", "paused_reason", "stored_at", "updated_at").
		Order("app_id, service").Find(&rows).Error
	out := make([]Credential, len(rows))
	for i, r := range rows {
		out[i] = r.credential()
	}
	return out, db.Classify("hub.AllCredentials", err)
}

// reached is how far a notification is, without the details of a Report.
type reached struct{ Total, Recorded, Delivered int64 }

// reachOf reads how far notifications are, by their number. One that is not split
// yet is missing.
func (s *Service) reachOf(ctx context.Context, list []Notification) (map[int64]reached, error) {
	const op = "hub.reachOf"
	nos := make([]int64, len(list))
	for i, n := range list {
		nos[i] = n.no
	}
	rows, err := s.db.Pool().Query(ctx, `
		SELECT c.notification_no, sum(c.total), coalesce(sum(t.recorded), 0)::bigint, coalesce(sum(t.delivered), 0)::bigint
		FROM hub.chunk c CROSS JOIN LATERAL (
			SELECT sum(value::bigint) FILTER (WHERE key NOT LIKE $2) AS recorded, sum(value::bigint) FILTER (WHERE key LIKE $3) AS delivered
			FROM jsonb_each_text(c.tally)) t
		WHERE c.notification_no = ANY($1) GROUP BY 1`, nos, tallyRetried+"|%", stateDelivered+"|%")
	if err != nil {
		return nil, db.Classify(op, err)
	}
	out := make(map[int64]reached, len(list))
	var no int64
	var r reached
	_, err = pgx.ForEachRow(rows, []any{&no, &r.Total, &r.Recorded, &r.Delivered}, func() error { out[no] = r; return nil })
	return out, db.Classify(op, err)
}

// historyOf counts a notification's outcomes in spans of width from its start:
// all and delivered ones, by the span's number.
func (s *Service) historyOf(ctx context.Context, n Notification, width time.Duration) (map[int64]reached, error) {
	const op = "hub.historyOf"
	rows, err := s.db.Pool().Query(ctx, `
		SELECT floor(extract(epoch FROM d.at - $3::timestamptz) / $4::float8)::bigint, count(*), count(*) FILTER (WHERE d.state = $5)
		FROM hub.chunk c JOIN hub.delivery d ON d.chunk_no = c.no AND d.day >= $2
		WHERE c.notification_no = $1 GROUP BY 1`,
		n.no, n.CreatedAt.UTC().Truncate(24*time.Hour), *n.StartedAt, width.Seconds(), stateDelivered)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	out := map[int64]reached{}
	var span int64
	var r reached
	_, err = pgx.ForEachRow(rows, []any{&span, &r.Recorded, &r.Delivered}, func() error { out[span] = r; return nil })
	return out, db.Classify(op, err)
}

// reachable counts the active installations, and says whether any is known at all.
func (s *Service) reachable(ctx context.Context) (active int64, known bool, err error) {
	err = s.db.Pool().QueryRow(ctx, `SELECT count(*) FILTER (WHERE status = 'active'), count(*) > 0 FROM hub.installation WHERE main`).Scan(&active, &known)
	return active, known, db.Classify("hub.reachable", err)
}

// outSince sums up the deliveries of notifications made since.
func (s *Service) outSince(ctx context.Context, since time.Time) (r reached, err error) {
	err = s.db.Pool().QueryRow(ctx, `
		SELECT coalesce(sum(c.total), 0)::bigint, coalesce(sum(t.recorded), 0)::bigint, coalesce(sum(t.delivered), 0)::bigint
		FROM hub.notification n JOIN hub.chunk c ON c.notification_no = n.no CROSS JOIN LATERAL (
			SELECT sum(value::bigint) FILTER (WHERE key NOT LIKE $2) AS recorded, sum(value::bigint) FILTER (WHERE key LIKE $3) AS delivered
			FROM jsonb_each_text(c.tally)) t
		WHERE n.created_at >= $1`, since, tallyRetried+"|%", stateDelivered+"|%").Scan(&r.Total, &r.Recorded, &r.Delivered)
	return r, db.Classify("hub.outSince", err)
}
