package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/tagexpr"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

const notificationColumns = `n.no, n.id, n.app_id, n.state, n.audience, n.content, n.send_at, n.expires_at, n.created_by, n.created_at, n.started_at, n.finished_at`

func scanNotification(row pgx.Row) (Notification, error) {
	var n Notification
	var kept content
	err := row.Scan(&n.no, &n.ID, &n.App, &n.State, &n.Audience, &kept, &n.SendAt, &n.ExpiresAt, &n.CreatedBy, &n.CreatedAt, &n.StartedAt, &n.FinishedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return n, fault.E("hub.Notification", fault.NotFound, "there is no such notification", nil).WithFix("GET /v1/notifications lists them")
	}
	n.Draft, n.bodies = kept.Draft, kept.Bodies
	n.Draft.own = kept.Own
	return n, db.Classify("hub.scanNotification", err)
}

func insertNotification(ctx context.Context, tx *db.Tx, n *Notification) error {
	err := tx.Conn().QueryRow(ctx, `
		INSERT INTO hub.notification (id, app_id, state, content, send_at, expires_at, created_by, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING no`,
		n.ID, n.App, n.State, content{n.Draft, n.bodies, n.Draft.own}, n.SendAt, n.ExpiresAt, n.CreatedBy, n.CreatedAt).Scan(&n.no)
	return db.Classify("hub.insertNotification", err)
}

// Notification finds one. Errors: fault.NotFound.
func (s *Service) Notification(ctx context.Context, notification id.ID) (Notification, error) {
	return scanNotification(s.db.Pool().QueryRow(ctx, `SELECT `+notificationColumns+` FROM hub.notification n WHERE n.id = $1`, notification))
}

func lockNotification(ctx context.Context, tx *db.Tx, notification id.ID) (Notification, error) {
	return scanNotification(tx.Conn().QueryRow(ctx, `SELECT `+notificationColumns+` FROM hub.notification n WHERE n.id = $1 FOR UPDATE`, notification))
}

// place is where a page of notifications ended.
type place struct {
	No int64 `json:"no"`
}

// Notifications lists an app's notifications (of every app when app is ""),
// newest first, and where the next page begins; nil at the end.
func (s *Service) Notifications(ctx context.Context, app string, from place, limit int) ([]Notification, *place, error) {
	return s.notifications(ctx, app, from, limit, true)
}

// notifications lists without those that Usher's modules send by themselves, unless automatic.
func (s *Service) notifications(ctx context.Context, app string, from place, limit int, automatic bool) ([]Notification, *place, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+notificationColumns+` FROM hub.notification n
		WHERE ($1 = '' OR n.app_id = $1) AND ($2 = 0 OR n.no < $2) AND ($4 OR n.content->'draft'->'personal' IS NULL)
		ORDER BY n.no DESC LIMIT $3`, app, from.No, limit+1, automatic)
	if err != nil {
		return nil, nil, db.Classify("hub.Notifications", err)
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (Notification, error) { return scanNotification(r) })
	if err != nil {
		return nil, nil, err
	}
	if len(list) <= limit {
		return list, nil, nil
	}
	return list[:limit], &place{list[limit-1].no}, nil
}

// startNotification notes how far the split came; one without any recipient is done.
func startNotification(ctx context.Context, tx *db.Tx, n *Notification, chunks int) error {
	now := tx.Now()
	n.State, n.StartedAt = stateSending, &now
	if chunks == 0 {
		n.State, n.FinishedAt = stateDone, &now
	}
	_, err := tx.Conn().Exec(ctx, `UPDATE hub.notification SET state = $2, started_at = $3, finished_at = $4, chunks_left = $5, audience = $6 WHERE no = $1`,
		n.no, n.State, n.StartedAt, n.FinishedAt, chunks, n.Audience)
	if err != nil || chunks > 0 {
		return db.Classify("hub.startNotification", err)
	}
	return tx.Emit(facts.NotificationFinished{Notification: n.ID, App: n.App, State: n.State, At: now})
}

// cancel marks the notification and every chunk that no run is working on.
func (s *Service) cancel(ctx context.Context, tx *db.Tx, n *Notification) error {
	const op = "hub.cancel"
	_, err := tx.Conn().Exec(ctx, `UPDATE hub.notification SET state = 'cancelled',
		finished_at = CASE WHEN chunks_left = 0 THEN $2::timestamptz ELSE NULL END WHERE no = $1`, n.no, tx.Now())
	if err != nil {
		return db.Classify(op, err)
	}
	tag, err := tx.Conn().Exec(ctx, `UPDATE hub.chunk SET state = 'cancelled', finished_at = $2
		WHERE notification_no = $1 AND state IN ('pending', 'waiting') AND owner IS NULL`, n.no, tx.Now())
	if err != nil {
		return db.Classify(op, err)
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	return s.countDown(ctx, tx, n.no, int(tag.RowsAffected()))
}

// madeChunk is a chunk just split off.
type madeChunk struct {
	no      int64
	service push.Service
	total   int
}

// spans cuts the audience in some zones into ranges of ChunkSize, each of one push
// service, the services taking turns so that none waits for the others.
func (s *Service) spans(ctx context.Context, n *Notification, expr *tagexpr.Expr, zones []string) ([]span, error) {
	var sql string
	var args []any
	if d := &n.Draft; expr.Everyone() && zones == nil && d.own == nil && !d.Test {
		sql, args = stridesSQL(d.rows()), []any{n.App, servicesOf(d), s.cfg.ChunkSize}
	} else {
		where, more := d.audience(expr, 6)
		sql, args = numberedSQL(where, d.Test), append([]any{n.App, servicesOf(d), s.cfg.ChunkSize, zones, s.db.Now()}, more...)
	}
	rows, err := s.db.Pool().Query(ctx, sql, args...)
	if err != nil {
		return nil, db.Classify("hub.spans", err)
	}
	spans, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (span, error) {
		var p span
		return p, r.Scan((*string)(&p.service), &p.from, &p.to, &p.total)
	})
	return spans, db.Classify("hub.spans", err)
}

