package sales

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// namesOf are the tickets that scans are about, as two columns.
func namesOf(rows []scanRow) (orders []id.ID, ns []int) {
	for _, r := range rows {
		if r.ticket != nil {
			orders, ns = append(orders, r.ticket.order), append(ns, r.ticket.n)
		}
	}
	return orders, ns
}

// lockStandings reads what is known of the tickets and keeps other scans of them
// waiting. All take the locks in one order, so nobody waits in a circle.
func lockStandings(tx *db.Tx, seen []scanRow) (map[ticketName]standing, error) {
	const op = "sales.CheckIn"
	orders, ns := namesOf(seen)
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT t.order_id, t.n, o.event, t.version, `+voidColumn+`, `+owedColumns+`
		FROM sales.ticket t JOIN sales.orders o ON o.id = t.order_id LEFT JOIN sales.event e ON e.id = o.event `+joinDue+`
		WHERE (t.order_id, t.n) IN (SELECT * FROM unnest($1::uuid[], $2::int[])) ORDER BY t.order_id, t.n FOR UPDATE OF t`, orders, ns)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	out := map[ticketName]standing{}
	var name ticketName
	var now standing
	_, err = pgx.ForEachRow(rows, []any{&name.order, &name.n, &now.Event, &now.Version, &now.Void, &now.DueMinor, &now.Currency}, func() error {
		out[name] = now
		return nil
	})
	return out, db.Classify(op, err)
}

// scansReported are those of the scans that were reported before, by their ids.
// Errors: fault.Invalid when one was another event's.
func scansReported(tx *db.Tx, event id.ID, scans []Scan) (map[id.ID]reported, error) {
	const op = "sales.CheckIn"
	names := make([]id.ID, len(scans))
	for i, scan := range scans {
		names[i] = scan.ID
	}
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT id, event, order_id, coalesce(n, 0), answered, let_in FROM sales.scan WHERE id = ANY($1)`, names)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	out := map[id.ID]reported{}
	var scan, door id.ID
	var order *id.ID
	var n int
	var r reported
	_, err = pgx.ForEachRow(rows, []any{&scan, &door, &order, &n, &r.answered, &r.letIn}, func() error {
		if door != event {
			return fault.BadField(op, "id", scan.String()+" was reported for another event", "a new id for each scan")
		}
		if r.ticket = nil; order != nil {
			r.ticket = &ticketName{*order, n}
		}
		out[scan] = r
		return nil
	})
	return out, db.Classify(op, err)
}

// usesOf are the times that somebody went in with the tickets at this door: what another
// event's scanner says of a ticket counts nowhere.
func usesOf(tx *db.Tx, event id.ID, seen []scanRow) (map[ticketName][]Use, error) {
	orders, ns := namesOf(seen)
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT order_id, n, id, device, scanned_at, offline FROM sales.use
		WHERE event = $3 AND (order_id, n) IN (SELECT * FROM unnest($1::uuid[], $2::int[])) ORDER BY scanned_at, id`, orders, ns, event)
	return readUses("sales.CheckIn", rows, err)
}

func readUses(op string, rows pgx.Rows, err error) (map[ticketName][]Use, error) {
	if err != nil {
		return nil, db.Classify(op, err)
	}
	out := map[ticketName][]Use{}
	var name ticketName
	var u Use
	_, err = pgx.ForEachRow(rows, []any{&name.order, &name.n, &u.Scan, &u.Device, &u.At, &u.Offline}, func() error {
		out[name] = append(out[name], u)
		return nil
	})
	return out, db.Classify(op, err)
}

// insertScans logs scans. One that was logged as turned away stays so, unless its device
// had let somebody in before our answer came.
func insertScans(tx *db.Tx, event id.ID, fresh []scanRow) error {
	b := &pgx.Batch{}
	for _, r := range fresh {
		var order *id.ID
		var n, version *int
		if r.ticket != nil {
			order, n, version = &r.ticket.order, &r.ticket.n, &r.version
		}
		b.Queue(`INSERT INTO sales.scan (id, event, order_id, n, version, device, scanned_at, received_at, offline, by_hand, let_in, answered)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
			ON CONFLICT (id) DO UPDATE SET order_id = excluded.order_id, n = excluded.n, version = excluded.version, scanned_at = excluded.scanned_at,
			received_at = excluded.received_at, offline = excluded.offline, let_in = excluded.let_in, answered = excluded.answered
			WHERE scan.event = excluded.event AND NOT scan.let_in AND excluded.let_in`, r.ID, event, order, n, version, r.device, r.at, tx.Now(), r.Offline, r.byHand, r.LetIn, string(r.answered))
	}
	return db.Classify("sales.CheckIn", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}

func (s *Service) doublesOf(ctx context.Context, event id.ID) (map[ticketName][]Use, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT order_id, n, id, device, scanned_at, offline FROM sales.use
		WHERE (order_id, n) IN (SELECT order_id, n FROM sales.use WHERE event = $1 GROUP BY order_id, n HAVING count(*) > 1)`, event)
	return readUses("sales.Doubles", rows, err)
}

