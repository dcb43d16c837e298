package sales

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// eventBySlug finds an event. Errors: fault.NotFound.
func (s *Service) eventBySlug(ctx context.Context, slug string) (event id.ID, err error) {
	const op = "sales.Door"
	err = db.Classify(op, s.db.Pool().QueryRow(ctx, `SELECT id FROM sales.event WHERE slug = $1`, slug).Scan(&event))
	if fault.Is(err, fault.NotFound) {
		return event, fault.E(op, fault.NotFound, "there is no event "+slug, err).WithFix("enrol the scanner with the event's id or short name, as its page shows it")
	}
	return event, err
}

// joinDue finds the payment that is to be taken at the door, one an order, and owedColumns
// read it: nothing for a void ticket, and nothing once the money was received. voidColumn says
// whether a ticket is void, as all are of an event that was cancelled.
const (
	joinDue     = `LEFT JOIN sales.payment d ON d.order_id = o.id AND d.state = 'due' AND t.voided_at IS NULL AND e.state IS DISTINCT FROM 'cancelled'`
	voidColumn  = `t.voided_at IS NOT NULL OR coalesce(e.state = 'cancelled', false)`
	owedColumns = `coalesce(d.amount_minor, 0) AS due_minor, coalesce(d.currency, '') AS currency`
)

// plainly is a text in small letters without their accents: people find Müller as muller, and
// Özdemir among the O, whatever the database's collation is. Most names are ASCII, and quick.
func plainly(text string) string {
	return `CASE WHEN octet_length(` + text + `) = char_length(` + text + `) THEN lower(` + text + `)
		ELSE regexp_replace(normalize(lower(` + text + `), NFD), '[\u0300-\u036f]+', '', 'g') END`
}

// guestsSQL lists tickets by a sort text, then order and number. $1 event, $2 search,
// $3 which, $4 by, $5–$7 the place to go on after, $8 limit.
var guestsSQL = `WITH use AS (
	SELECT DISTINCT ON (order_id, n) order_id, n, scanned_at, device, count(*) OVER (PARTITION BY order_id, n) AS uses
	FROM sales.use WHERE event = $1 ORDER BY order_id, n, scanned_at, id
), guest AS (
	SELECT t.order_id, t.n, coalesce(t.holder->>'name', o.buyer->>'name', '') AS name, t.category, p.seat_row, p.seat_column, ` + voidColumn + ` AS void,
		u.scanned_at, coalesce(u.device, '') AS device, coalesce(u.uses, 0) AS uses,
		lower(coalesce(t.holder->>'email', o.buyer->>'email', '')) AS email, ` + owedColumns + `
	FROM sales.orders o JOIN sales.ticket t ON t.order_id = o.id LEFT JOIN sales.seat p ON p.id = t.seat
	LEFT JOIN sales.event e ON e.id = o.event ` + joinDue + ` LEFT JOIN use u ON u.order_id = t.order_id AND u.n = t.n
	WHERE o.event = $1
), listed AS (
	SELECT *, CASE WHEN $4 = 'order' THEN '' ELSE ` + plainly("name") + ` END AS sort FROM guest
	WHERE ($2 = '' OR position(` + plainly("$2") + ` IN ` + plainly("name") + `) > 0 OR position(lower($2) IN email) > 0 OR position(lower($2) IN order_id::text) > 0)
	AND ($3 = '' OR ($3 = 'in') = (uses > 0)) AND ($3 <> 'out' OR NOT void)
)
SELECT order_id, n, name, category, seat_row, seat_column, void, scanned_at, device, uses, due_minor, currency, sort FROM listed
WHERE (sort, order_id, n) > ($5, $6, $7) ORDER BY sort, order_id, n LIMIT $8`

func (s *Service) guestsOf(ctx context.Context, event id.ID, q GuestQuery, from guestPlace) (out []Guest, last guestPlace, err error) {
	const op = "sales.Guests"
	rows, err := s.db.Pool().Query(ctx, guestsSQL, event, q.Search, q.Which, q.By, from.Name, from.Order, from.N, q.Limit)
	if err != nil {
		return nil, last, db.Classify(op, err)
	}
	out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (g Guest, err error) {
		var seatRow, seatColumn *int
		err = row.Scan(&g.Order, &g.N, &g.Name, &g.Category, &seatRow, &seatColumn, &g.Void, &g.InAt, &g.Device, &g.Uses, &g.DueMinor, &g.Currency, &last.Name)
		if seatRow != nil && seatColumn != nil {
			g.Seat = Seat{Row: *seatRow, Column: *seatColumn}.Name()
		}
		last.Order, last.N = g.Order, g.N
		return g, err
	})
	return out, last, db.Classify(op, err)
}
