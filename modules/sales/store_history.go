package sales

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

func (s *Service) eachEvent(ctx context.Context, after time.Time, each func(event id.ID, slug, currency, zone string, saleFrom, saleUntil, startsAt time.Time) error) error {
	var event id.ID
	var slug, currency, zone string
	var from *time.Time
	var until, starts time.Time
	return s.visit(ctx, []any{&event, &slug, &currency, &zone, &from, &until, &starts}, func() error {
		var begins time.Time
		if from != nil {
			begins = from.UTC()
		}
		return each(event, slug, currency, zone, begins, until.UTC(), starts.UTC())
	}, `SELECT id, slug, currency, zone, sale_from, coalesce(sale_until, starts_at), starts_at FROM sales.event
		WHERE state <> 'draft' AND starts_at > $1 ORDER BY starts_at, id`, after)
}

func (s *Service) eachShopName(ctx context.Context, each func(event id.ID, shop string) error) error {
	var event id.ID
	var shop string
	return s.visit(ctx, []any{&event, &shop}, func() error { return each(event, shop) }, `SELECT id, shop FROM sales.event WHERE shop <> ''`)
}

func (s *Service) eachCategory(ctx context.Context, event id.ID, each func(category id.ID, name string, capacity, sold, held int, priceMinor int64) error) error {
	var category id.ID
	var name string
	var capacity, sold, held int
	var price int64
	return s.visit(ctx, []any{&category, &name, &capacity, &sold, &held, &price}, func() error {
		return each(category, name, capacity, sold, held, price)
	}, `SELECT c.id, coalesce(c.names -> (e.locales ->> 0) ->> 'title', ''), s.capacity, s.sold, s.held, c.price_minor
		FROM sales.category c JOIN sales.event e ON e.id = c.event JOIN sales.stock s ON s.id = c.id WHERE c.event = $1 ORDER BY c.position, c.id`, event)
}

func (s *Service) soldByDay(ctx context.Context, event id.ID, each func(category id.ID, day time.Time, sold, returned int, grossMinor int64) error) error {
	var category id.ID
	var day time.Time
	var sold, returned int
	var gross int64
	return s.visit(ctx, []any{&category, &day, &sold, &returned, &gross}, func() error {
		return each(category, day.UTC(), sold, returned, gross)
	}, `WITH ours AS (
			SELECT t.category, t.unit_minor, (o.created_at AT TIME ZONE e.zone)::date AS sold_on, (t.voided_at AT TIME ZONE e.zone)::date AS back_on
			FROM sales.event e JOIN sales.orders o ON o.event = e.id JOIN sales.ticket t ON t.order_id = o.id WHERE e.id = $1
		), moves AS (
			SELECT category, sold_on AS day, 1 AS sold, 0 AS returned, unit_minor AS gross FROM ours
			UNION ALL SELECT category, back_on, 0, 1, -unit_minor FROM ours WHERE back_on IS NOT NULL
			UNION ALL SELECT d.category, d.day, d.sold, d.returned, d.amount_minor FROM sales.external_day d JOIN sales.category c ON c.id = d.category WHERE c.event = $1
		)
		SELECT category, day, sum(sold)::int, sum(returned)::int, sum(gross)::bigint FROM moves GROUP BY category, day ORDER BY category, day`, event)
}

func (s *Service) eachPrice(ctx context.Context, category id.ID, each func(since time.Time, priceMinor int64, reason string) error) error {
	var since time.Time
	var price int64
	var reason string
	return s.visit(ctx, []any{&since, &price, &reason}, func() error { return each(since.UTC(), price, reason) },
		`SELECT at, price_minor, reason FROM sales.price_history WHERE category = $1 ORDER BY version`, category)
}

// visit scans each row into the places and calls do.
func (s *Service) visit(ctx context.Context, into []any, do func() error, sql string, args ...any) error {
	rows, err := s.db.Pool().Query(ctx, sql, args...)
	if err != nil {
		return db.Classify("sales.history", err)
	}
	_, err = pgx.ForEachRow(rows, into, do)
	return db.Classify("sales.history", err)
}

func (s *Service) eachPurchase(ctx context.Context, since time.Time, each func(customer string, person, event id.ID, at, startsAt time.Time, totalMinor int64, weekend, discounted bool) error) error {
	var customer string
	var person, event id.ID
	var at, starts time.Time
	var total int64
	var weekend, discounted bool
	return s.visit(ctx, []any{&customer, &person, &event, &at, &starts, &total, &weekend, &discounted}, func() error {
		return each(customer, person, event, at.UTC(), starts.UTC(), total, weekend, discounted)
	}, `WITH price AS (
			SELECT category, price_minor + fee_minor AS unit, at, coalesce(lead(at) OVER (PARTITION BY category ORDER BY version), 'infinity') AS until FROM sales.price_history
		)
		SELECT coalesce(o.person::text, encode(sha256(convert_to(lower(o.buyer ->> 'email'), 'UTF8')), 'hex')), coalesce(o.person, $2), o.event, o.created_at, e.starts_at,
			o.total_minor, extract(isodow FROM e.starts_at AT TIME ZONE e.zone) IN (5, 6),
			coalesce((SELECT bool_or(b.unit < p.unit) -- by order, through the index: a join of two lists that PostgreSQL knows nothing of yet would compare each with each
				FROM (SELECT category, min(unit_minor) AS unit FROM sales.ticket WHERE order_id = o.id GROUP BY category) b
				CROSS JOIN LATERAL (SELECT min(unit) AS unit FROM price WHERE category = b.category AND at <= o.created_at AND until > o.created_at - interval '1 hour') p), false)
		FROM sales.orders o JOIN sales.event e ON e.id = o.event
		WHERE o.created_at >= $1 AND o.cancelled_at IS NULL AND (o.person IS NOT NULL OR coalesce(o.buyer ->> 'email', '') <> '') ORDER BY o.created_at, o.id`, since, id.Nil)
}
