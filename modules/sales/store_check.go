package sales

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// HasBooks reports whether the database has sales' tables yet.
func HasBooks(ctx context.Context, d *db.DB) (there bool, err error) {
	err = d.Pool().QueryRow(ctx, `SELECT to_regclass('sales.stock') IS NOT NULL`).Scan(&there)
	return there, db.Classify("sales.CheckBooks", err)
}

// pricedEvents are the addresses of events to come that we sell and that cost money, at
// most some, of the modes that are asked for.
func pricedEvents(ctx context.Context, d *db.DB, live, sandbox bool) ([]string, error) {
	const op = "sales.pricedEvents"
	rows, err := d.Pool().Query(ctx, `
		SELECT slug FROM sales.event e
		WHERE state <> 'cancelled' AND shop = '' AND coalesce(sale_until, starts_at) > $1 AND CASE WHEN sandbox THEN $3::boolean ELSE $2::boolean END
			AND EXISTS (SELECT FROM sales.category c WHERE c.event = e.id AND c.price_minor + c.fee_minor > 0)
		ORDER BY starts_at LIMIT 100`, d.Now(), live, sandbox)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	slugs, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return slugs, db.Classify(op, err)
}

// One statement sees one moment, so a sale that goes on meanwhile does no harm. What a
// code has sold stands nowhere else: of codes only the carts are compared.
const checkStockSQL = `
	WITH sold AS (
		SELECT category AS id, count(*) AS n FROM sales.ticket WHERE voided_at IS NULL GROUP BY category
		UNION ALL
		SELECT category, greatest(sum(sold - returned), 0) FROM sales.external_day GROUP BY category
	), taken AS (
		SELECT 'category' AS what, c.id, coalesce(n, 0) AS n FROM sales.category c LEFT JOIN sold USING (id)
		UNION ALL
		SELECT 'pool', c.pool, sum(coalesce(n, 0)) FROM sales.category c LEFT JOIN sold USING (id) WHERE c.pool IS NOT NULL GROUP BY c.pool
		UNION ALL
		SELECT 'level', l.id, coalesce(sum(n), 0) FROM sales.pool_level l LEFT JOIN sales.category c ON c.pool = l.pool AND c.class >= l.class
			LEFT JOIN sold ON sold.id = c.id GROUP BY l.id
		UNION ALL
		SELECT 'seat', s.id, count(t.seat) FROM sales.seat s LEFT JOIN sales.ticket t ON t.seat = s.id AND t.voided_at IS NULL GROUP BY s.id
	), kept AS (
		SELECT id, sum(n) AS n FROM (
			SELECT category AS id, qty AS n FROM sales.hold
			UNION ALL SELECT seat, 1 FROM sales.hold, unnest(seats) seat
			UNION ALL SELECT a.id, a.n FROM sales.hold, unnest(also, also_qty) AS a (id, n)) h GROUP BY id
	), wrong AS (
		SELECT what, t.id, s.sold AS counts, n AS found FROM taken t JOIN sales.stock s USING (id) WHERE s.sold <> n
		UNION ALL
		SELECT 'cart', coalesce(s.id, k.id), coalesce(s.held, 0), coalesce(k.n, 0) FROM sales.stock s FULL JOIN kept k ON k.id = s.id WHERE coalesce(s.held, 0) <> coalesce(k.n, 0)
		UNION ALL
		SELECT 'capacity', id, capacity, sold + held FROM sales.stock WHERE sold + held > capacity
	)
	SELECT what, id, counts::int, found::int, count(*) OVER () FROM wrong ORDER BY what, id LIMIT $1`

const checkOrdersSQL = `
	SELECT 'order', coalesce(o.id, t.order_id), coalesce(o.qty, 0), coalesce(t.n, 0)::int, count(*) OVER ()
	FROM sales.orders o FULL JOIN (SELECT order_id, count(*) AS n FROM sales.ticket GROUP BY order_id) t ON t.order_id = o.id
	WHERE o.qty IS DISTINCT FROM t.n ORDER BY 2 LIMIT $1`

// CheckBooks compares what is counted as sold and held with tickets, carts and orders.
// It reads every ticket: seconds for millions.
func CheckBooks(ctx context.Context, d *db.DB) (b Books, err error) {
	const op = "sales.CheckBooks"
	b.At = d.Now()
	if err = d.Pool().QueryRow(ctx, `SELECT (SELECT count(*) FROM sales.stock), (SELECT count(*) FROM sales.orders)`).Scan(&b.Stocks, &b.Orders); err != nil {
		return b, db.Classify(op, err)
	}
	for _, sql := range []string{checkStockSQL, checkOrdersSQL} {
		rows, err := d.Pool().Query(ctx, sql, maxMismatches)
		if err != nil {
			return b, db.Classify(op, err)
		}
		var m Mismatch
		wrong := 0
		if _, err = pgx.ForEachRow(rows, []any{&m.What, &m.ID, &m.Counts, &m.Found, &wrong}, func() error {
			b.Some = append(b.Some, m)
			return nil
		}); err != nil {
			return b, db.Classify(op, err)
		}
		b.Wrong += wrong
	}
	b.Some = b.Some[:min(len(b.Some), maxMismatches)]
	return b, nil
}
