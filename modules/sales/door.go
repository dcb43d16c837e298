package sales

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales/words"
)

// Door is the event whose tickets a device checks in.
type Door struct {
	Event    id.ID     `json:"event"`
	Title    string    `json:"title"`
	Venue    string    `json:"venue,omitempty"`
	StartsAt time.Time `json:"starts_at"`
	Zone     string    `json:"zone"`
	State    string    `json:"state"`
}

// doorOf finds the event that a scanner's key is for, which names it by id or slug.
// Errors: fault.NotFound.
func (s *Service) doorOf(ctx context.Context, scope string) (Door, error) {
	event, err := id.Parse(scope)
	if err != nil {
		if event, err = s.eventBySlug(ctx, scope); err != nil {
			return Door{}, err
		}
	}
	e, err := s.Event(ctx, event)
	if err != nil {
		return Door{}, err
	}
	title := e.Title()
	if title == "" {
		title = e.Slug
	}
	return Door{e.ID, title, e.Venue, e.StartsAt, e.Zone, e.State}, nil
}

// Guest is one ticket in the list of a door: who comes with it, and whether somebody
// went in. E-mail addresses stay out of it: a door does not need them.
type Guest struct {
	Order    id.ID      `json:"order"`
	N        int        `json:"n"`
	Name     string     `json:"name"` // of whom it was handed to, else the buyer's; "": not stated
	Category id.ID      `json:"category"`
	Title    string     `json:"title"` // of the category
	Seat     string     `json:"seat,omitempty"`
	Void     bool       `json:"void,omitempty"`
	InAt     *time.Time `json:"in_at,omitempty"` // when the first went in
	Device   string     `json:"device,omitempty"`
	Uses     int        `json:"uses"`
	Owed
}

// Owed is what is to be paid at the door before the people of an order are in: once for
// the order, whichever of its tickets comes first.
type Owed struct {
	DueMinor int64  `json:"due_minor,omitempty"`
	Currency string `json:"currency,omitempty"` // of what is due
}

// Due is the amount as people read it: "€52.00".
func (o Owed) Due() string { return words.In("en").Money(o.DueMinor, o.Currency) }

// Ref is the end of the order's id, which people can read out: orders of one minute
// begin alike.
func (g *Guest) Ref() string { return orderRef(g.Order) }

func orderRef(order id.ID) string {
	text := order.String()
	return strings.ToUpper(text[len(text)-8:])
}

// GuestQuery is what to list of a door.
type GuestQuery struct {
	Search string // part of a name, an address or an order's id; "": all
	Which  string // "in", "out" (not in yet); "": all
	By     string // "order"; "": by name
	Cursor string
	Limit  int
}

// guestPlace is where a page of the list ends.
type guestPlace struct {
	Name  string `json:"m"`
	Order id.ID  `json:"o"`
	N     int    `json:"n"`
}

// Guests lists who comes to an event. next is the cursor of the page after it.
// Errors: fault.Invalid.
func (s *Service) Guests(ctx context.Context, e *Event, q GuestQuery) (found []Guest, next string, err error) {
	const op = "sales.Guests"
	if len(q.Search) > 200 {
		return nil, "", fault.BadField(op, "q", "is too long", "a part of a name or the end of an order's number")
	}
	if q.Which != "" && q.Which != "in" && q.Which != "out" {
		return nil, "", fault.BadField(op, "which", "is "+q.Which, "in, out, or leave it out")
	}
	if q.By != "" && q.By != "name" && q.By != "order" {
		return nil, "", fault.BadField(op, "by", "is "+q.By, "name or order")
	}
	from, err := web.DecodeCursor[guestPlace](q.Cursor)
	if err == nil && (from.N < 0 || from.N > math.MaxInt16 || strings.ContainsRune(from.Name, 0)) {
		err = fault.BadField(op, "cursor", "is not one of ours", "pass on the value of next as it is, or leave it out to start again")
	}
	if err != nil {
		return nil, "", err
	}
	q.Search = strings.TrimSpace(q.Search)
	found, last, err := s.guestsOf(ctx, e.ID, q, from)
	if err != nil {
		return nil, "", err
	}
	for i := range found {
		if k := e.Category(found[i].Category); k != nil {
			found[i].Title = TextIn(k.Names, e.Locales, "").Title
		}
	}
	if len(found) == q.Limit {
		next = web.EncodeCursor(last)
	}
	return found, next, nil
}

// AdmitByHand checks a ticket of the list in, without its code. Errors: as CheckIn.
func (s *Service) AdmitByHand(ctx context.Context, event, order id.ID, n int, device string) (out Scanned, err error) {
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		all, err := s.CheckIn(tx, event, device, []Scan{{ID: id.New(), Order: &order, N: n}})
		if err == nil {
			out = all[0]
		}
		return err
	})
	return out, err
}

// deviceOf names who checks in from a page or a program.
func deviceOf(c web.Caller) string {
	name := strings.TrimPrefix(c.Name, "key:")
	if c.Label != "" {
		name = c.Label
	}
	if name == "" {
		name = "door list"
	}
	if runes := []rune(name); len(runes) > maxDevice {
		name = string(runes[:maxDevice])
	}
	return name
}
