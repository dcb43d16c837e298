package sales

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

const invoiceColumns = `id, series, year, number, mode, kind, payment, refund, order_id, event, document, issued_at`

func readInvoice(row pgx.CollectableRow) (i Invoice, err error) {
	var document []byte
	if err = row.Scan(&i.ID, &i.Series, &i.Year, &i.Number, &i.Mode, &i.Kind, &i.Payment, &i.Refund, &i.Order, &i.Event, &document, &i.IssuedAt); err != nil {
		return i, err
	}
	i.IssuedAt = i.IssuedAt.UTC()
	return i, json.Unmarshal(document, &i.Document)
}

func oneInvoice(rows pgx.Rows, err error) (Invoice, error) {
	const op = "sales.Invoice"
	if err != nil {
		return Invoice{}, db.Classify(op, err)
	}
	i, err := pgx.CollectExactlyOneRow(rows, readInvoice)
	if err = db.Classify(op, err); fault.Is(err, fault.NotFound) {
		err = fault.E(op, fault.NotFound, "there is no such invoice", err)
	}
	return i, err
}

// Invoice finds one. Errors: fault.NotFound.
func (s *Service) Invoice(ctx context.Context, invoice id.ID) (Invoice, error) {
	return oneInvoice(s.db.Pool().Query(ctx, `SELECT `+invoiceColumns+` FROM sales.invoice WHERE id = $1`, invoice))
}

func invoiceOf(tx *db.Tx, payment id.ID) (Invoice, error) {
	return oneInvoice(tx.Conn().Query(tx.Ctx(), `SELECT `+invoiceColumns+` FROM sales.invoice WHERE payment = $1 AND kind = 'invoice'`, payment))
}

// InvoicesOf are an order's invoice and its credit notes, as they were issued.
func (s *Service) InvoicesOf(ctx context.Context, order id.ID) ([]Invoice, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+invoiceColumns+` FROM sales.invoice WHERE order_id = $1 ORDER BY issued_at, number`, order)
	if err != nil {
		return nil, db.Classify("sales.Invoices", err)
	}
	found, err := pgx.CollectRows(rows, readInvoice)
	return found, db.Classify("sales.Invoices", err)
}

// Invoices are those of a series and year after a number, in their order.
func (s *Service) Invoices(ctx context.Context, series string, year, after, limit int) ([]Invoice, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+invoiceColumns+` FROM sales.invoice WHERE series = $1 AND year = $2 AND number > $3 ORDER BY number LIMIT $4`,
		series, year, after, limit)
	if err != nil {
		return nil, db.Classify("sales.Invoices", err)
	}
	found, err := pgx.CollectRows(rows, readInvoice)
	return found, db.Classify("sales.Invoices", err)
}

// nextNumber takes the next number of a series and year. The counter's row stays
// locked until the transaction ends, and a transaction that fails takes nothing.
func nextNumber(tx *db.Tx, series string, year int) (n int, err error) {
	err = tx.Conn().QueryRow(tx.Ctx(), `INSERT INTO sales.invoice_counter AS c (series, year, last) VALUES ($1, $2, 1)
		ON CONFLICT (series, year) DO UPDATE SET last = c.last + 1 RETURNING last`, series, year).Scan(&n)
	return n, db.Classify("sales.issue", err)
}

func insertInvoice(tx *db.Tx, i Invoice) error {
	document, err := json.Marshal(i.Document)
	if err != nil {
		return fault.E("sales.issue", fault.Internal, "the invoice is no JSON", err)
	}
	_, err = tx.Conn().Exec(tx.Ctx(), `INSERT INTO sales.invoice (`+invoiceColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		i.ID, i.Series, i.Year, i.Number, i.Mode, i.Kind, i.Payment, i.Refund, i.Order, i.Event, document, i.IssuedAt)
	return db.Classify("sales.issue", err)
}

// validTickets counts the tickets of an order that are not void, by category.
func validTickets(tx *db.Tx, order id.ID) (map[id.ID]int, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT category, count(*) FROM sales.ticket WHERE order_id = $1 AND voided_at IS NULL GROUP BY category`, order)
	if err != nil {
		return nil, db.Classify("sales.issue", err)
	}
	qty := map[id.ID]int{}
	var category id.ID
	var n int
	_, err = pgx.ForEachRow(rows, []any{&category, &n}, func() error { qty[category] = n; return nil })
	return qty, db.Classify("sales.issue", err)
}
