package sales

import (
	"context"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/listing"
)

// Listing is what neighbours may know of an event. Errors: fault.NotFound.
func (s *Service) Listing(ctx context.Context, event id.ID) (listing.Event, error) {
	e, err := s.Event(ctx, event)
	if err != nil {
		return listing.Event{}, err
	}
	return e.listing(), nil
}

// Listings are the events that are published and have not begun, the soonest first.
func (s *Service) Listings(ctx context.Context) (out []listing.Event, err error) {
	now := s.db.Now()
	q := EventQuery{States: []string{EventPublished}, From: &now, Limit: 200}
	for {
		list, next, err := s.Events(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range list {
			out = append(out, list[i].listing())
		}
		if q.Cursor = next; next == "" {
			return out, nil
		}
	}
}

// PricesSince are the prices that were in force at or after a moment, the oldest
// first; the last one is in force now. Errors: fault.NotFound when the category has none.
func (s *Service) PricesSince(ctx context.Context, category id.ID, since time.Time) ([]listing.Price, error) {
	list, err := s.PriceHistory(ctx, category) // the latest first
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, noCategory()
	}
	var out []listing.Price
	for _, c := range slices.Backward(list) {
		p := listing.Price{At: c.At, Minor: c.PriceMinor, Reason: c.Reason, Actor: c.Actor}
		if !p.At.After(since) {
			out = out[:0] // it was followed, or is the one in force at since
		}
		out = append(out, p)
	}
	return out, nil
}

// EventNamed finds the event that facts call so: its id, or for one that another shop
// sells what that shop calls it. Errors: fault.NotFound.
func (s *Service) EventNamed(ctx context.Context, name string) (event id.ID, err error) {
	if event, err = id.Parse(name); err == nil {
		return event, nil
	}
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		known, err := eventsOfShops(tx, []string{name})
		if err == nil && known[name] == nil {
			err = noEvent(nil)
		}
		if err == nil {
			event = known[name].id
		}
		return err
	})
	return event, err
}

// EventOfCategory names the event a category belongs to. Errors: fault.NotFound.
func (s *Service) EventOfCategory(ctx context.Context, category id.ID) (event id.ID, err error) {
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		event, err = s.eventOfCategory(tx, category)
		return err
	})
	return event, err
}

func (e *Event) listing() listing.Event {
	out := listing.Event{ID: e.ID, Slug: e.Slug, Title: e.Title(), Currency: e.Currency, Zone: e.Zone, Live: e.State == EventPublished,
		SaleFrom: e.CreatedAt, SaleEnd: e.SaleEnd(), Doors: e.StartsAt, Path: "/shop/events/" + e.Slug}
	if e.Shop != "" {
		out.Path = "/shop"
	}
	if e.SaleFrom != nil {
		out.SaleFrom = *e.SaleFrom
	}
	if e.DoorsAt != nil {
		out.Doors = *e.DoorsAt
	}
	for i := range e.Categories {
		c := &e.Categories[i]
		k := listing.Category{ID: c.ID, Title: TextIn(c.Names, e.Locales, "").Title, PriceMinor: c.PriceMinor, FeeMinor: c.FeeMinor,
			Capacity: c.Capacity, Sold: c.Sold, Held: c.Held, Free: max(c.Free, 0), Class: c.Class}
		if c.Pool != nil {
			k.Pool = *c.Pool
		}
		out.Categories = append(out.Categories, k)
	}
	for i := range e.Pools {
		p := &e.Pools[i]
		out.Pools = append(out.Pools, listing.Pool{ID: p.ID, Name: p.Name, Capacity: p.Capacity, Left: max(p.Capacity-p.Sold-p.Held, 0), Protected: p.Protected})
	}
	return out
}
