package hub

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// readTallies sums the chunks' tallies by service and by locale, and their causes.
func (s *Service) readTallies(ctx context.Context, r *Report) error {
	const op = "hub.readTallies"
	rows, err := s.db.Pool().Query(ctx, `
		SELECT c.service, '' AS key, sum(c.total), sum(c.attempts),
			CASE WHEN count(c.passed_at) = count(*) THEN max(c.passed_at) END AS passed
		FROM hub.chunk c WHERE c.notification_no = $1 GROUP BY c.service
		UNION ALL
		SELECT c.service, t.key, sum(t.value::bigint), 0, NULL FROM hub.chunk c, jsonb_each_text(c.tally) t
		WHERE c.notification_no = $1 GROUP BY c.service, t.key
		UNION ALL
		SELECT c.service, '`+causeMark+`' || t.key, sum(t.value::bigint), 0, NULL FROM hub.chunk c, jsonb_each_text(c.causes) t
		WHERE c.notification_no = $1 GROUP BY c.service, t.key`, r.Notification.no)
	if err != nil {
		return db.Classify(op, err)
	}
	services, locales := map[string]*Breakdown{}, map[string]*Breakdown{}
	var service, key string
	var n, requests int64
	var passed *time.Time
	_, err = pgx.ForEachRow(rows, []any{&service, &key, &n, &requests, &passed}, func() error {
		r.Requests += requests
		if passed != nil && passed.After(r.tried) {
			r.tried = *passed
		}
		b := breakdown(services, service)
		if key == "" {
			b.Total += n
			return nil
		}
		state, locale, _ := strings.Cut(key, "|")
		if cause, ok := strings.CutPrefix(state, causeMark); ok {
			b.Causes = append(b.Causes, Cause{State: cause, Reason: locale, Count: n})
			return nil
		}
		b.add(state, n)
		breakdown(locales, locale).add(state, n)
		return nil
	})
	r.Services, r.Locales = ordered(services), ordered(locales)
	return db.Classify(op, err)
}

// causeMark tells a row of causes from one of a tally.
const causeMark = "!"

func breakdown(in map[string]*Breakdown, name string) *Breakdown {
	if in[name] == nil {
		in[name] = &Breakdown{Name: name, Outcomes: map[string]int64{}}
	}
	return in[name]
}

func (b *Breakdown) add(state string, n int64) {
	if state == tallyRetried {
		b.Retried += n
		return
	}
	b.Recorded += n
	b.Outcomes[state] += n
}