// used reports whether somebody went in with the ticket.
func used(tx *db.Tx, order id.ID, n int) (yes bool, err error) {
	err = tx.Conn().QueryRow(tx.Ctx(), `SELECT EXISTS (SELECT FROM sales.use WHERE order_id = $1 AND n = $2)`, order, n).Scan(&yes)
	return yes, db.Classify("sales.Transfer", err)
}

// changedTickets are those of an event whose codes as they were sold are not good any more.
func (s *Service) changedTickets(ctx context.Context, event id.ID) ([]ChangedTicket, error) {
	const op = "sales.DoorSnapshot"
	rows, err := s.db.Pool().Query(ctx, `SELECT t.order_id, t.n, t.version, t.voided_at IS NOT NULL FROM sales.orders o JOIN sales.ticket t ON t.order_id = o.id
		WHERE o.event = $1 AND (t.version > 1 OR t.voided_at IS NOT NULL) ORDER BY t.order_id, t.n`, event)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t ChangedTicket, err error) {
		return t, row.Scan(&t.Order, &t.N, &t.Version, &t.Void)
	})
	return out, db.Classify(op, err)
}

// dueOrders are those of an event that are to be paid at the door.
func (s *Service) dueOrders(ctx context.Context, event id.ID) ([]DueOrder, error) {
	const op = "sales.DoorSnapshot"
	rows, err := s.db.Pool().Query(ctx, `SELECT order_id, amount_minor FROM sales.payment WHERE event = $1 AND state = 'due' ORDER BY order_id`, event)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DueOrder])
	return out, db.Classify(op, err)
}

// usedTickets are those of an event with which somebody went in, by our knowledge since then.
func (s *Service) usedTickets(ctx context.Context, event id.ID, since time.Time) ([]UsedTicket, error) {
	const op = "sales.DoorSnapshot"
	rows, err := s.db.Pool().Query(ctx, `SELECT order_id, n, device, scanned_at FROM sales.use
		WHERE event = $1 AND received_at >= $2 ORDER BY received_at, id`, event, since)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t UsedTicket, err error) {
		return t, row.Scan(&t.Order, &t.N, &t.Device, &t.At)
	})
	return out, db.Classify(op, err)
}

// DoorCounts counts an event's tickets and who went in with them.
func (s *Service) DoorCounts(ctx context.Context, event id.ID) (c DoorCounts, err error) {
	err = s.db.Pool().QueryRow(ctx, `SELECT
		(SELECT count(*) FROM sales.orders o JOIN sales.ticket t ON t.order_id = o.id WHERE o.event = $1 AND t.voided_at IS NULL),
		(SELECT count(DISTINCT (order_id, n)) FROM sales.use WHERE event = $1),
		(SELECT count(*) FROM sales.scan WHERE event = $1 AND NOT let_in),
		(SELECT count(*) FROM (SELECT FROM sales.use WHERE event = $1 GROUP BY order_id, n HAVING count(*) > 1) d),
		(SELECT count(DISTINCT order_id) FROM sales.taking WHERE event = $1 AND NOT booked),
		(SELECT count(*) FROM sales.use WHERE event = $1 AND `+noGood+`),
		(SELECT count(*) FROM sales.scan_undone WHERE event = $1)`, event).
		Scan(&c.Valid, &c.In, &c.Refused, &c.Double, &c.Overpaid, &c.Invalid, &c.Undone)
	return c, db.Classify("sales.DoorCounts", err)
}
