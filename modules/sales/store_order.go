package sales

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

const (
	// needsPerson finds refunds r that nothing but a person takes further, and
	// refundNeedsPerson the payments p that they are of.
	needsPerson       = `r.state IN ('failed', 'by_hand')`
	refundNeedsPerson = `EXISTS (SELECT FROM sales.refund r WHERE r.payment = p.id AND ` + needsPerson + `)`
)

// orderRowsSQL lists an event's orders with how each is paid, the latest first. $1 event, $2 search, $3 which,
// $4 the order to go on after ($5: none), $6 limit, one more than the page has.
const orderRowsSQL = `SELECT o.id, o.qty, o.total_minor, o.currency, o.buyer, o.created_at,
		(SELECT count(*) FROM sales.ticket t WHERE t.order_id = o.id AND t.voided_at IS NOT NULL),
		EXISTS (SELECT FROM sales.refund r WHERE r.order_id = o.id AND ` + needsPerson + `),
		EXISTS (SELECT FROM sales.reversal r WHERE r.payment = p.id AND ` + unseen + `),
		coalesce(p.method, ''), coalesce(p.state, ''), coalesce(p.amount_minor, 0), coalesce(p.paid_minor, 0), coalesce(p.refunded_minor, 0)
	FROM sales.orders o LEFT JOIN sales.payment p ON p.order_id = o.id
	WHERE o.event = $1 AND ($4::uuid = $5 OR o.id < $4)
	AND ($2 = '' OR position($2 IN lower(coalesce(o.buyer->>'name', ''))) > 0 OR position($2 IN lower(coalesce(o.buyer->>'email', ''))) > 0
		OR position($2 IN o.id::text) > 0 OR lower(coalesce(p.session, '')) = $2)
	AND CASE $3 WHEN '' THEN true
		WHEN 'paid' THEN p.state = 'settled' AND p.refunded_minor = 0
		WHEN 'due' THEN p.state = 'due'
		WHEN 'refunded' THEN EXISTS (SELECT FROM sales.refund r WHERE r.order_id = o.id)
		WHEN 'attention' THEN EXISTS (SELECT FROM sales.refund r WHERE r.order_id = o.id AND ` + needsPerson + `)
		WHEN 'reversed' THEN EXISTS (SELECT FROM sales.reversal r WHERE r.payment = p.id)
		ELSE p.id IS NULL END
	ORDER BY o.id DESC LIMIT $6`

func (s *Service) orderRows(ctx context.Context, event id.ID, q OrderQuery) ([]OrderRow, error) {
	const op = "sales.Orders"
	rows, err := s.db.Pool().Query(ctx, orderRowsSQL, event, q.Search, q.Which, q.Before, id.Nil, q.Limit+1)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o OrderRow, err error) {
		o.Event = event
		return o, row.Scan(&o.ID, &o.Qty, &o.TotalMinor, &o.Currency, &o.Buyer, &o.CreatedAt, &o.Void, &o.Attention, &o.Reversed,
			&o.Payment.Method, &o.Payment.State, &o.Payment.AmountMinor, &o.Payment.PaidMinor, &o.Payment.RefundedMinor)
	})
	return found, db.Classify(op, err)
}

// waitingMoney is what of an event's money waits for a person: orders with refunds to send,
// orders of which money was taken back, and payments without an order.
type waitingMoney struct{ send, reversed, loose int }

func (s *Service) moneyWaiting(ctx context.Context, event id.ID) (w waitingMoney, err error) {
	err = s.db.Pool().QueryRow(ctx, `SELECT (SELECT count(DISTINCT r.order_id) FROM sales.refund r WHERE r.event = $1 AND `+needsPerson+`),
		(SELECT count(DISTINCT p.order_id) FROM sales.reversal r JOIN sales.payment p ON p.id = r.payment WHERE p.event = $1 AND `+unseen+`),
		(SELECT count(*) FROM sales.payment p WHERE p.event = $1 AND p.order_id IS NULL AND (p.state = 'flagged' OR `+refundNeedsPerson+`
			OR EXISTS (SELECT FROM sales.reversal r WHERE r.payment = p.id AND `+unseen+`)))`, event).Scan(&w.send, &w.reversed, &w.loose)
	return w, db.Classify("sales.moneyWaiting", err)
}

