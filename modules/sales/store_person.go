package sales

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

func (s *Service) ordersOfPerson(ctx context.Context, person id.ID) ([]id.ID, error) {
	return ofPerson(ctx, s, pgx.RowTo[id.ID], `SELECT id FROM sales.orders WHERE person = $1 ORDER BY id`, person)
}

func (s *Service) paymentsOfPerson(ctx context.Context, person id.ID) ([]paid, error) {
	return ofPerson(ctx, s, func(row pgx.CollectableRow) (p paid, err error) {
		err = row.Scan(&p.ID, &p.Event, &p.Order, &p.Method, &p.State, &p.AmountMinor, &p.PaidMinor, &p.RefundedMinor, &p.Currency, &p.Buyer, &p.CreatedAt)
		p.CreatedAt = p.CreatedAt.UTC()
		return p, err
	}, `SELECT id, event, order_id, method, state, amount_minor, paid_minor, refunded_minor, currency, buyer, created_at
		FROM sales.payment WHERE person = $1 ORDER BY id`, person)
}

func (s *Service) waitingOfPerson(ctx context.Context, person id.ID) ([]Waiting, error) {
	return ofPerson(ctx, s, func(row pgx.CollectableRow) (w Waiting, err error) {
		err = row.Scan(&w.No, &w.ID, &w.Event, &w.Category, &w.Qty, &w.Email, &w.Locale, &w.State, &w.CreatedAt)
		w.Person, w.CreatedAt = &person, w.CreatedAt.UTC()
		return w, err
	}, `SELECT no, id, event, category, qty, email, locale, state, created_at FROM sales.waitlist WHERE person = $1 ORDER BY no`, person)
}

func (s *Service) scansOfOrder(ctx context.Context, order id.ID) ([]scanned, error) {
	return ofPerson(ctx, s, func(row pgx.CollectableRow) (v scanned, err error) {
		err = row.Scan(&v.Order, &v.N, &v.ScannedAt, &v.Answered, &v.UndoneAt)
		v.ScannedAt = v.ScannedAt.UTC()
		return v, err
	}, `SELECT s.order_id, s.n, s.scanned_at, s.answered, u.undone_at FROM sales.scan s LEFT JOIN sales.scan_undone u ON u.scan = s.id
		WHERE s.order_id = $1 AND s.n IS NOT NULL ORDER BY s.scanned_at`, order)
}

func ofPerson[T any](ctx context.Context, s *Service, read pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	return rowsOf(ctx, s, "sales.ExportPerson", read, sql, args...)
}

// rowsOf reads all rows of a query.
func rowsOf[T any](ctx context.Context, s *Service, op string, read pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	rows, err := s.db.Pool().Query(ctx, sql, args...)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	list, err := pgx.CollectRows(rows, read)
	return list, db.Classify(op, err)
}

// forgetPerson cuts names and addresses out, and at last the link to the person, by
// which all of it is found.
func forgetPerson(tx *db.Tx, person id.ID) error {
	b := &pgx.Batch{}
	// A holder without a name is still one: the link he has goes on working.
	b.Queue(`UPDATE sales.ticket SET holder = '{"name": ""}' WHERE holder IS NOT NULL AND order_id IN (SELECT id FROM sales.orders WHERE person = $1)`, person)
	b.Queue(`UPDATE sales.invoice SET document = jsonb_set(document, '{buyer}', '{}')
		WHERE order_id IN (SELECT id FROM sales.orders WHERE person = $1) OR payment IN (SELECT id FROM sales.payment WHERE person = $1)`, person)
	b.Queue(`UPDATE sales.payment SET buyer = '{}', person = NULL WHERE person = $1`, person)
	b.Queue(`UPDATE sales.orders SET buyer = '{}', person = NULL WHERE person = $1`, person)
	b.Queue(`UPDATE sales.waitlist SET email = '', person = NULL, state = CASE WHEN state IN ('waiting', 'offered') THEN 'left' ELSE state END WHERE person = $1`, person)
	return db.Classify("sales.ErasePerson", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}
