package sales

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/pay"
)

const refundColumns = `r.id, r.payment, r.order_id, r.event, r.tickets, r.amount_minor, r.currency, r.reason, r.actor, r.state, r.error, r.attempt, r.ref, r.created_at, r.changed_at`

func readRefund(row pgx.CollectableRow, more ...any) (r Refund, err error) {
	err = row.Scan(append([]any{&r.ID, &r.Payment, &r.Order, &r.Event, &r.Tickets, &r.AmountMinor, &r.Currency, &r.Reason, &r.Actor, &r.State, &r.Error, &r.Attempt, &r.Ref,
		&r.CreatedAt, &r.ChangedAt}, more...)...)
	r.CreatedAt, r.ChangedAt = r.CreatedAt.UTC(), r.ChangedAt.UTC()
	return r, err
}

func noRefund(err error) error {
	return fault.E("sales.Refund", fault.NotFound, "there is no such refund", err)
}

// Refund finds one. Errors: fault.NotFound.
func (s *Service) Refund(ctx context.Context, refund id.ID) (Refund, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+refundColumns+` FROM sales.refund r WHERE r.id = $1`, refund)
	if err != nil {
		return Refund{}, db.Classify("sales.Refund", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (Refund, error) { return readRefund(row) })
	if err = db.Classify("sales.Refund", err); fault.Is(err, fault.NotFound) {
		err = noRefund(err)
	}
	return r, err
}

// lockRefund reads a refund with the mode of its payment, for this transaction alone.
func lockRefund(tx *db.Tx, refund id.ID) (r Refund, mode pay.Mode, err error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT `+refundColumns+`, p.mode FROM sales.refund r JOIN sales.payment p ON p.id = r.payment
		WHERE r.id = $1 FOR UPDATE OF r`, refund)
	if err != nil {
		return r, mode, db.Classify("sales.Refund", err)
	}
	r, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (Refund, error) { return readRefund(row, &mode) })
	if err = db.Classify("sales.Refund", err); fault.Is(err, fault.NotFound) {
		err = noRefund(err)
	}
	return r, mode, err
}

func insertRefund(tx *db.Tx, r Refund) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO sales.refund (id, payment, order_id, event, tickets, amount_minor, currency, reason, actor, state, error, attempt, ref, created_at, changed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', $11, '', $12, $12)`,
		r.ID, r.Payment, r.Order, r.Event, r.Tickets, r.AmountMinor, r.Currency, r.Reason, r.Actor, r.State, r.Attempt, tx.Now())
	return db.Classify("sales.Refund", err)
}

func updateRefund(tx *db.Tx, r Refund) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE sales.refund SET state = $2, error = $3, attempt = $4, ref = $5, changed_at = $6 WHERE id = $1`,
		r.ID, r.State, r.Error, r.Attempt, r.Ref, tx.Now())
	return db.Classify("sales.Refund", err)
}

// RefundQuery narrows a list of refunds.
type RefundQuery struct {
	Event  id.ID       // id.Nil: of all
	State  RefundState // "": any
	Before id.ID       // as the page before told
	Limit  int
}

// Refunds lists refunds, the latest first, and where the next page begins; id.Nil at the end.
func (s *Service) Refunds(ctx context.Context, q RefundQuery) (found []Refund, next id.ID, err error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+refundColumns+` FROM sales.refund r
		WHERE ($1::uuid = $2 OR r.event = $1) AND ($3 = '' OR r.state = $3) AND ($4::uuid = $2 OR r.id < $4) ORDER BY r.id DESC LIMIT $5`,
		q.Event, id.Nil, q.State, q.Before, q.Limit+1)
	if found, err = manyRefunds(rows, err); err != nil {
		return nil, next, err
	}
	found, next = cutPage(found, q.Limit, func(r *Refund) id.ID { return r.ID })
	return found, next, nil
}

func manyRefunds(rows pgx.Rows, err error) ([]Refund, error) {
	const op = "sales.Refunds"
	if err != nil {
		return nil, db.Classify(op, err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Refund, error) { return readRefund(row) })
	return found, db.Classify(op, err)
}

func eventOfOrder(tx *db.Tx, order id.ID) (event id.ID, err error) {
	const op = "sales.Order"
	err = db.Classify(op, tx.Conn().QueryRow(tx.Ctx(), `SELECT event FROM sales.orders WHERE id = $1`, order).Scan(&event))
	if fault.Is(err, fault.NotFound) {
		err = noOrder(err)
	}
	return event, err
}

// soldTicket is a ticket as far as giving it back goes.
type soldTicket struct {
	n        int
	category id.ID
	seat     *id.ID
	void     bool
}

// lockTickets locks an order's tickets, so that each is voided once.
func lockTickets(tx *db.Tx, order id.ID) ([]soldTicket, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT n, category, seat, voided_at IS NOT NULL FROM sales.ticket WHERE order_id = $1 ORDER BY n FOR UPDATE`, order)
	if err != nil {
		return nil, db.Classify("sales.RefundOrder", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t soldTicket, err error) {
		return t, row.Scan(&t.n, &t.category, &t.seat, &t.void)
	})
	return found, db.Classify("sales.RefundOrder", err)
}

// voidNumbers voids tickets, and with the last of them the order.
func voidNumbers(tx *db.Tx, order id.ID, ns []int) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE sales.ticket SET voided_at = $3 WHERE order_id = $1 AND n = ANY($2)`, order, ns, tx.Now())
	if err == nil {
		_, err = tx.Conn().Exec(tx.Ctx(), `UPDATE sales.orders SET cancelled_at = $2 WHERE id = $1
			AND NOT EXISTS (SELECT FROM sales.ticket WHERE order_id = $1 AND voided_at IS NULL)`, order, tx.Now())
	}
	return db.Classify("sales.RefundOrder", err)
}

// changeStock changes what is sold and held, in the order in which the till does.
func changeStock(tx *db.Tx, need []need) (left []remaining, err error) {
	b := &pgx.Batch{}
	for _, n := range need {
		queueChange(b, changeStockSQL, n, &left)
	}
	return left, db.Classify("sales.RefundOrder", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}

// unsettledCarts are the carts of payments that may be about to have an order, and
// the key of the order in question. They are locked, so that none is settled meanwhile.
func unsettledCarts(tx *db.Tx, order id.ID) (key RepeatKey, carts []id.ID, err error) {
	const op = "sales.RefundOrder"
	var event id.ID
	var raw []byte
	if err = db.Classify(op, tx.Conn().QueryRow(tx.Ctx(), `SELECT event, repeat_key FROM sales.orders WHERE id = $1`, order).Scan(&event, &raw)); err != nil {
		if fault.Is(err, fault.NotFound) {
			err = noOrder(err)
		}
		return key, nil, err
	}
	copy(key[:], raw)
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT cart FROM sales.payment WHERE event = $1 AND (state = 'paid' OR state = 'created' AND method = 'door') ORDER BY id FOR UPDATE`, event)
	if err != nil {
		return key, nil, db.Classify(op, err)
	}
	carts, err = pgx.CollectRows(rows, pgx.RowTo[id.ID])
	return key, carts, db.Classify(op, err)
}

func noOrder(err error) error {
	return fault.E("sales.Order", fault.NotFound, "there is no such order", err)
}
