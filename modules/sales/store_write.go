package sales

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

const insertOrdersSQL = `INSERT INTO sales.orders (id, event, repeat_key, body_hash, qty, total_minor, currency, buyer, person, created_at)
	SELECT id, event, repeat_key, body_hash, qty, total_minor, currency, buyer::jsonb, person::uuid, $10
	FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bytea[], $5::int[], $6::bigint[], $7::text[], $8::text[], $9::text[])
		AS o (id, event, repeat_key, body_hash, qty, total_minor, currency, buyer, person)`

const insertTicketsSQL = `INSERT INTO sales.ticket (order_id, n, category, unit_minor, seat)
	SELECT l.order_id, g, l.category, l.unit_minor, (string_to_array(l.seats, ' '))[g - l.first + 1]::uuid
	FROM unnest($1::uuid[], $2::int[], $3::int[], $4::uuid[], $5::bigint[], $6::text[]) AS l (order_id, first, last, category, unit_minor, seats),
		generate_series(l.first, l.last) g`

const insertHoldsSQL = `INSERT INTO sales.hold (cart, category, qty, unit_minor, seats, also, also_qty, body_hash, expires_at)
	SELECT cart, category, qty, unit_minor, string_to_array(seats, ' ')::uuid[], string_to_array(also, ' ')::uuid[],
		string_to_array(also_qty, ' ')::int[], body_hash, now() + left_ms * interval '1 millisecond'
	FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::bytea[])
		AS h (cart, category, qty, unit_minor, left_ms, seats, also, also_qty, body_hash)
	RETURNING cart, expires_at`

// deleteHoldsSQL takes only rows that hold just what the cart says, so that the
// stock changes by what was kept back, and objects unless all of them are there.
const deleteHoldsSQL = `WITH gone AS (
		DELETE FROM sales.hold h
		USING unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[]) AS w (cart, category, qty, seats, also, also_qty)
		WHERE h.cart = w.cart AND h.category = w.category AND h.qty = w.qty
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

// columns hold a round as unnest takes it.
type columns struct {
	id, event []pgtype.UUID // id.ID itself would be encoded by way of text, ten times slower
	key, body [][]byte
	qty       []int
	total     []int64
	currency  []string
	buyer     []*string
	person    []*string
	tickets   struct {
		order       []pgtype.UUID
		first, last []int
		category    []pgtype.UUID
		unit        []int64
		seats       []*string
	}
	holds, gone struct {
		cart, category []pgtype.UUID
		qty            []int
		unit, left     []int64

		seats, also, alsoQty []*string
		body                 [][]byte
	}
}

func wire(v id.ID) pgtype.UUID { return pgtype.UUID{Bytes: v, Valid: true} }

func (c *columns) add(a *ask) {
	if a.sells() {
		c.addOrder(a)
	}
	rows := &c.gone
	switch a.kind {
	case askOrder:
		return
	case askHold:
		rows = &c.holds
	}
	for _, l := range a.lines {
		rows.cart, rows.category, rows.qty = append(rows.cart, wire(a.cart)), append(rows.category, wire(l.Category)), append(rows.qty, l.Qty)
		rows.unit, rows.left = append(rows.unit, l.UnitMinor), append(rows.left, a.hold.Milliseconds())
		also, alsoQty := l.further()
		rows.seats, rows.also, rows.alsoQty = append(rows.seats, joined(l.Seats)), append(rows.also, also), append(rows.alsoQty, alsoQty)
		rows.body = append(rows.body, a.body[:])
	}
}

func (c *columns) addOrder(a *ask) {
	o := &a.order
	c.id, c.event, c.key, c.body = append(c.id, wire(o.ID)), append(c.event, wire(o.Event)), append(c.key, a.key[:]), append(c.body, a.body[:])
	c.qty, c.total, c.currency = append(c.qty, o.Qty), append(c.total, o.TotalMinor), append(c.currency, o.Currency)
	c.buyer, c.person = append(c.buyer, orNil(string(o.Buyer))), append(c.person, orNil(o.Person))
	t, first := &c.tickets, 1
	for _, l := range a.lines {
		t.order, t.first, t.last = append(t.order, wire(o.ID)), append(t.first, first), append(t.last, first+l.Qty-1)
		t.category, t.unit = append(t.category, wire(l.Category)), append(t.unit, l.UnitMinor)
		t.seats = append(t.seats, joined(l.Seats))
		first += l.Qty
	}
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
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

// queueRound queues a round, announced first and the stock last, for which hot rows
// are locked as late as can be. change is the SQL that changes one stock.
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
	var c columns
	// By key, so that two rounds with the same keys wait for each other, not in a circle.
	for _, a := range slices.SortedFunc(slices.Values(round), func(x, y *ask) int { return bytes.Compare(x.key[:], y.key[:]) }) {
		c.add(a)
	}
	c.queue(b)
	if len(c.holds.cart) > 0 {
		b.Queue(insertHoldsSQL, c.holds.cart, c.holds.category, c.holds.qty, c.holds.unit, c.holds.left, c.holds.seats, c.holds.also, c.holds.alsoQty, c.holds.body).
			Query(func(rows pgx.Rows) error { return readExpiry(rows, round, verdicts) })
	}
	for _, n := range need {
		queueChange(&b.Batch, change, n, left)
	}
	return left, nil
}

// queue queues what is sold and what carts held.
func (c *columns) queue(b *db.Batch) {
	if len(c.id) > 0 {
		b.Queue(insertOrdersSQL, c.id, c.event, c.key, c.body, c.qty, c.total, c.currency, c.buyer, c.person, b.Now())
		b.Queue(insertTicketsSQL, c.tickets.order, c.tickets.first, c.tickets.last, c.tickets.category, c.tickets.unit, c.tickets.seats)
	}
	if len(c.gone.cart) > 0 {
		b.Queue(deleteHoldsSQL, c.gone.cart, c.gone.category, c.gone.qty, c.gone.seats, c.gone.also, c.gone.alsoQty)
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
