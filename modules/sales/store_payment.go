package sales

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/pay"
)

const paymentColumns = `id, event, cart, mode, method, state, reason, amount_minor, paid_minor, refunded_minor, currency,
	coalesce(session, ''), coalesce(charge, ''), redirect, quote, bill, buyer, person, order_id, until, look_at, paid_at, created_at, changed_at`

func readPayment(row pgx.CollectableRow) (p Payment, err error) {
	var bill []byte
	err = row.Scan(&p.ID, &p.Event, &p.Cart, &p.Mode, &p.Method, &p.State, &p.Reason, &p.AmountMinor, &p.PaidMinor, &p.RefundedMinor, &p.Currency,
		&p.Session, &p.Charge, &p.Redirect, &p.Quote, &bill, &p.Buyer, &p.Person, &p.Order, &p.Until, &p.LookAt, &p.PaidAt, &p.CreatedAt, &p.ChangedAt)
	if err != nil {
		return p, err
	}
	for _, t := range []*time.Time{&p.CreatedAt, &p.ChangedAt, p.Until, p.PaidAt} {
		if t != nil {
			*t = t.UTC()
		}
	}
	return p, json.Unmarshal(bill, &p.Bill)
}

func onePayment(op string, rows pgx.Rows, err error) (Payment, error) {
	if err != nil {
		return Payment{}, db.Classify(op, err)
	}
	p, err := pgx.CollectExactlyOneRow(rows, readPayment)
	if err = db.Classify(op, err); fault.Is(err, fault.NotFound) {
		err = fault.E(op, fault.NotFound, "there is no such payment", err)
	}
	return p, err
}

func manyPayments(op string, rows pgx.Rows, err error) ([]Payment, error) {
	if err != nil {
		return nil, db.Classify(op, err)
	}
	found, err := pgx.CollectRows(rows, readPayment)
	return found, db.Classify(op, err)
}

// Payment finds one. Errors: fault.NotFound.
func (s *Service) Payment(ctx context.Context, payment id.ID) (Payment, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+paymentColumns+` FROM sales.payment WHERE id = $1`, payment)
	return onePayment("sales.Payment", rows, err)
}

// lockPayment reads a payment that this transaction alone may change. It is locked
// before tickets and stock.
func lockPayment(tx *db.Tx, payment id.ID) (Payment, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT `+paymentColumns+` FROM sales.payment WHERE id = $1 FOR UPDATE`, payment)
	return onePayment("sales.Payment", rows, err)
}

// lockPaymentOfOrder does the same by the order. Errors: fault.NotFound: it was not
// paid through us.
func lockPaymentOfOrder(tx *db.Tx, order id.ID) (Payment, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT `+paymentColumns+` FROM sales.payment WHERE order_id = $1 FOR UPDATE`, order)
	return onePayment("sales.Payment", rows, err)
}

// lockPaymentsOfCart reads those that say how a cart is, or was, paid, the latest first.
// They are locked in the order of their ids, as whoever locks an event's does.
func lockPaymentsOfCart(tx *db.Tx, cart id.ID) ([]Payment, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT `+paymentColumns+` FROM sales.payment WHERE cart = $1
		AND state IN ('created', 'pending', 'processing', 'paid', 'settled', 'due') ORDER BY id FOR UPDATE`, cart)
	found, err := manyPayments("sales.Checkout", rows, err)
	slices.Reverse(found)
	return found, err
}

func insertPayment(tx *db.Tx, p Payment) error {
	bill, err := json.Marshal(p.Bill)
	if err != nil {
		return fault.E("sales.Checkout", fault.Internal, "the bill is no JSON", err)
	}
	_, err = tx.Conn().Exec(tx.Ctx(), `INSERT INTO sales.payment (id, event, cart, mode, method, state, reason, amount_minor, currency, redirect, quote,
			bill, buyer, person, until, look_at, created_at, changed_at)
		VALUES ($1, $2, $3, $4, $5, $6, '', $7, $8, '', $9, $10, $11, $12, $13, $14, $15, $15)`,
		p.ID, p.Event, p.Cart, p.Mode, p.Method, p.State, p.AmountMinor, p.Currency, p.Quote, bill, p.Buyer, p.Person, p.Until, p.LookAt, tx.Now())
	return db.Classify("sales.Checkout", err)
}

// updatePayment writes what changes in the life of a payment. The caller has locked it.
func updatePayment(tx *db.Tx, p Payment) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE sales.payment SET state = $2, reason = $3, amount_minor = $4, paid_minor = $5, refunded_minor = $6,
			session = nullif($7, ''), charge = nullif($8, ''), redirect = $9, order_id = $10, look_at = $11, paid_at = $12, changed_at = $13, buyer = $14 WHERE id = $1`,
		p.ID, p.State, p.Reason, p.AmountMinor, p.PaidMinor, p.RefundedMinor, p.Session, p.Charge, p.Redirect, p.Order, p.LookAt, p.PaidAt, tx.Now(), p.Buyer)
	return db.Classify("sales.Payment", err)
}

