package sales

import (
	"bytes"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Orders and tickets go in by COPY: a row costs the server half of what it costs by
// INSERT … SELECT unnest (ADR 0040).
const (
	copyOrdersSQL  = `COPY sales.orders (id, event, repeat_key, body_hash, qty, total_minor, currency, buyer, person, created_at) FROM STDIN (FORMAT binary)`
	copyTicketsSQL = `COPY sales.ticket (order_id, n, category, unit_minor, seat) FROM STDIN (FORMAT binary)`
)

const insertHoldsSQL = `INSERT INTO sales.hold (cart, category, qty, unit_minor, seats, also, also_qty, body_hash, expires_at)
	SELECT cart, category, qty, unit_minor, string_to_array(seats, ' ')::uuid[], string_to_array(also, ' ')::uuid[],
		string_to_array(also_qty, ' ')::int[], body_hash, now() + left_ms * interval '1 millisecond'
	FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::bytea[])
		AS h (cart, category, qty, unit_minor, left_ms, seats, also, also_qty, body_hash)
	RETURNING cart, expires_at`

// deleteHoldsSQL takes only rows that hold just what the cart says, so that the
// stock changes by what was kept back, and at the price that was promised with it: a
// cart's id may come again, with another hold. It objects unless all of them are there.
const deleteHoldsSQL = `WITH gone AS (
		DELETE FROM sales.hold h
		USING unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::text[], $6::text[], $7::text[]) AS w (cart, category, qty, unit_minor, seats, also, also_qty)
		WHERE h.cart = w.cart AND h.category = w.category AND h.qty = w.qty AND h.unit_minor = w.unit_minor
			AND h.seats IS NOT DISTINCT FROM string_to_array(w.seats, ' ')::uuid[]
			AND h.also IS NOT DISTINCT FROM string_to_array(w.also, ' ')::uuid[]
			AND h.also_qty IS NOT DISTINCT FROM string_to_array(w.also_qty, ' ')::int[]
		RETURNING 1)
	SELECT sales.insist(count(*) = cardinality($1::uuid[])) FROM gone`

const changeStockSQL = `UPDATE sales.stock SET sold = sold + $2, held = held + $3 WHERE id = $1
	RETURNING event, capacity - sold - held, held`

// hopeStockSQL changes stock where something stays left: the last tickets are for the
// exact path, which tells that they are sold.
const hopeStockSQL = `WITH changed (event, free, kept) AS (` + changeStockSQL + `)
	SELECT event, free, kept FROM (SELECT) one LEFT JOIN changed ON true
	WHERE sales.insist(event IS NOT NULL AND (free > 0 OR kept > 0))`

// writeOrders adds the round's orders to the batch.
func writeOrders(b *db.Batch, round []*ask) error {
	c := db.NewCopy(copyOrdersSQL, 10)
	for _, a := range round {
		if a.sells() {
			if err := writeOrder(c, a, b.Now()); err != nil {
				return err
			}
		}
	}
	b.Copy(c)
	return nil
}

func writeOrder(c *db.Copy, a *ask, now time.Time) error {
	o := &a.order
	c.Row()
	c.ID(o.ID)
	c.ID(o.Event)
	c.Bytes(a.key[:])
	c.Bytes(a.body[:])
	c.Int4(int32(o.Qty))
	c.Int8(o.TotalMinor)
	c.Text(o.Currency)
	c.JSON(o.Buyer)
	if o.Person == "" {
		c.Null()
	} else {
		person, err := id.Parse(o.Person)
		if err != nil {
			return err
		}
		c.ID(person)
	}
	c.Time(now)
	return nil
}

// writeTickets adds the tickets of the round's orders, which are in the order of their
// ids if they come in the order of arrival: the index grows at its end.
func writeTickets(b *db.Batch, round []*ask) {
	c := db.NewCopy(copyTicketsSQL, 5)
	for _, a := range round {
		if a.sells() {
			for n, t := range a.tickets() {
				c.Row()
				c.ID(a.order.ID)
				c.Int2(int16(n))
				c.ID(t.Category)
				c.Int8(t.UnitMinor)
				if t.seat == id.Nil {
					c.Null()
				} else {
					c.ID(t.seat)
				}
			}
		}
	}
	b.Copy(c)
}

// place is one ticket of an ask.
type place struct {
	*Line
	seat id.ID // none: id.Nil
}

// tickets are an ask's tickets, counted from 1 in the order of its lines.
func (a *ask) tickets() iter.Seq2[int, place] {
	return func(yield func(int, place) bool) {
		n := 0
		for i := range a.lines {
			l := &a.lines[i]
			for at := range l.Qty {
				n++
				p := place{Line: l}
				if at < len(l.Seats) {
					p.seat = l.Seats[at]
				}
				if !yield(n, p) {
					return
				}
			}
		}
	}
}

// holds are what a round keeps back or takes from carts, as unnest takes it.
type holds struct {
	cart, category []pgtype.UUID // id.ID itself would be encoded by way of text, ten times slower
	qty            []int
	unit, left     []int64

	seats, also, alsoQty []*string
	body                 [][]byte
}

func wire(v id.ID) pgtype.UUID { return pgtype.UUID{Bytes: v, Valid: true} }

// holdsOf are the holds that a round opens, and those that it ends.
func holdsOf(round []*ask) (opened, gone holds) {
	for _, a := range round {
		switch a.kind {
		case askHold:
			opened.add(a)
		case askConfirm, askRelease:
			gone.add(a)
		}
	}
	return opened, gone
}

func (h *holds) add(a *ask) {
	for _, l := range a.lines {
		h.cart, h.category, h.qty = append(h.cart, wire(a.cart)), append(h.category, wire(l.Category)), append(h.qty, l.Qty)
		h.unit, h.left = append(h.unit, l.UnitMinor), append(h.left, a.hold.Milliseconds())
		also, alsoQty := l.further()
		h.seats, h.also, h.alsoQty = append(h.seats, joined(l.Seats)), append(h.also, also), append(h.alsoQty, alsoQty)
		h.body = append(h.body, a.body[:])
	}
}

// joined is a list as string_to_array takes it: unnest wants arrays of equal length. nil: none.
func joined(all []id.ID) *string {
	if len(all) == 0 {
		return nil
	}
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = one.String()
	}
	text := strings.Join(names, " ")
	return &text
}

