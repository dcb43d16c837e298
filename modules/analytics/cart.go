package analytics

import (
	"time"

	"github.com/usherhq/usher/modules/facts"
)

// cart is what is known of one cart of an external shop.
//
// All its instants are maxima of the times that facts tell (OpenedAt is a
// minimum), so facts of a cart may come in any order, and what comes twice changes
// nothing. A session of a cart is the activity since it was last sold or announced
// as abandoned; each session is announced at most once.
type cart struct {
	Shop, ID        string
	Event, Customer string
	Items           int
	OpenedAt        time.Time // of the session
	ActiveAt        time.Time // last time something was put in
	HeldAt          time.Time // when the latest hold was told,
	HoldUntil       time.Time // and its end
	SoldAt          time.Time
	AbandonedAt     time.Time // activity up to here was announced as abandoned
}

// cartFact is what facts tell of a cart, by the names of the known event types.
type cartFact struct {
	Cart      string     `json:"cart"`
	Event     string     `json:"event"`
	Customer  string     `json:"customer"`
	Quantity  *float64   `json:"quantity"`
	HoldUntil *time.Time `json:"hold_until"`
}

// settled is when the cart last came to an end, one way or the other.
func (c *cart) settled() time.Time {
	if c.SoldAt.After(c.AbandonedAt) {
		return c.SoldAt
	}
	return c.AbandonedAt
}

// pending reports whether something lies in the cart that was neither bought nor
// announced as left behind.
func (c *cart) pending() bool { return c.ActiveAt.After(c.settled()) }

// due is when a pending cart counts as abandoned: when its hold ends, or some
// time after the last activity when nothing is held.
func (c *cart) due(wait time.Duration) time.Time {
	if !c.HoldUntil.IsZero() && c.HeldAt.After(c.settled()) {
		return c.HoldUntil
	}
	return c.ActiveAt.Add(wait)
}

// active notes that something was put in, or that the cart was opened.
func (c *cart) active(at time.Time, items int, f cartFact) {
	if !at.After(c.settled()) {
		return // of a session that is over
	}
	if c.OpenedAt.IsZero() || !c.OpenedAt.After(c.settled()) {
		c.OpenedAt, c.Items = at, 0
	}
	if at.Before(c.OpenedAt) {
		c.OpenedAt = at
	}
	c.Items += items
	c.ActiveAt = latest(c.ActiveAt, at)
	if f.HoldUntil != nil && !at.Before(c.HeldAt) {
		if at.Equal(c.HeldAt) {
			c.HoldUntil = latest(c.HoldUntil, f.HoldUntil.UTC())
		} else {
			c.HeldAt, c.HoldUntil = at, f.HoldUntil.UTC()
		}
	}
}

// sold ends the session.
func (c *cart) sold(at time.Time) { c.SoldAt = latest(c.SoldAt, at) }

// abandon ends the session and describes it.
func (c *cart) abandon(at time.Time) facts.CartAbandoned {
	c.AbandonedAt = latest(c.ActiveAt, at)
	return facts.CartAbandoned{
		Shop: c.Shop, Cart: c.ID, Event: c.Event, Customer: c.Customer, Items: c.Items, OpenedAt: c.OpenedAt, At: at,
	}
}

// named keeps what a fact says about the cart as a whole.
func (c *cart) named(f cartFact) {
	if f.Event != "" && storable(f.Event) {
		c.Event = f.Event
	}
	if f.Customer != "" && storable(f.Customer) {
		c.Customer = f.Customer
	}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
