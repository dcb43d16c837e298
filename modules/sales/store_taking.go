package sales

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// insertTaking notes who took money, and when. A report that comes again changes nothing,
// nor does one that is not booked by who booked the order's, also under another name.
func insertTaking(tx *db.Tx, t taking, device string, booked bool) error {
	at := tx.Now()
	if t.TakenAt != nil && t.TakenAt.Before(at) { // nobody took it tomorrow
		at = *t.TakenAt
	}
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO sales.taking (order_id, event, device, taken_at, amount_minor, booked, received_at)
		SELECT $1, $2, $3, $4, $5, $6, $7 WHERE $6 OR NOT EXISTS (SELECT FROM sales.taking WHERE order_id = $1 AND (device = $3 OR taken_at = $4) AND booked)
		ON CONFLICT DO NOTHING`, t.Order, t.Event, device, at, t.AmountMinor, booked, tx.Now())
	return db.Classify("sales.ReceiveAtDoor", err)
}

// takingsTooMuch are all takings of those orders of an event of which one is not booked.
func (s *Service) takingsTooMuch(ctx context.Context, event id.ID) (map[id.ID][]DoorTaking, error) {
	const op = "sales.Overpaid"
	rows, err := s.db.Pool().Query(ctx, `SELECT t.order_id, t.device, t.taken_at, t.amount_minor, o.currency, t.booked
		FROM sales.taking t JOIN sales.orders o ON o.id = t.order_id
		WHERE t.order_id IN (SELECT order_id FROM sales.taking WHERE event = $1 AND NOT booked) ORDER BY t.taken_at, t.device`, event)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	out := map[id.ID][]DoorTaking{}
	var order id.ID
	var t DoorTaking
	_, err = pgx.ForEachRow(rows, []any{&order, &t.Device, &t.At, &t.AmountMinor, &t.Currency, &t.Booked}, func() error {
		t.At = t.At.UTC()
		out[order] = append(out[order], t)
		return nil
	})
	return out, db.Classify(op, err)
}
