package analytics

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/tidwall/gjson"

	"github.com/usherhq/usher/modules/analytics/window"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/stream"
)

const (
	cartListener = "analytics.carts"
	cartBatch    = 500              // carts announced in one transaction
	cartLate     = 15 * time.Second // a sale may come that long after its time
)

var cartTypes = []string{"cart.opened", "cart.item_added", "cart.abandoned", "sale.completed"}

// cartKey names a cart: shops number theirs independently.
type cartKey struct{ Shop, Cart string }

func (k cartKey) compare(o cartKey) int {
	return cmp.Or(cmp.Compare(k.Shop, o.Shop), cmp.Compare(k.Cart, o.Cart))
}

// followCarts takes facts into their carts, in the transaction that moves the cursor.
func (s *Service) followCarts(_ context.Context, tx *db.Tx, all []stream.Fact) error {
	told := map[cartKey][]stream.Fact{}
	for _, f := range all {
		if k, ok := cartOf(f); ok {
			told[k] = append(told[k], f)
		}
	}
	keys := slices.SortedFunc(maps.Keys(told), cartKey.compare)
	carts, err := lockCarts(tx, keys)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := follow(tx, carts[k], told[k]); err != nil {
			return err
		}
	}
	return writeCarts(tx, carts, s.cfg.CartWait)
}

// cartOf names the cart that a fact is about; a sale without one is no cart's.
func cartOf(f stream.Fact) (cartKey, bool) {
	if gjson.GetBytes(f.Data, "cart").Str == "" {
		return cartKey{}, false // most sales name none
	}
	var said cartFact
	if err := json.Unmarshal(f.Data, &said); err != nil || said.Cart == "" || !storable(said.Cart) {
		return cartKey{}, false
	}
	return cartKey{f.Source, said.Cart}, true
}

// follow applies a cart's facts.
func follow(tx *db.Tx, c *cart, told []stream.Fact) error {
	for _, f := range told {
		var said cartFact
		if err := json.Unmarshal(f.Data, &said); err != nil {
			continue // cartOf has read it; only another type of a field could fail
		}
		at := f.Time
		if at.Sub(f.ReceivedAt) > window.EarlyLimit {
			at = f.ReceivedAt // a shop's wrong clock must not keep a cart open
		}
		c.named(said)
		switch f.Type {
		case "cart.opened":
			c.active(at, 0, said)
		case "cart.item_added":
			items := 1
			if said.Quantity != nil {
				items = max(int(*said.Quantity), 0)
			}
			c.active(at, items, said)
		case "sale.completed":
			c.sold(at)
		case "cart.abandoned": // the shop has decided for itself
			if c.pending() && !c.ActiveAt.After(at) {
				if err := tx.Emit(c.abandon(at)); err != nil {
					return err
				}
			}
			c.AbandonedAt = latest(c.AbandonedAt, at)
		}
	}
	return nil
}

// announceCarts announces the carts whose time has run out, once all that was
// received until then has been followed.
func (s *Service) announceCarts(ctx context.Context) error {
	followed, err := s.countedUpTo(ctx, cartListener)
	if err != nil || followed.IsZero() {
		return err
	}
	over := followed.Add(-cartLate)
	for more := true; more; {
		err = s.db.InTx(ctx, func(tx *db.Tx) error {
			carts, err := dueCarts(tx, over, cartBatch)
			if err != nil {
				return err
			}
			more = len(carts) == cartBatch
			for _, k := range slices.SortedFunc(maps.Keys(carts), cartKey.compare) {
				c := carts[k]
				if err := tx.Emit(c.abandon(c.due(s.cfg.CartWait))); err != nil {
					return err
				}
			}
			return writeCarts(tx, carts, s.cfg.CartWait)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// The bounds of analytics.cart_wait.
const minCartWait, maxCartWait = time.Minute, 7 * 24 * time.Hour
