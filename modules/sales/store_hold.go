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
func (s store) expire(ctx context.Context) (ended []Line, left []remaining, err error) {
	err = s.db.InTx(ctx, func(tx *db.Tx) (err error) {
		if ended, err = endHolds(tx); err != nil {
			return err
		}
		left = nil
		b := &pgx.Batch{}
		for _, change := range sum([]*ask{{kind: askRelease, lines: ended}}) {
			queueChange(b, change, &left)
		}
		return tx.Conn().SendBatch(ctx, b).Close()
	})
	return ended, left, db.Classify("sales.Expire", err)
}

func endHolds(tx *db.Tx) ([]Line, error) {
	found, err := tx.Conn().Query(tx.Ctx(), `
		DELETE FROM sales.hold h USING (
			SELECT cart, category FROM sales.hold WHERE expires_at <= now()
			ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED) late
		WHERE h.cart = late.cart AND h.category = late.category
		RETURNING h.category, h.qty, h.unit_minor, h.seats, h.also, h.also_qty`, expireBatch)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (Line, error) { return readLine(row) })
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
