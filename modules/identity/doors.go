package identity

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/listing"
)

// Shop is what doors ask of sales: at which events tickets can be checked in.
type Shop interface {
	// EachEvent visits events that are not drafts and start after a moment, by their start.
	EachEvent(ctx context.Context, after time.Time, each func(event id.ID, slug, currency, zone string, saleFrom, saleUntil, startsAt time.Time) error) error
	// Listing is an event of any state. Errors: fault.NotFound.
	Listing(ctx context.Context, event id.ID) (listing.Event, error)
}

// Doors invites scanners to the events that are sold here.
type Doors struct {
	s    *Service
	shop Shop // nil: nobody knows which events there are
}

// Doors are those of a shop.
func (s *Service) Doors(shop Shop) *Doors { return &Doors{s, shop} }

// doorEvent is an event with a door, as people choose it.
type doorEvent struct{ ID, Slug, Title string }

// events are those that began no longer ago than a scanner's key lasts, and those to come.
func (d *Doors) events(ctx context.Context) (out []doorEvent, err error) {
	if d.shop == nil {
		return nil, nil
	}
	err = d.shop.EachEvent(ctx, d.s.db.Now().Add(-scannerAge), func(event id.ID, slug, _, _ string, _, _, _ time.Time) error {
		out = append(out, doorEvent{event.String(), slug, ""})
		return nil
	})
	for i := range out {
		out[i].Title = cmp.Or(d.nameOf(ctx, out[i].ID), out[i].Slug)
	}
	return out, err
}

// nameOf is the title of the event of an id; "" when there is none.
func (d *Doors) nameOf(ctx context.Context, event string) string {
	name, err := id.Parse(event)
	if err != nil || d.shop == nil {
		return ""
	}
	e, err := d.shop.Listing(ctx, name)
	if err != nil {
		return ""
	}
	return e.Title
}

// eventOf is the id of the event that somebody names by its id or short name, because a
// short name may change while a scanner is at work. A scanner of anything else would check
// nobody in. Nothing at all is left to who checks the draft. Errors: fault.Invalid.
func (d *Doors) eventOf(ctx context.Context, named string) (string, error) {
	if named = strings.TrimSpace(named); named == "" || d.shop == nil {
		return named, nil
	}
	if event, err := id.Parse(named); err == nil && d.nameOf(ctx, named) != "" { // of any state, so that a draft's doors can be prepared
		return event.String(), nil
	}
	list, err := d.events(ctx)
	if err != nil {
		return "", err
	}
	for _, e := range list {
		if e.ID == named || e.Slug == named {
			return e.ID, nil
		}
	}
	return "", fault.BadField("identity.StartEnrolment", "event", "is neither the id nor the short name of an event", "choose an event that is sold here")
}
