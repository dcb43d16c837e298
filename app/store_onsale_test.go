package app

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/sales"
)

// saleSums is what is sold of an event with one category, counted in every way.
type saleSums struct{ Sold, Held, Capacity, Tickets, Asked, Orders, Keys int }

// keptOrder is an order as the database has it.
type keptOrder struct {
	Qty        int
	TotalMinor int64
	Tickets    int
}

type saleBooks struct {
	saleSums
	orders map[string]keptOrder
}

// saleBooks reads them in one snapshot, from outside the program, as soon as
// PostgreSQL can be asked again.
func (h *house) saleBooks(database string, e sales.Event) saleBooks {
	h.t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var b saleBooks
		if b, err = readBooks(h.t.Context(), database, e); err == nil {
			return b
		}
	}
	h.t.Fatalf("PostgreSQL cannot be asked: %v", err)
	return saleBooks{}
}

func readBooks(ctx context.Context, database string, e sales.Event) (b saleBooks, err error) {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return b, err
	}
	defer conn.Close(ctx)
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return b, err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if err = tx.QueryRow(ctx, `SELECT s.sold, s.held, s.capacity, (SELECT count(*) FROM sales.ticket t WHERE t.category = s.id), o.qty, o.n, o.keys
		FROM sales.stock s, (SELECT coalesce(sum(qty), 0) AS qty, count(*) AS n, count(DISTINCT repeat_key) AS keys FROM sales.orders WHERE event = $2) o WHERE s.id = $1`,
		e.Categories[0].ID, e.ID).Scan(&b.Sold, &b.Held, &b.Capacity, &b.Tickets, &b.Asked, &b.Orders, &b.Keys); err != nil {
		return b, err
	}
	rows, err := tx.Query(ctx, `SELECT o.id::text, o.qty, o.total_minor, (SELECT count(*) FROM sales.ticket t WHERE t.order_id = o.id) FROM sales.orders o WHERE o.event = $1`, e.ID)
	if err != nil {
		return b, err
	}
	b.orders = map[string]keptOrder{}
	var name string
	var o keptOrder
	_, err = pgx.ForEachRow(rows, []any{&name, &o.Qty, &o.TotalMinor, &o.Tickets}, func() error { b.orders[name] = o; return nil })
	return b, err
}
