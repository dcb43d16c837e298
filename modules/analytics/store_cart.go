package analytics

import (
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

const cartColumns = `shop, cart, event, customer, items, opened_at, active_at, held_at, hold_until, sold_at, abandoned_at`

func scanCart(r pgx.CollectableRow) (*cart, error) {
	var c cart
	var opened, active, held, hold, sold, abandoned *time.Time
	err := r.Scan(&c.Shop, &c.ID, &c.Event, &c.Customer, &c.Items, &opened, &active, &held, &hold, &sold, &abandoned)
	for from, to := range map[**time.Time]*time.Time{&opened: &c.OpenedAt, &active: &c.ActiveAt, &held: &c.HeldAt, &hold: &c.HoldUntil, &sold: &c.SoldAt, &abandoned: &c.AbandonedAt} {
		if *from != nil {
			*to = (*from).UTC()
		}
	}
	return &c, err
}

// lockCarts gives the carts of keys, which are in order, and holds them until the
// transaction ends; those not known are made.
func lockCarts(tx *db.Tx, keys []cartKey) (map[cartKey]*cart, error) {
	const op = "analytics.lockCarts"
	if len(keys) == 0 {
		return nil, nil
	}
	shops, ids := make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		shops[i], ids[i] = k.Shop, k.Cart
	}
	// Both statements lock in the order of the keys. A row that another transaction
	// has just made is waited for by the first.
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO analytics.cart (shop, cart)
		SELECT * FROM unnest($1::text[], $2::text[]) AS w(shop, cart) ORDER BY shop COLLATE "C", cart COLLATE "C" ON CONFLICT DO NOTHING`, shops, ids)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT `+cartColumns+` FROM analytics.cart JOIN unnest($1::text[], $2::text[]) AS w(shop, cart) USING (shop, cart)
		ORDER BY shop COLLATE "C", cart COLLATE "C" FOR UPDATE OF cart`, shops, ids)
	return collectCarts(op, rows, err)
}

// dueCarts gives carts whose time ran out before then, and holds them; those that
// somebody else holds are left for the next time.
func dueCarts(tx *db.Tx, before time.Time, limit int) (map[cartKey]*cart, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT `+cartColumns+` FROM analytics.cart WHERE due_at < $1
		ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED`, before, limit)
	return collectCarts("analytics.dueCarts", rows, err)
}

func collectCarts(op string, rows pgx.Rows, err error) (map[cartKey]*cart, error) {
	if err != nil {
		return nil, db.Classify(op, err)
	}
	list, err := pgx.CollectRows(rows, scanCart)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	carts := make(map[cartKey]*cart, len(list))
	for _, c := range list {
		carts[cartKey{c.Shop, c.ID}] = c
	}
	return carts, nil
}

// writeCarts writes locked carts back, with the time at which they are due.
func writeCarts(tx *db.Tx, carts map[cartKey]*cart, wait time.Duration) error {
	b := &pgx.Batch{}
	for _, k := range slices.SortedFunc(maps.Keys(carts), cartKey.compare) {
		c := carts[k]
		var due *time.Time
		if c.pending() {
			at := c.due(wait)
			due = &at
		}
		b.Queue(`UPDATE analytics.cart SET event = $3, customer = $4, items = $5, opened_at = $6, active_at = $7, held_at = $8, hold_until = $9,
			sold_at = $10, abandoned_at = $11, due_at = $12 WHERE shop = $1 AND cart = $2`, c.Shop, c.ID, c.Event, c.Customer, c.Items,
			known(c.OpenedAt), known(c.ActiveAt), known(c.HeldAt), known(c.HoldUntil), known(c.SoldAt), known(c.AbandonedAt), due)
	}
	return db.Classify("analytics.writeCarts", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}

// known is null for an instant that is not.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