// noteNotice reports whether a notice is heard for the first time.
func noteNotice(tx *db.Tx, mode pay.Mode, notice string) (bool, error) {
	done, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO sales.payment_notice (mode, id, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, mode, notice, tx.Now())
	return done.RowsAffected() == 1, db.Classify("sales.Hear", err)
}

// lockHold locks what a cart holds; it has no lines when it has ended.
func lockHold(tx *db.Tx, cart id.ID) (h held, err error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT category, qty, unit_minor, seats, also, also_qty FROM sales.hold
		WHERE cart = $1 AND expires_at > now() ORDER BY category FOR UPDATE`, cart)
	if err != nil {
		return h, db.Classify("sales.Checkout", err)
	}
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Line, error) { return readLine(row) })
	h.lines = make(map[id.ID]Line, len(lines))
	for _, l := range lines {
		h.lines[l.Category] = l
	}
	return h, db.Classify("sales.Checkout", err)
}

// lockCartOf locks what the cart of a payment holds, if it holds something yet.
func lockCartOf(tx *db.Tx, payment id.ID) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `SELECT FROM sales.hold WHERE cart = (SELECT cart FROM sales.payment WHERE id = $1) ORDER BY category FOR UPDATE`, payment)
	return db.Classify("sales.Payment", err)
}

// extendHold makes a cart's hold end at that moment, sooner or later than it would. Its
// price is promised as long as it was.
func extendHold(tx *db.Tx, cart id.ID, until time.Time) error {
	if h, err := lockHold(tx, cart); err != nil || len(h.lines) == 0 {
		return err
	}
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE sales.hold SET promised_until = coalesce(promised_until, expires_at), expires_at = $2 WHERE cart = $1`, cart, until)
	return db.Classify("sales.Checkout", err)
}

// PaymentQuery says which payments are wanted, the latest first.
type PaymentQuery struct {
	Event  id.ID  // id.Nil: of all
	State  string // "": any
	Before id.ID  // as the page before told
	Limit  int
}

// Payments lists payments, and where the next page begins; id.Nil at the end.
func (s *Service) Payments(ctx context.Context, q PaymentQuery) (found []Payment, next id.ID, err error) {
	const op = "sales.Payments"
	rows, err := s.db.Pool().Query(ctx, `SELECT `+paymentColumns+` FROM sales.payment
		WHERE ($1::uuid = $2 OR event = $1) AND ($3 = '' OR state = $3) AND ($4::uuid = $2 OR id < $4) ORDER BY id DESC LIMIT $5`,
		q.Event, id.Nil, q.State, q.Before, q.Limit+1)
	if found, err = manyPayments(op, rows, err); err != nil {
		return nil, next, err
	}
	found, next = cutPage(found, q.Limit, func(p *Payment) id.ID { return p.ID })
	return found, next, nil
}

// duePayments are those whose provider should be asked now.
func (s *Service) duePayments(ctx context.Context, limit int) ([]Payment, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+paymentColumns+` FROM sales.payment WHERE look_at <= $1 ORDER BY look_at LIMIT $2`, s.db.Now(), limit)
	return manyPayments("sales.Reconcile", rows, err)
}

// takeStuck finds payments or refunds of a state whose money has lain about for so long,
// although their job is gone or still fails, and lets them rest for as long again.
func takeStuck(tx *db.Tx, table, state string, after time.Duration, limit int) ([]id.ID, error) {
	const op = "sales.Reconcile"
	rows, err := tx.Conn().Query(tx.Ctx(), `UPDATE sales.`+table+` SET changed_at = $2
		WHERE id IN (SELECT id FROM sales.`+table+` WHERE state = $1 AND changed_at < $3 ORDER BY changed_at LIMIT $4 FOR UPDATE SKIP LOCKED) RETURNING id`,
		state, tx.Now(), tx.Now().Add(-after), limit)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[id.ID])
	return found, db.Classify(op, err)
}

// Revenue is what an event has earned: money for orders less what went back.
type Revenue struct {
	Currency      string `json:"currency"`
	PaidMinor     int64  `json:"paid_minor"`
	RefundedMinor int64  `json:"refunded_minor"`
	DueMinor      int64  `json:"due_minor"` // at the door
}

// RevenueOf sums up real money; play money of the sandbox is none.
func (s *Service) RevenueOf(ctx context.Context, event id.ID) (Revenue, error) {
	e, err := s.Event(ctx, event)
	if err != nil {
		return Revenue{}, err
	}
	r := Revenue{Currency: e.Currency}
	err = s.db.Pool().QueryRow(ctx, `SELECT coalesce(sum(paid_minor), 0)::bigint, coalesce(sum(refunded_minor), 0)::bigint,
			coalesce(sum(amount_minor) FILTER (WHERE state = 'due'), 0)::bigint
		FROM sales.payment WHERE event = $1 AND mode = 'live' AND state IN ('settled', 'due')`, event).Scan(&r.PaidMinor, &r.RefundedMinor, &r.DueMinor)
	return r, db.Classify("sales.Revenue", err)
}

func postponeLook(tx *db.Tx, payment id.ID, at time.Time) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE sales.payment SET look_at = $2 WHERE id = $1 AND look_at IS NOT NULL`, payment, at)
	return db.Classify("sales.Reconcile", err)
}
