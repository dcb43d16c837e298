package facts

import (
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

// OrdersPlaced says that tickets of an event were sold. One fact tells of a
// batch: an on-sale places thousands of orders a second.
type OrdersPlaced struct {
	Event    id.ID      `json:"event"`
	Count    int        `json:"count"` // of Orders
	Qty      int        `json:"qty"`   // of tickets, in all of them
	Total    int64      `json:"total"` // of their prices, in minor units of Currency
	Currency string     `json:"currency"`
	Lines    []SoldLine `json:"lines"`     // the tickets of all of them, by category and price
	Orders   []id.ID    `json:"order_ids"` // an order's own lines are in sales.orders
	At       time.Time  `json:"at"`
}

// SoldLine is so many tickets of one category at one price.
type SoldLine struct {
	Category  id.ID `json:"category"`
	Qty       int   `json:"qty"`
	UnitMinor int64 `json:"unit_minor"`
}

// FactType names the fact in the stream.
func (OrdersPlaced) FactType() string { return "sales.orders_placed" }

// FactKey orders the facts of one event.
func (f OrdersPlaced) FactKey() string { return f.Event.String() }

// CartsOpened says that tickets were put into carts. One fact tells of a batch.
type CartsOpened struct {
	Event id.ID      `json:"event"`
	Count int        `json:"count"` // of Carts
	Lines []SoldLine `json:"lines"` // the tickets in all of them, by category and price
	Carts []id.ID    `json:"cart_ids"`
	At    time.Time  `json:"at"`
}

// CartLines is one cart, and what was put into it.
type CartLines struct {
	Cart  id.ID      `json:"cart"`
	Lines []SoldLine `json:"lines"`
	// Person is who was signed in when they began to pay for it, by identity's id; "": unknown.
	Person string `json:"person,omitempty"`
}

// FactType names the fact in the stream.
func (CartsOpened) FactType() string { return "sales.carts_opened" }

// FactKey orders the facts of one event.
func (f CartsOpened) FactKey() string { return f.Event.String() }

// CartsAbandoned says that the holds of carts ran out without an order, and that
// their tickets are on sale again. A late payment may still buy them anew. A cart
// whose lines were given back in two steps is told of twice, each time with other lines.
type CartsAbandoned struct {
	Event id.ID       `json:"event"`
	Count int         `json:"count"` // of Carts
	Carts []CartLines `json:"carts"`
	At    time.Time   `json:"at"`
}

// FactType names the fact in the stream.
func (CartsAbandoned) FactType() string { return "sales.carts_abandoned" }

// FactKey orders the facts of one event.
func (f CartsAbandoned) FactKey() string { return f.Event.String() }

// CapacityReached says that the last ticket of a category is sold.
type CapacityReached struct {
	Event    id.ID     `json:"event"`
	Category id.ID     `json:"category"`
	At       time.Time `json:"at"`
}

// FactType names the fact in the stream.
func (CapacityReached) FactType() string { return "sales.capacity_reached" }

// FactKey orders the facts of one event.
func (f CapacityReached) FactKey() string { return f.Event.String() }

// TicketRefunded says that tickets of an order are void, and back on sale. Money goes
// back by itself; what was paid elsewhere, or not at all, has no amount.
type TicketRefunded struct {
	Event       id.ID          `json:"event"`
	Order       id.ID          `json:"order"`
	Refund      id.ID          `json:"refund"`
	Tickets     []int          `json:"tickets"` // numbers within the order
	Lines       []ReturnedLine `json:"lines"`
	AmountMinor int64          `json:"amount_minor"`
	Currency    string         `json:"currency"`
	At          time.Time      `json:"at"`
}

// ReturnedLine is so many tickets of one category.
type ReturnedLine struct {
	Category id.ID `json:"category"`
	Qty      int   `json:"qty"`
}

// FactType names the fact in the stream.
func (TicketRefunded) FactType() string { return "sales.ticket_refunded" }

// FactKey orders the facts of one event.
func (f TicketRefunded) FactKey() string { return f.Event.String() }

// PriceSet says that a category costs something else from now on, whoever decided
// it, or that it has its first price. Carts keep what they were quoted.
type PriceSet struct {
	Event      id.ID     `json:"event"`
	Category   id.ID     `json:"category"`
	Version    int64     `json:"version"` // 1: its first price
	PriceMinor int64     `json:"price_minor"`
	FeeMinor   int64     `json:"fee_minor,omitempty"` // on top
	Currency   string    `json:"currency"`
	Reason     string    `json:"reason"`
	Slug       string    `json:"slug"`                // of the event
	Shop       string    `json:"shop,omitempty"`      // of an event sold elsewhere: what that shop calls it …
	ShopName   string    `json:"shop_name,omitempty"` // … and the category
	At         time.Time `json:"at"`
}

// FactType names the fact in the stream.
func (PriceSet) FactType() string { return "sales.price_set" }

// FactKey orders the facts of one event.
func (f PriceSet) FactKey() string { return f.Event.String() }

// TicketsAdmitted says that people came in at the door of an event, each with a ticket that
// was not used before. One fact tells of a scanner's report. Count is negative where that was
// taken back.
type TicketsAdmitted struct {
	Event id.ID     `json:"event"`
	Count int       `json:"count"`
	At    time.Time `json:"at"`
}

// FactType names the fact in the stream.
func (TicketsAdmitted) FactType() string { return "sales.tickets_admitted" }

// FactKey orders the facts of one event.
func (f TicketsAdmitted) FactKey() string { return f.Event.String() }
