// Package listing is what is for sale, in the words in which modules ask sales for
// it: what a forecast or a price decision must know of an event, and no more.
package listing

import (
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

// Event is a concert, match or festival day with its categories.
type Event struct {
	ID         id.ID
	Slug       string // in the portal's address
	Path       string // of its page in the portal; of the portal where another shop sells it
	Title      string // in its fallback language
	Currency   string // ISO 4217
	Zone       string // IANA name: the venue's clock
	Live       bool   // published: what is decided about it reaches buyers
	SaleFrom   time.Time
	SaleEnd    time.Time
	Doors      time.Time
	Categories []Category // in the order of lists
	Pools      []Pool
}

// Category is a price level.
type Category struct {
	ID         id.ID
	Title      string
	PriceMinor int64 // in force, without the fee
	FeeMinor   int64 // on top
	Capacity   int
	Sold       int
	Held       int   // in carts
	Free       int   // what can be bought now, as far as its pool allows
	Pool       id.ID // shared capacity; id.Nil: none
	Class      int   // in the pool, from 1, the dearest
}

// Pool is capacity that several categories share.
type Pool struct {
	ID        id.ID
	Name      string
	Capacity  int
	Left      int   // neither sold nor in carts
	Protected []int // element i: places kept for the classes 1 … i+1 together
}

// Price was in force from At until the next one.
type Price struct {
	At     time.Time
	Minor  int64 // without the fee
	Reason string
	Actor  string
}

// Category finds one of the event's; nil when it is none of them.
func (e *Event) Category(category id.ID) *Category {
	for i := range e.Categories {
		if e.Categories[i].ID == category {
			return &e.Categories[i]
		}
	}
	return nil
}
