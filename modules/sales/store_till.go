package sales

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// store is the SQL over the schema sales.
type store struct{ db *db.DB }

// objection reports whether the database's guards stopped a batch, so that the
// exact path must sort it out.
func objection(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "23514" || pg.Code == "23505" || pg.Code == "40P01")
}

// hope writes a round as if every ask were new and every ticket there, in one message that
// is a transaction.
func (s store) hope(ctx context.Context, round []*ask, need []need) ([]verdict, []remaining, error) {
	b, verdicts := s.db.NewBatch(), make([]verdict, len(round))
	left, err := queueRound(b, round, verdicts, need, hopeStockSQL)
	if err != nil {
		return nil, nil, err
	}
	if err := s.db.Send(ctx, b); err != nil {
		return nil, nil, err
	}
	return verdicts, *left, nil
}

// exact locks the stock, looks up repeats and carts, gives tickets out in the
// order of arrival, and writes what is granted.
func (s store) exact(ctx context.Context, round []*ask) (verdicts []verdict, left []remaining, err error) {
	err = s.db.InTx(ctx, func(tx *db.Tx) (err error) {
		verdicts, left, err = s.settle(tx, round)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return verdicts, left, nil
}

func (s store) settle(tx *db.Tx, round []*ask) ([]verdict, []remaining, error) {
	// Holds before stock, as everywhere: no two transactions wait for each other.
	carts, err := s.lockCarts(tx, round)
	if err != nil {
		return nil, nil, err
	}
	free, err := s.lockStock(tx, sum(round))
	if err != nil {
		return nil, nil, err
	}
	// A statement of its own after the lock sees the orders of those who held it before.
	orders, err := s.earlierOrders(tx, round)
	if err != nil {
		return nil, nil, err
	}
	verdicts := make([]verdict, len(round))
	var granted []*ask
	var places []int
	for i, a := range round {
		if grant(a, free, orders, carts, &verdicts[i]) {
			granted, places = append(granted, a), append(places, i)
		}
	}
	some := make([]verdict, len(granted))
	left, err := s.write(tx, granted, some)
	if err != nil {
		return nil, nil, err
	}
	for i, at := range places {
		verdicts[at] = some[i]
	}
	for stock, n := range free {
		left = append(left, remaining{stock: stock, left: n})
	}
	return verdicts, left, nil
}

// write writes what is granted, and tells of the categories whose last ticket it was.
func (s store) write(tx *db.Tx, granted []*ask, verdicts []verdict) ([]remaining, error) {
	b := tx.NewBatch()
	left, err := queueRound(b, granted, verdicts, sum(granted), changeStockSQL)
	if err != nil {
		return nil, err
	}
	if err := tx.Send(b); err != nil {
		return nil, err
	}
	return *left, announceEnd(tx, granted, *left)
}

// grant decides one ask; what it gets is taken from free.
func grant(a *ask, free map[id.ID]int, orders map[RepeatKey]known, carts map[id.ID]held, v *verdict) bool {
	if was, ok := orders[a.key]; ok && a.sells() {
		*v = repeated(a, was.body, was.order)
		return false
	}
	cart, holds := carts[a.cart]
	switch a.kind {
	case askHold:
		if holds {
			v.expires, v.replayed = cart.expires, true
			v.order.Lines = slices.SortedFunc(maps.Values(cart.lines), func(x, y Line) int { return compareIDs(x.Category, y.Category) })
			if cart.body != a.body {
				v.err = keyReused()
			}
			return false
		}
	case askConfirm, askRelease:
		if !holds || !cart.same(a.lines) {
			v.err = cartGone()
		}
		return v.err == nil
	}
	return take(a.lines, free, v)
}

// take takes what the lines need out of free, all or nothing.
func take(lines []Line, free map[id.ID]int, v *verdict) bool {
	known, enough := true, true
	each := func(do func(stock id.ID, qty int)) {
		for i := range lines {
			lines[i].debits(do)
		}
	}
	each(func(stock id.ID, _ int) { _, ok := free[stock]; known = known && ok })
	if !known {
		v.err = noCategory()
		return false
	}
	each(func(stock id.ID, qty int) { free[stock] -= qty; enough = enough && free[stock] >= 0 })
	if !enough {
		each(func(stock id.ID, qty int) { free[stock] += qty })
		v.err = soldOut()
	}
	return enough
}

// lockStock locks what the round changes in order and returns what is free of each.
func (s store) lockStock(tx *db.Tx, need []need) (map[id.ID]int, error) {
	names := make([]id.ID, len(need))
	for i, n := range need {
		names[i] = n.stock
	}
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT id, capacity - sold - held FROM sales.stock
		WHERE id = ANY($1) ORDER BY id FOR UPDATE`, names)
	if err != nil {
		return nil, err
	}
	free := make(map[id.ID]int, len(need))
	var stock id.ID
	var n int
	_, err = pgx.ForEachRow(rows, []any{&stock, &n}, func() error { free[stock] = n; return nil })
	return free, err
}

func (s store) earlierOrders(tx *db.Tx, round []*ask) (map[RepeatKey]known, error) {
	var keys [][]byte
	for _, a := range round {
		if a.sells() {
			keys = append(keys, a.key[:])
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	rows, err := tx.Conn().Query(tx.Ctx(), ordersOfKeysSQL, keys)
	if err != nil {
		return nil, err
	}
	return readOrders(rows)
}

// orderOf finds the order of one key. Errors: fault.NotFound.
func (s store) orderOf(ctx context.Context, a *ask) (known, error) {
	const op = "sales.orderOf"
	rows, err := s.db.Pool().Query(ctx, ordersOfKeysSQL, [][]byte{a.key[:]})
	if err != nil {
		return known{}, db.Classify(op, err)
	}
	orders, err := readOrders(rows)
	if err == nil && len(orders) == 0 {
		err = pgx.ErrNoRows
	}
	return orders[a.key], db.Classify(op, err)
}

const ordersOfKeysSQL = `
	SELECT o.repeat_key, o.body_hash, o.id, o.event, o.qty, o.total_minor, o.currency, o.buyer, coalesce(o.person::text, ''), o.created_at,
		array_agg(t.category ORDER BY t.n), array_agg(t.unit_minor ORDER BY t.n), array_agg(t.seat ORDER BY t.n)
	FROM sales.orders o JOIN sales.ticket t ON t.order_id = o.id
	WHERE o.repeat_key = ANY($1) GROUP BY o.id`

func readOrders(rows pgx.Rows) (map[RepeatKey]known, error) {
	out := map[RepeatKey]known{}
	var key, body []byte
	var categories []id.ID
	var units []int64
	var seats []*id.ID
	var o Order
	_, err := pgx.ForEachRow(rows, []any{&key, &body, &o.ID, &o.Event, &o.Qty, &o.TotalMinor, &o.Currency, &o.Buyer, &o.Person, &o.CreatedAt,
		&categories, &units, &seats}, func() error {
		got := o
		got.Lines = linesOf(categories, units, seats)
		out[RepeatKey(key)] = known{[16]byte(body), got}
		return nil
	})
	return out, err
}

// linesOf gathers an order's tickets, which stand in the order of its lines.
func linesOf(categories []id.ID, units []int64, seats []*id.ID) []Line {
	var out []Line
	for i, c := range categories {
		last := len(out) - 1
		if last < 0 || out[last].Category != c {
			out, last = append(out, Line{Category: c, UnitMinor: units[i]}), last+1
		}
		out[last].Qty++
		if seats[i] != nil {
			out[last].Seats = append(out[last].Seats, *seats[i])
		}
	}
	return out
}

// held is what a cart holds, by category.
type held struct {
	lines   map[id.ID]Line
	body    [16]byte
	expires time.Time // its price's promise; the hold itself, unless a payment changed that
}

// same reports whether the cart holds these lines: what is given back or sold must be
// what was taken, at its price. A cart's id is that of its Idempotency-Key, which may come
// again when the hold has ended; a quote of the hold before is good for nothing then.
func (h held) same(lines []Line) bool {
	if len(h.lines) != len(lines) {
		return false
	}
	for _, l := range lines {
		kept, ok := h.lines[l.Category]
		if !ok || kept.Qty != l.Qty || kept.UnitMinor != l.UnitMinor || !slices.Equal(kept.Seats, l.Seats) || !slices.Equal(kept.Also, l.Also) {
			return false
		}
	}
	return true
}

// lockCarts locks what the round's carts hold.
func (s store) lockCarts(tx *db.Tx, round []*ask) (map[id.ID]held, error) {
	var carts []id.ID
	for _, a := range round {
		if a.cart != id.Nil {
			carts = append(carts, a.cart)
		}
	}
	if len(carts) == 0 {
		return nil, nil
	}
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT category, qty, unit_minor, seats, also, also_qty, cart, coalesce(promised_until, expires_at), body_hash FROM sales.hold
		WHERE cart = ANY($1) ORDER BY cart, category FOR UPDATE`, carts)
	if err != nil {
		return nil, err
	}
	out := map[id.ID]held{}
	var cart id.ID
	var expires time.Time
	var body []byte
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Line, err error) {
		if l, err = readLine(row, &cart, &expires, &body); err != nil {
			return l, err
		}
		if _, ok := out[cart]; !ok {
			out[cart] = held{lines: map[id.ID]Line{}, expires: expires, body: [16]byte(body)}
		}
		out[cart].lines[l.Category] = l
		return l, nil
	})
	return out, err
}
