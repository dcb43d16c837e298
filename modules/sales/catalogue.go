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
	ID         id.ID           `json:"id"`
	Slug       string          `json:"slug"`             // in the portal's address
	Series     string          `json:"series,omitempty"` // events of one series are listed together
	Names      map[string]Text `json:"names"`            // by locale; the first of Locales must be there
	Locales    []string        `json:"locales"`          // the first is the fallback
	Venue      string          `json:"venue,omitempty"`
	Zone       string          `json:"zone"`     // IANA name; every time people see is in it
	Currency   string          `json:"currency"` // ISO 4217
	State      string          `json:"state"`
	Secret     bool            `json:"secret,omitempty"`  // only by its link, in no list
	Sandbox    bool            `json:"sandbox,omitempty"` // never real money
	StartsAt   time.Time       `json:"starts_at"`
	EndsAt     *time.Time      `json:"ends_at,omitempty"`
	DoorsAt    *time.Time      `json:"doors_at,omitempty"`
	SaleFrom   *time.Time      `json:"sale_from,omitempty"`
	SaleUntil  *time.Time      `json:"sale_until,omitempty"` // nil: until it starts
	Version    int64           `json:"version"`
	Categories []Category      `json:"categories,omitempty"`
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
	Pool         *id.ID          `json:"pool,omitempty"`   // capacity shared with others
	Hidden       bool            `json:"hidden,omitempty"` // only with an access code
	Rows         int             `json:"rows,omitempty"`   // numbered seats: rows × columns; 0: general admission
	Columns      int             `json:"columns,omitempty"`

	Sold int `json:"sold"`
	Held int `json:"held"`
}

// Left is how many can be bought now, as far as the category's own capacity goes.
func (c *Category) Left() int { return max(c.Capacity-c.Sold-c.Held, 0) }
