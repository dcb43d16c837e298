package sales

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

const ordersSQL = `SELECT o.id::text AS "order", o.created_at, o.qty, o.total_minor, o.currency, coalesce(o.buyer->>'name', '') AS name, coalesce(o.buyer->>'email', '') AS email,
	coalesce(o.buyer->>'locale', '') AS locale, o.cancelled_at
	FROM sales.orders o WHERE o.event = $1 ORDER BY o.id`

// categoryTitle is what a category is called in the event's first language.
const categoryTitle = `coalesce(c.names->(e.locales->>0)->>'title', '')`

// seatName is Seat.Name in SQL, as far as two letters go.
const seatName = `coalesce(CASE WHEN p.seat_row > 26 THEN chr(64 + (p.seat_row - 1) / 26) ELSE '' END || chr(65 + (p.seat_row - 1) % 26) || p.seat_column, '')`

const ticketsSQL = `SELECT t.order_id::text AS "order", t.n, t.category::text AS category, ` + categoryTitle + ` AS category_title, t.unit_minor, o.currency,
	` + seatName + ` AS seat, t.version, coalesce(t.holder->>'name', o.buyer->>'name', '') AS name, coalesce(t.holder->>'email', o.buyer->>'email', '') AS email, t.voided_at
	FROM sales.orders o JOIN sales.event e ON e.id = o.event JOIN sales.ticket t ON t.order_id = o.id LEFT JOIN sales.category c ON c.id = t.category LEFT JOIN sales.seat p ON p.id = t.seat
	WHERE o.event = $1 ORDER BY t.order_id, t.n`

const paymentsSQL = `SELECT p.id::text AS payment, coalesce(p.order_id::text, '') AS "order", p.mode, p.method, p.state, p.reason, p.amount_minor, p.paid_minor, p.refunded_minor, p.currency,
	coalesce(p.session, '') AS reference, coalesce(p.charge, '') AS charge, p.created_at, p.paid_at
	FROM sales.payment p WHERE p.event = $1 ORDER BY p.id`

const attendeesSQL = `SELECT coalesce(t.holder->>'name', o.buyer->>'name', '') AS name, coalesce(t.holder->>'email', o.buyer->>'email', '') AS email, ` + categoryTitle + ` AS category_title,
	` + seatName + ` AS seat, t.order_id::text AS "order", t.n, u.scanned_at AS in_at, coalesce(u.device, '') AS device,
	coalesce(d.amount_minor, 0) AS due_minor, o.currency
	FROM sales.orders o JOIN sales.event e ON e.id = o.event JOIN sales.ticket t ON t.order_id = o.id LEFT JOIN sales.category c ON c.id = t.category LEFT JOIN sales.seat p ON p.id = t.seat
	LEFT JOIN (SELECT DISTINCT ON (order_id, n) order_id, n, scanned_at, device FROM sales.use WHERE event = $1 ORDER BY order_id, n, scanned_at, id) u ON u.order_id = t.order_id AND u.n = t.n ` + joinDue + `
	WHERE o.event = $1 AND t.voided_at IS NULL ORDER BY lower(coalesce(t.holder->>'name', o.buyer->>'name', '')), t.order_id, t.n`

// exportRows hands the rows of a query to w, one after the other: no more than one is in
// memory. Errors: fault.Transient when nobody takes them any more, and those of the database.
func (s *Service) exportRows(ctx context.Context, sql string, event id.ID, w table) (n int, err error) {
	const op = "sales.Export"
	rows, err := s.db.Pool().Query(ctx, sql, event)
	if err != nil {
		return 0, db.Classify(op, err)
	}
	defer rows.Close()
	row := make([]cell, len(rows.FieldDescriptions()))
	for i, f := range rows.FieldDescriptions() {
		row[i].name = f.Name
	}
	if err := w.head(row); err != nil {
		return 0, readerGone(err)
	}
	for ; rows.Next(); n++ {
		values, err := rows.Values()
		if err != nil {
			return n, db.Classify(op, err)
		}
		for i, v := range values {
			if row[i].value, err = cellValue(v); err != nil {
				return n, err
			}
		}
		if err := w.row(row); err != nil {
			return n, readerGone(err)
		}
	}
	if err := db.Classify(op, rows.Err()); err != nil {
		return n, err
	}
	return n, w.end()
}

func readerGone(err error) error {
	return fault.E("sales.Export", fault.Transient, "nobody takes the export any more", err)
}

// cellValue is a value of the database as a cell holds it.
func cellValue(v any) (any, error) {
	switch v := v.(type) {
	case nil, string, bool, int64, time.Time:
		return v, nil
	case int32:
		return int64(v), nil
	case int16:
		return int64(v), nil
	}
	return nil, fault.E("sales.Export", fault.Internal, "a column is of a type that no cell holds", nil)
}
