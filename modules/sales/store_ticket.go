package sales

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

const ticketColumns = `o.event, t.order_id, t.n, t.category, t.unit_minor, p.seat_row, p.seat_column, t.version, t.holder, t.voided_at`

func readTicket(row pgx.CollectableRow) (t Ticket, err error) {
	var seatRow, seatColumn *int
	err = row.Scan(&t.Event, &t.Order, &t.N, &t.Category, &t.UnitMinor, &seatRow, &seatColumn, &t.Version, &t.Holder, &t.VoidedAt)
	if seatRow != nil && seatColumn != nil {
		t.Seat = Seat{Row: *seatRow, Column: *seatColumn}.Name()
	}
	return t, err
}

// OrderTickets reads an order, without its lines, and its tickets by number.
// Errors: fault.NotFound.
func (s *Service) OrderTickets(ctx context.Context, order id.ID) (Order, []Ticket, error) {
	const op = "sales.OrderTickets"
	o := Order{ID: order}
	err := s.db.Pool().QueryRow(ctx, `SELECT event, qty, total_minor, currency, buyer, coalesce(person::text, ''), created_at FROM sales.orders WHERE id = $1`, order).
		Scan(&o.Event, &o.Qty, &o.TotalMinor, &o.Currency, &o.Buyer, &o.Person, &o.CreatedAt)
	if err = db.Classify(op, err); fault.Is(err, fault.NotFound) {
		return o, nil, noOrder(err)
	} else if err != nil {
		return o, nil, err
	}
	rows, err := s.db.Pool().Query(ctx, `SELECT `+ticketColumns+` FROM sales.ticket t JOIN sales.orders o ON o.id = t.order_id
		LEFT JOIN sales.seat p ON p.id = t.seat WHERE t.order_id = $1 ORDER BY t.n`, order)
	if err != nil {
		return o, nil, db.Classify(op, err)
	}
	tickets, err := pgx.CollectRows(rows, readTicket)
	return o, tickets, db.Classify(op, err)
}

// lockTicket reads one ticket for a change. Errors: fault.NotFound.
func lockTicket(tx *db.Tx, order id.ID, n int) (Ticket, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT `+ticketColumns+` FROM sales.ticket t JOIN sales.orders o ON o.id = t.order_id
		LEFT JOIN sales.seat p ON p.id = t.seat WHERE t.order_id = $1 AND t.n = $2 FOR UPDATE OF t`, order, n)
	if err != nil {
		return Ticket{}, db.Classify("sales.Ticket", err)
	}
	t, err := pgx.CollectExactlyOneRow(rows, readTicket)
	if err = db.Classify("sales.Ticket", err); fault.Is(err, fault.NotFound) {
		return t, noTicket(err)
	}
	return t, err
}

// setHolder records to whom a locked ticket was handed on.
func setHolder(tx *db.Tx, t *Ticket) error {
	const op = "sales.Transfer"
	holder, err := json.Marshal(t.Holder)
	if err != nil {
		return fault.E(op, fault.Internal, "cannot write the holder", err)
	}
	_, err = tx.Conn().Exec(tx.Ctx(), `UPDATE sales.ticket SET holder = $3, version = $4 WHERE order_id = $1 AND n = $2`, t.Order, t.N, holder, t.Version)
	return db.Classify(op, err)
}