// loosePayments lists an event's payments that no order belongs to, the latest first.
func (s *Service) loosePayments(ctx context.Context, event id.ID, q OrderQuery) ([]Payment, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+paymentColumns+` FROM sales.payment p WHERE event = $1 AND order_id IS NULL AND ($4::uuid = $5 OR id < $4)
		AND ($2 = '' OR position($2 IN lower(coalesce(buyer->>'name', ''))) > 0 OR position($2 IN lower(coalesce(buyer->>'email', ''))) > 0
			OR position($2 IN id::text) > 0 OR lower(coalesce(session, '')) = $2)
		AND CASE $3 WHEN '' THEN true
			WHEN 'awaited' THEN state IN ('created', 'pending', 'processing', 'paid')
			WHEN 'attention' THEN state = 'flagged' OR `+refundNeedsPerson+` OR EXISTS (SELECT FROM sales.reversal r WHERE r.payment = p.id AND `+unseen+`)
			WHEN 'returned' THEN state = 'refunded'
			ELSE state IN ('failed', 'expired') END
		ORDER BY id DESC LIMIT $6`, event, q.Search, q.Which, q.Before, id.Nil, q.Limit+1)
	return manyPayments("sales.Payments", rows, err)
}

// paymentsOfOrder are the one that an order was paid by and the others of its cart, in the order they began.
func (s *Service) paymentsOfOrder(ctx context.Context, order id.ID) ([]Payment, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+paymentColumns+` FROM sales.payment
		WHERE cart IN (SELECT cart FROM sales.payment WHERE order_id = $1) ORDER BY id`, order)
	return manyPayments("sales.Payments", rows, err)
}

// refundsOfOrder are those of an order (id.Nil: of none) and of payments, in the order they were made.
func (s *Service) refundsOfOrder(ctx context.Context, order id.ID, payments []id.ID) ([]Refund, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+refundColumns+` FROM sales.refund r WHERE r.order_id = $1 OR r.payment = ANY($2) ORDER BY r.id`, order, payments)
	return manyRefunds(rows, err)
}

// admitted is when somebody first went in with each of an order's tickets.
func (s *Service) admitted(ctx context.Context, order id.ID) (map[int]time.Time, error) {
	const op = "sales.Scans"
	rows, err := s.db.Pool().Query(ctx, `SELECT n, min(scanned_at) FROM sales.use WHERE order_id = $1 GROUP BY n`, order)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	in := map[int]time.Time{}
	var n int
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&n, &at}, func() error { in[n] = at; return nil })
	return in, db.Classify(op, err)
}

// openOrders are an event's orders that have tickets which are not void, after one.
func (s *Service) openOrders(ctx context.Context, event, after id.ID, limit int) ([]id.ID, error) {
	const op = "sales.RefundAll"
	rows, err := s.db.Pool().Query(ctx, `SELECT id FROM sales.orders WHERE event = $1 AND id > $2 AND cancelled_at IS NULL ORDER BY id LIMIT $3`, event, after, limit)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[id.ID])
	return found, db.Classify(op, err)
}

// outstanding adds up what refunding all of an event's orders would return: of one whose
// tickets went back in part, the fees that were kept stay.
func (s *Service) outstanding(ctx context.Context, e *Event) (Outstanding, error) {
	out := Outstanding{Currency: e.Currency}
	err := s.db.Pool().QueryRow(ctx, `SELECT count(*), coalesce(sum(CASE WHEN p.refunded_minor = 0 THEN p.paid_minor ELSE (
			SELECT sum((l->>'unit_minor')::bigint) FROM sales.ticket t JOIN jsonb_array_elements(p.bill->'lines') l ON (l->>'category')::uuid = t.category
			WHERE t.order_id = o.id AND t.voided_at IS NULL) END), 0)::bigint
		FROM sales.orders o LEFT JOIN sales.payment p ON p.order_id = o.id AND p.state = 'settled' WHERE o.event = $1 AND o.cancelled_at IS NULL`, e.ID).Scan(&out.Orders, &out.AmountMinor)
	return out, db.Classify("sales.RefundAll", err)
}