// further is the line's further stock, and how much of each.
func (l *Line) further() (also, qty *string) {
	if len(l.Also) == 0 {
		return nil, nil
	}
	names, amounts := make([]string, len(l.Also)), make([]string, len(l.Also))
	for i, d := range l.Also {
		names[i], amounts[i] = d.Stock.String(), strconv.Itoa(d.Qty)
	}
	a, q := strings.Join(names, " "), strings.Join(amounts, " ")
	return &a, &q
}

// queueRound queues a round: its rows, which go ahead, what it announces, its holds and the
// stock last, whose hot rows are locked as late as can be. change is the SQL that changes one stock.
func queueRound(b *db.Batch, round []*ask, verdicts []verdict, need []need, change string) (*[]remaining, error) {
	left := &[]remaining{}
	if len(round) == 0 {
		return left, nil
	}
	if err := announce(b, round); err != nil {
		return nil, err
	}
	for i, a := range round {
		a.order.CreatedAt = b.Now()
		verdicts[i].order = a.order
	}
	// By key, so that two rounds with the same keys wait for each other, not in a circle.
	byKey := slices.SortedFunc(slices.Values(round), func(x, y *ask) int { return bytes.Compare(x.key[:], y.key[:]) })
	if err := writeOrders(b, byKey); err != nil {
		return nil, err
	}
	writeTickets(b, round)
	opened, gone := holdsOf(byKey)
	opened.queueOpened(b, func(rows pgx.Rows) error { return readExpiry(rows, round, verdicts) })
	gone.queueGone(b)
	for _, n := range need {
		queueChange(&b.Batch, change, n, left)
	}
	return left, nil
}

// queueOpened queues new holds; read is told when they end.
func (h *holds) queueOpened(b *db.Batch, read func(pgx.Rows) error) {
	if len(h.cart) > 0 {
		b.Queue(insertHoldsSQL, h.cart, h.category, h.qty, h.unit, h.left, h.seats, h.also, h.alsoQty, h.body).Query(read)
	}
}

// queueGone queues the end of holds.
func (h *holds) queueGone(b *db.Batch) {
	if len(h.cart) > 0 {
		b.Queue(deleteHoldsSQL, h.cart, h.category, h.qty, h.unit, h.seats, h.also, h.alsoQty)
	}
}

// queueChange queues the change of one stock, and notes what is left of it.
func queueChange(b *pgx.Batch, change string, n need, left *[]remaining) {
	b.Queue(change, n.stock, n.sold, n.held).QueryRow(func(row pgx.Row) error {
		r := remaining{stock: n.stock}
		if err := row.Scan(&r.event, &r.left, &r.held); err != nil {
			return err
		}
		*left = append(*left, r)
		return nil
	})
}

func readExpiry(rows pgx.Rows, round []*ask, verdicts []verdict) error {
	at := map[id.ID]time.Time{}
	var cart id.ID
	var expires time.Time
	if _, err := pgx.ForEachRow(rows, []any{&cart, &expires}, func() error { at[cart] = expires; return nil }); err != nil {
		return err
	}
	for i, a := range round {
		if a.kind == askHold {
			verdicts[i].expires = at[a.cart]
		}
	}
	return nil
}
