package sales

import (
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

// States of an event. Sold out and past follow from stock and clock; they are not stored.
const (
	EventDraft     = "draft"     // only the promoter sees it
	EventPublished = "published" // on sale within its sales window
	EventPaused    = "paused"    // seen, but nothing is sold
	EventCancelled = "cancelled"
)

// Event is a concert, match or festival day that has tickets.
type Event struct {
	ID           id.ID           `json:"id"`
	Slug         string          `json:"slug"`             // in the portal's address
	Series       string          `json:"series,omitempty"` // events of one series are listed together
	Names        map[string]Text `json:"names"`            // by locale; the first of Locales must be there
	Locales      []string        `json:"locales"`          // the first is the fallback
	Venue        string          `json:"venue,omitempty"`
	Zone         string          `json:"zone"`     // IANA name; every time people see is in it
	Currency     string          `json:"currency"` // ISO 4217
	State        string          `json:"state"`
	Secret       bool            `json:"secret,omitempty"`        // only by its link, in no list
	Sandbox      bool            `json:"sandbox,omitempty"`       // never real money
	WaitingFirst bool            `json:"waiting_first,omitempty"` // tickets that come back go to the waiting list
	Shop         string          `json:"shop,omitempty"`          // what the shop that sells it calls it; "": it is sold here
	StartsAt     time.Time       `json:"starts_at"`
	EndsAt       *time.Time      `json:"ends_at,omitempty"`
	DoorsAt      *time.Time      `json:"doors_at,omitempty"`
	SaleFrom     *time.Time      `json:"sale_from,omitempty"`
	SaleUntil    *time.Time      `json:"sale_until,omitempty"` // nil: until it starts
	Version      int64           `json:"version"`
	CreatedAt    time.Time       `json:"created_at,omitzero"`
	Categories   []Category      `json:"categories,omitempty"` // in the order of lists
	Pools        []Pool          `json:"pools,omitempty"`
}

// Text is what people read about an event or category in one language.
type Text struct {
	Title       string `json:"title"`
	Summary     string `json:"summary,omitempty"`
	Description string `json:"description,omitempty"` // plain text with blank lines between paragraphs
}

// Category is a price level of an event with a capacity.
type Category struct {
	ID           id.ID           `json:"id"`
	Event        id.ID           `json:"event"`
	Names        map[string]Text `json:"names"`
	Position     int             `json:"position"` // order in lists
	PriceMinor   int64           `json:"price_minor"`
	PriceVersion int64           `json:"price_version"` // raised by each change; quotes name it
	FeeMinor     int64           `json:"fee_minor,omitempty"`
	TaxPermille  int             `json:"tax_permille,omitempty"` // included in the price: 190 is 19 %
	Capacity     int             `json:"capacity"`
	MinPerOrder  int             `json:"min_per_order"`
	MaxPerOrder  int             `json:"max_per_order"`
	SaleFrom     *time.Time      `json:"sale_from,omitempty"`
	SaleUntil    *time.Time      `json:"sale_until,omitempty"`
	Pool         *id.ID          `json:"pool,omitempty"`      // capacity shared with others
	Class        int             `json:"class,omitempty"`     // in the pool: 1 may take all of it
	Hidden       bool            `json:"hidden,omitempty"`    // only with an access code
	Rows         int             `json:"rows,omitempty"`      // numbered seats: rows × columns; 0: general admission
	Columns      int             `json:"columns,omitempty"`   //
	ShopName     string          `json:"shop_name,omitempty"` // of an event sold elsewhere: what that shop calls the category

	// As the stock says; told apart from the definition, which has a version.
	Sold int `json:"-"`
	Held int `json:"-"`
	Free int `json:"-"` // what can be bought now, as far as its pool and class allow
}

// Left is how many can be bought now, as far as the category's own capacity goes.
func (c *Category) Left() int { return max(c.Capacity-c.Sold-c.Held, 0) }

// Seated reports whether the category's tickets are numbered seats.
func (c *Category) Seated() bool { return c.Rows > 0 }

// TextIn is the text in a locale: its own, that of the language alone, else the fallback's.
func TextIn(names map[string]Text, locales []string, locale string) Text {
	if t, ok := names[locale]; ok {
		return t
	}
	for i, r := range locale {
		if t, ok := names[locale[:i]]; ok && r == '-' {
			return t
		}
	}
	if len(locales) > 0 {
		return names[locales[0]]
	}
	return Text{}
}

// Text is what people read about the event in a locale.
func (e *Event) Text(locale string) Text { return TextIn(e.Names, e.Locales, locale) }

// Title is what the event is called in its fallback language.
func (e *Event) Title() string { return e.Text("").Title }

// Category finds one of the event's; nil when it is none of them.
func (e *Event) Category(category id.ID) *Category {
	for i := range e.Categories {
		if e.Categories[i].ID == category {
			return &e.Categories[i]
		}
	}
	return nil
}

// SaleEnd is when the sale of the event ends.
func (e *Event) SaleEnd() time.Time {
	if e.SaleUntil != nil {
		return *e.SaleUntil
	}
	return e.StartsAt
}

// longestEvent is how long one may last.
const longestEvent = 60 * 24 * time.Hour

// Past reports whether the event is over at that moment; one without an end lasts
// a day at most.
func (e *Event) Past(now time.Time) bool {
	if e.EndsAt != nil {
		return !now.Before(*e.EndsAt)
	}
	return !now.Before(e.StartsAt.Add(24 * time.Hour))
}

// SoldOut reports whether no ticket can be bought now, all windows aside. Carts may
// give some back. An event without categories is not sold out.
func (e *Event) SoldOut() bool {
	for i := range e.Categories {
		if e.Categories[i].Free > 0 {
			return false
		}
	}
	return len(e.Categories) > 0
}