func ordered(m map[string]*Breakdown) []Breakdown {
	out := make([]Breakdown, 0, len(m))
	for _, b := range m {
		slices.SortFunc(b.Causes, func(x, y Cause) int {
			return cmp.Or(cmp.Compare(y.Count, x.Count), cmp.Compare(x.State+x.Reason, y.State+y.Reason))
		})
		out = append(out, *b)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// readExtras counts what waits, what was opened, and why a service holds back.
func (s *Service) readExtras(ctx context.Context, r *Report) error {
	const op = "hub.readExtras"
	err := s.db.Pool().QueryRow(ctx, `SELECT
		(SELECT count(*) FROM hub.waiting w JOIN hub.chunk c ON c.no = w.chunk_no WHERE c.notification_no = $1),
		(SELECT count(*) FROM hub.interaction WHERE notification_no = $1 AND what = 'open'),
		(SELECT count(*) FROM hub.interaction WHERE notification_no = $1 AND what = 'click')`, r.Notification.no).
		Scan(&r.Waiting, &r.Opened, &r.Clicked)
	if err != nil {
		return db.Classify(op, err)
	}
	rows, err := s.db.Pool().Query(ctx, `SELECT service, paused_reason FROM hub.credential WHERE app_id = $1 AND paused_at IS NOT NULL`, r.Notification.App)
	if err != nil {
		return db.Classify(op, err)
	}
	var service, reason string
	_, err = pgx.ForEachRow(rows, []any{&service, &reason}, func() error {
		r.Holding[push.Service(service)] = "the credential is paused: " + reason
		return nil
	})
	for _, l := range s.Lanes() {
		if l.App == r.Notification.App && l.Breaker == "open" && r.Holding[l.Service] == "" {
			r.Holding[l.Service] = "the service does not answer well; next try " + l.Probe.Format(time.TimeOnly)
		}
	}
	return db.Classify(op, err)
}

// deliveryPlace is where a page of deliveries ended.
type deliveryPlace struct {
	Chunk int64 `json:"c"`
	No    int64 `json:"n"`
}

// Deliveries lists recorded outcomes of a notification, by chunk and
// installation, and where the next page begins; nil at the end.
func (s *Service) Deliveries(ctx context.Context, n Notification, from deliveryPlace, limit int) ([]Delivery, *deliveryPlace, error) {
	chunks, err := s.chunksFrom(ctx, n, from.Chunk)
	if err != nil {
		return nil, nil, err
	}
	var out []Delivery
	for _, c := range chunks {
		if c != from.Chunk {
			from = deliveryPlace{Chunk: c, No: noPlace}
		}
		page, err := s.chunkDeliveries(ctx, n, from, limit+1-len(out))
		if err != nil {
			return nil, nil, err
		}
		if out = append(out, page...); len(out) > limit {
			return out[:limit], &out[limit-1].place, nil
		}
	}
	return out, nil, nil
}

// chunksFrom lists the numbers of a notification's chunks, the first one given included.
func (s *Service) chunksFrom(ctx context.Context, n Notification, first int64) ([]int64, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT no FROM hub.chunk WHERE notification_no = $1 AND no >= $2 ORDER BY no`, n.no, first)
	if err != nil {
		return nil, db.Classify("hub.Deliveries", err)
	}
	nos, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return nos, db.Classify("hub.Deliveries", err)
}

// chunkDeliveries lists outcomes of one chunk after a place in it.
func (s *Service) chunkDeliveries(ctx context.Context, n Notification, from deliveryPlace, limit int) ([]Delivery, error) {
	rows, err := s.db.Pool().Query(ctx, `
		SELECT d.installation_no, c.service, coalesce(i.parent, i.id, ''), coalesce(i.id, ''), coalesce(i.kind, ''), d.state, d.status, d.reason, d.attempts, d.at
		FROM (SELECT * FROM hub.delivery WHERE chunk_no = $1 AND day >= $2 AND installation_no > $3 ORDER BY installation_no LIMIT $4) d
		JOIN hub.chunk c ON c.no = $1 LEFT JOIN hub.installation i ON i.no = d.installation_no ORDER BY d.installation_no`,
		from.Chunk, n.CreatedAt.UTC().Truncate(24*time.Hour), from.No, limit)
	if err != nil {
		return nil, db.Classify("hub.Deliveries", err)
	}
	page, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Delivery, error) {
		var d Delivery
		err := row.Scan(&d.place.No, (*string)(&d.Service), &d.Installation, &d.Registration, &d.Kind, &d.State, &d.Status, &d.Reason, &d.Attempts, &d.At)
		d.place.Chunk, d.ID = from.Chunk, deliveryID(n.no, d.place.No)
		if d.Registration != "" {
			d.Registration = registrationOfRow(d.Registration)
		}
		if target := int(-1 - d.place.No); d.place.No < 0 && target < len(n.Draft.Targets) {
			d.Target, d.Kind = &target, n.Draft.Targets[target].Kind
		}
		return d, err
	})
	return page, db.Classify("hub.Deliveries", err)
}

// interact notes an open or click that an app reports; a repeat changes nothing.
// Errors: fault.NotFound when there was no such delivery.
func (s *Service) interact(ctx context.Context, delivery, what string) error {
	const op = "hub.interact"
	notificationNo, installationNo, err := parseDeliveryID(delivery)
	if err != nil {
		return err
	}
	tag, err := s.db.Pool().Exec(ctx, `
		INSERT INTO hub.interaction (notification_no, installation_no, what, at)
		SELECT n.no, $2, $3, $4 FROM hub.notification n WHERE n.no = $1
		AND EXISTS (SELECT FROM hub.chunk c WHERE c.notification_no = n.no AND $2 BETWEEN c.no_from AND c.no_to)
		ON CONFLICT DO NOTHING`, notificationNo, installationNo, what, s.db.Now())
	if err != nil {
		return db.Classify(op, err)
	}
	if tag.RowsAffected() == 1 {
		return nil
	}
	var known bool
	err = s.db.Pool().QueryRow(ctx, `SELECT EXISTS (SELECT FROM hub.interaction WHERE notification_no = $1 AND installation_no = $2 AND what = $3)`,
		notificationNo, installationNo, what).Scan(&known)
	if err == nil && !known {
		return fault.E(op, fault.NotFound, "there was no such delivery", nil)
	}
	return db.Classify(op, err)
}

// Trace explains a notification's way to one installation. Errors: fault.NotFound.
func (s *Service) Trace(ctx context.Context, notification id.ID, installation string) (Trace, error) {
	t := Trace{Notification: notification, Installation: installation}
	n, err := s.Notification(ctx, notification)
	if err != nil {
		return t, err
	}
	f, err := s.findTraced(ctx, &n, installation)
	if err != nil {
		return t, err
	}
	f.explain(&t, &n)
	return t, nil
}
