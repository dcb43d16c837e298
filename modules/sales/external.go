package sales

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/kernel/web"
)

// An event with a Shop is sold by somebody else's shop. Its sales come through the
// ingest door under the shop's own names, and are counted here exactly once, so that
// pages, forecasts and prices have what they need.

// Types of the ingest door that tell of sales elsewhere.
const (
	typeSale   = "sale.completed"
	typeRefund = "sale.refunded"
)

// checkShop tidies the name of the event in its shop.
func (e *Event) checkShop(bad complaint) {
	if e.Shop = checkLine(bad, "shop", e.Shop); e.Shop == "" {
		return
	}
	for i := range e.Categories {
		if c := &e.Categories[i]; c.Seated() || c.Pool != nil {
			bad("shop", "is named, but a category has seats or a pool", "take them off it: the shop that sells keeps account of them")
			return
		}
	}
}

// checkShop tidies the name of a category in the shop of its event.
func (c *Category) checkShop(bad complaint, e *Event) {
	c.ShopName = checkLine(bad, "shop_name", c.ShopName)
	if e.Shop == "" {
		if c.ShopName != "" {
			bad("shop_name", "is named, but the event is sold here", "leave it out, or say which shop sells the event")
		}
		return
	}
	if c.Seated() || c.Pool != nil {
		bad("rows", "and pools are the shop's to keep account of", "a capacity alone")
	}
	for i := range e.Categories {
		if o := &e.Categories[i]; c.ShopName != "" && o.ID != c.ID && o.ShopName == c.ShopName {
			bad("shop_name", fmt.Sprintf("%q is another category's", clip(c.ShopName)), "each name once")
		}
	}
}

// soldElsewhere is what the shop says of one sale or refund.
type soldElsewhere struct {
	Event    string `json:"event"`
	Category string `json:"category"`
	Quantity int    `json:"quantity"`
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// dayOf is one day of a category.
type dayOf struct {
	category id.ID
	day      string // 2027-06-01, on the venue's clock
}

// dayCount is what happened on it.
type dayCount struct {
	sold, returned int
	amount         int64
}

// strayName is a category that the shop knows and we do not.
type strayName struct {
	event id.ID
	name  string
}

// countElsewhere adds a batch of sales up and takes it off the stock. Events that
// nobody has set up here are none of our business.
func (s *Service) countElsewhere(ctx context.Context, tx *db.Tx, batch []stream.Fact) error {
	told, names := make([]soldElsewhere, len(batch)), make([]string, len(batch))
	for i, f := range batch {
		one, err := stream.Decode[soldElsewhere](f)
		if err != nil {
			return err
		}
		told[i], names[i] = one, one.Event
	}
	known, err := eventsOfShops(tx, names)
	if err != nil || len(known) == 0 {
		return err
	}
	days, strays := map[dayOf]dayCount{}, map[strayName]int{}
	for i, one := range told {
		e := known[one.Event]
		if e == nil {
			continue
		}
		category, ok := e.category(one.Category)
		if !ok {
			if batch[i].Type == typeRefund {
				one.Quantity = -one.Quantity
			}
			strays[strayName{e.id, one.Category}] += one.Quantity
			continue
		}
		one.Amount = s.amountElsewhere(ctx, e, one)
		at := dayOf{category, batch[i].Time.In(e.place).Format(time.DateOnly)}
		n := days[at]
		if batch[i].Type == typeRefund {
			n.returned, n.amount = n.returned+one.Quantity, n.amount-one.Amount
		} else {
			n.sold, n.amount = n.sold+one.Quantity, n.amount+one.Amount
		}
		days[at] = n
	}
	if err := noteStrays(tx, strays); err != nil {
		return err
	}
	return s.takeElsewhere(tx, days)
}

// amountElsewhere is what a sale adds to the event's money. Money of two currencies has no
// sum; the tickets are tickets all the same.
func (s *Service) amountElsewhere(ctx context.Context, e *soldEvent, one soldElsewhere) int64 {
	if strings.EqualFold(one.Currency, e.currency) {
		return one.Amount
	}
	s.log.WarnContext(ctx, "another shop tells of money in another currency than the event's: the tickets are counted, the amount is not",
		"event", e.id, "told", one.Currency, "event_currency", e.currency)
	return 0
}

// takeElsewhere moves the stock by what was sold, and tells when the last ticket was.
func (s *Service) takeElsewhere(tx *db.Tx, days map[dayOf]dayCount) error {
	if err := noteDays(tx, days); err != nil {
		return err
	}
	moved := map[id.ID]bool{}
	for at := range days {
		moved[at.category] = true
	}
	ended, err := moveStock(tx, moved)
	for _, r := range ended {
		if err := tx.Emit(facts.CapacityReached{Event: r.event, Category: r.stock, At: tx.Now()}); err != nil {
			return err
		}
	}
	return err
}

// soldEvent is an event that a shop sells, as this transaction sees it.
type soldEvent struct {
	id         id.ID
	currency   string
	place      *time.Location
	categories map[string]id.ID // by the shop's name
}

// category finds one by the shop's name. An event of one category needs none.
func (e *soldEvent) category(name string) (id.ID, bool) {
	if c, ok := e.categories[name]; ok {
		return c, true
	}
	if name == "" && len(e.categories) == 1 {
		for _, only := range e.categories {
			return only, true
		}
	}
	return id.Nil, false
}

// Stray is a category that the shop sold and nobody has set up.
type Stray struct {
	Name    string     `json:"name"`
	Tickets web.Number `json:"tickets"`
	Last    moment     `json:"-"`
}