// stridesSQL cuts an audience that leaves nobody out: it strides along the index of those
// who can be reached, a chunk a step, and neither sorts nor looks at a row where the index
// alone can tell. Who registers meanwhile has a higher number. That the rows are ordered
// and bounded by all three columns leaves no other index to choose: statistics that are
// older than the last import made it read the whole table by the index of numbers.
func stridesSQL(where string) string {
	return `
		WITH RECURSIVE stride (service, part, no_from, no_to, total) AS (
			SELECT service, 0, NULL::bigint, -1::bigint, $3::bigint FROM unnest($2::text[]) AS s (service)
			UNION ALL
			SELECT last.service, last.part + 1, next.* FROM stride last CROSS JOIN LATERAL (
				SELECT min(no), max(no), count(*) FROM (
					SELECT i.no FROM hub.installation i
					WHERE (i.app_id, i.service, i.no) > ($1, last.service, last.no_to) AND (i.app_id, i.service) <= ($1, last.service)
						AND ` + where + `
					ORDER BY i.app_id, i.service, i.no LIMIT $3) few HAVING count(*) > 0) next
			WHERE last.total = $3)
		SELECT service, no_from, no_to, total FROM stride WHERE part > 0 ORDER BY part, service`
}

// numberedSQL cuts any audience.
func numberedSQL(where string, test bool) string {
	few := ""
	if test {
		// The first ones by number: a chunk is a range, and nobody else may lie in it.
		few = fmt.Sprintf("ORDER BY i.no LIMIT %d", testDevices)
	}
	return `
		WITH audience AS (
			SELECT i.service, i.no FROM hub.installation i
			WHERE i.app_id = $1 AND i.service = ANY($2) AND i.created_at <= $5
			AND ($4::text[] IS NULL OR i.zone = ANY($4)) AND ` + where + ` ` + few + `),
		numbered AS (SELECT service, no, (row_number() OVER (PARTITION BY service ORDER BY no) - 1) / $3 AS part FROM audience)
		SELECT service, min(no), max(no), count(*) FROM numbered GROUP BY part, service ORDER BY part, service`
}

// insertChunks makes a chunk of each span of a wave.
func insertChunks(ctx context.Context, tx *db.Tx, n *Notification, w wave) ([]madeChunk, error) {
	var services []string
	var from, to, totals []int64
	for _, p := range w.spans {
		services, from, to, totals = append(services, string(p.service)), append(from, p.from), append(to, p.to), append(totals, int64(p.total))
	}
	rows, err := tx.Conn().Query(ctx, `
		INSERT INTO hub.chunk (notification_no, service, no_from, no_to, zones, total, due_at)
		SELECT $1, p.service, p.no_from, p.no_to, $2, p.total, $3
		FROM unnest($4::text[], $5::bigint[], $6::bigint[], $7::bigint[]) WITH ORDINALITY AS p (service, no_from, no_to, total, at) ORDER BY p.at
		RETURNING no, service, total`, n.no, w.zones, w.due, services, from, to, totals)
	if err != nil {
		return nil, db.Classify("hub.insertChunks", err)
	}
	made, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (madeChunk, error) {
		var c madeChunk
		return c, r.Scan(&c.no, (*string)(&c.service), &c.total)
	})
	return made, db.Classify("hub.insertChunks", err)
}

// servicesOf are the services a draft goes to, as text for SQL.
func servicesOf(d *Draft) []string {
	list := d.Services
	if len(list) == 0 {
		list = everyService
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

// insertTargetChunks makes one chunk a push service out of a direct send's handles in
// the wave's zones.
func insertTargetChunks(ctx context.Context, tx *db.Tx, n *Notification, w wave) ([]madeChunk, error) {
	by := map[push.Service][]aimed{}
	for i, t := range n.Draft.Targets {
		if w.zones != nil && !slices.Contains(w.zones, t.Zone) {
			continue
		}
		service := serviceOfKind(t.Kind)
		by[service] = append(by[service], aimed{t, i})
	}
	var made []madeChunk
	for _, service := range everyService {
		if len(by[service]) == 0 {
			continue
		}
		targets, err := json.Marshal(by[service])
		if err != nil {
			return nil, fault.E("hub.insertTargetChunks", fault.Internal, "cannot write the targets", err)
		}
		c := madeChunk{service: service, total: len(by[service])}
		err = tx.Conn().QueryRow(ctx, `
			INSERT INTO hub.chunk (notification_no, service, no_from, no_to, targets, total, due_at)
			VALUES ($1, $2, $3, -1, $4, $5, $6) RETURNING no`,
			n.no, string(service), -len(n.Draft.Targets), targets, c.total, w.due).Scan(&c.no)
		if err != nil {
			return nil, db.Classify("hub.insertTargetChunks", err)
		}
		made = append(made, c)
	}
	return made, nil
}

// zonesInUse lists the time zones of those a notification may go to; "" stands for
// those that follow the app.
func (s *Service) zonesInUse(ctx context.Context, n *Notification) ([]string, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT DISTINCT i.zone FROM hub.installation i WHERE i.app_id = $1 AND `+n.Draft.rows(), n.App)
	if err != nil {
		return nil, db.Classify("hub.zonesInUse", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return names, db.Classify("hub.zonesInUse", err)
}
