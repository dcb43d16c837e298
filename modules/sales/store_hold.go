package sales

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// expireBatch is how many holds one transaction ends: it keeps the stock locked
// for milliseconds.
const expireBatch = 500

// expire ends holds whose time is over, by the database's clock. Those which a
// buyer is confirming at this moment are left to him.
func (s store) expire(ctx context.Context) (ended []endedHold, left []remaining, err error) {
	err = s.db.InTx(ctx, func(tx *db.Tx) (err error) {
		if ended, err = endHolds(tx); err != nil || len(ended) == 0 {
			return err
		}
		lines := make([]Line, len(ended))
		for i := range ended {
			lines[i] = ended[i].Line
		}
		if left, err = changeStock(tx, sum([]*ask{{kind: askRelease, lines: lines}})); err != nil {
			return err
		}
		events := make(map[id.ID]id.ID, len(left))
		for _, r := range left {
			events[r.stock] = r.event
		}
		return announceAbandoned(tx, ended, events)
	})
	return ended, left, db.Classify("sales.Expire", err)
}

// endedHold is what a cart held of one category.
type endedHold struct {
	Line
	cart id.ID
}

func endHolds(tx *db.Tx) ([]endedHold, error) {
	found, err := tx.Conn().Query(tx.Ctx(), `
		DELETE FROM sales.hold h USING (
			SELECT cart, category FROM sales.hold WHERE expires_at <= now()
			ORDER BY expires_at, cart LIMIT $1 FOR UPDATE SKIP LOCKED) late
		WHERE h.cart = late.cart AND h.category = late.category
		RETURNING h.category, h.qty, h.unit_minor, h.seats, h.also, h.also_qty, h.cart`, expireBatch)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (h endedHold, err error) {
		h.Line, err = readLine(row, &h.cart)
		return h, err
	})
}

// readLine reads category, qty, unit_minor, seats, also and also_qty of a hold, and
// what follows them into more.
func readLine(row pgx.CollectableRow, more ...any) (l Line, err error) {
	var also []id.ID
	var qty []int
	if err = row.Scan(append([]any{&l.Category, &l.Qty, &l.UnitMinor, &l.Seats, &also, &qty}, more...)...); err != nil {
		return l, err
	}
	for i := range also {
		l.Also = append(l.Also, Debit{also[i], qty[i]})
	}
	return l, nil
}
