package sales

import (
	"context"
	"fmt"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// Condition refuses a change of something that is no longer as the caller saw it;
// nil: there is none.
type Condition func(current Event) error

// validate reports every fault of the event's own fields at once.
func (e *Event) validate() error { return collect("sales.Event", e.check) }

// CreateEvent makes a draft. Errors: fault.Invalid with every fault, fault.Conflict
// when the slug is taken.
func (s *Service) CreateEvent(tx *db.Tx, e Event) (Event, error) {
	e.ID, e.State, e.Version, e.CreatedAt, e.Categories, e.Pools = id.New(), EventDraft, 1, tx.Now(), nil, nil
	if err := e.validate(); err != nil {
		return Event{}, err
	}
	return e, s.insertEvent(tx, e)
}

// CreateWhole makes a draft and its categories, all or none. Errors: fault.Invalid with every
// fault, also of each category; fault.Conflict when the slug is taken.
func (s *Service) CreateWhole(tx *db.Tx, e Event, actor string) (Event, error) {
	err := collect("sales.CreateWhole", func(bad complaint) {
		e.check(bad)
		e.checkGiven(bad)
	})
	if err != nil {
		return Event{}, err
	}
	given := e.Categories
	if e, err = s.CreateEvent(tx, e); err != nil || len(given) == 0 {
		return e, err
	}
	for _, c := range given {
		c.Event = e.ID
		if _, err := s.AddCategory(tx, c, actor, nil); err != nil {
			return Event{}, err
		}
	}
	return s.eventWithin(tx, e.ID)
}

// checkGiven complains about the categories and pools that come with a new event.
func (e *Event) checkGiven(bad complaint) {
	if len(e.Pools) > 0 {
		bad("pools", "cannot come with a new event", "make the event, then POST /v1/catalogue/events/:event/pools, then the categories that share them")
	}
	if len(e.Categories) > maxCategories {
		bad("categories", "are too many", fmt.Sprintf("at most %d in an event", maxCategories))
		return
	}
	for i := range e.Categories {
		e.Categories[i].ID = id.New() // so that each is told from the others
	}
	for i := range e.Categories {
		e.Categories[i].check(func(name, problem, fix string) { bad(fmt.Sprintf("categories[%d].%s", i, name), problem, fix) }, e)
	}
}

// ChangeEvent replaces what an event says of itself: all but its state, categories
// and pools. Errors: fault.NotFound, fault.Invalid, fault.Conflict when the slug is
// taken, or when money or the sandbox would change after the first ticket, or too soon
// after the event was on sale.
func (s *Service) ChangeEvent(ctx context.Context, given Event, cond Condition) (Event, error) {
	const op = "sales.ChangeEvent"
	return s.change(ctx, given.ID, cond, func(tx *db.Tx, e *Event) error {
		given.ID, given.State, given.Version, given.CreatedAt = e.ID, e.State, e.Version, e.CreatedAt
		given.Categories, given.Pools = e.Categories, e.Pools
		if err := given.validate(); err != nil {
			return err
		}
		if given.Currency != e.Currency || given.Sandbox != e.Sandbox {
			if err := e.untouched(tx, op, "tickets are sold or in carts: the currency and the sandbox stay as they are", "copy the event and change the copy"); err != nil {
				return err
			}
			if err := e.still(tx, op, "pause the sale, and change the currency or the sandbox a minute later"); err != nil {
				return err
			}
		}
		if (given.Shop == "") != (e.Shop == "") {
			if err := e.untouched(tx, op, "tickets are sold or in carts: who sells the event stays as it is", "copy the event and change the copy"); err != nil {
				return err
			}
		}
		*e = given
		return nil
	})
}

// change works on a locked event and writes it back with its version raised. One
// that people see must stay fit to be seen. Errors: fault.NotFound, fault.Invalid,
// cond's and do's.
func (s *Service) change(ctx context.Context, event id.ID, cond Condition, do func(tx *db.Tx, e *Event) error) (e Event, err error) {
	err = s.db.InTx(ctx, func(tx *db.Tx) (err error) {
		e, err = s.changeIn(tx, event, cond, do)
		return err
	})
	s.shelves.forget(event)
	s.till.left.forget()
	return e, err
}

func (s *Service) changeIn(tx *db.Tx, event id.ID, cond Condition, do func(tx *db.Tx, e *Event) error) (Event, error) {
	e, err := s.lockEvent(tx, event)
	if err != nil {
		return Event{}, err
	}
	if cond != nil {
		if err := cond(e); err != nil {
			return Event{}, err
		}
	}
	if err := do(tx, &e); err != nil {
		return Event{}, err
	}
	if e.State == EventPublished || e.State == EventPaused {
		if err := collect("sales.Event", e.checkComplete); err != nil {
			return Event{}, err
		}
	}
	e.Version++
	if err := s.updateEvent(tx, e); err != nil {
		return Event{}, err
	}
	return s.eventWithin(tx, event)
}

// untouched refuses what an event may not become once a ticket was sold, given back since
// or not, or is in a cart. Errors: fault.Conflict, with the refusal and the way out.
func (e *Event) untouched(tx *db.Tx, op, refusal, fix string) error {
	touched, err := hasOrders(tx, e.ID)
	for i := range e.Categories {
		touched = touched || e.Categories[i].Sold+e.Categories[i].Held > 0
	}
	if err == nil && touched {
		err = fault.E(op, fault.Conflict, refusal, nil).WithFix(fix)
	}
	return err
}

// drain is how long an order may be on its way: priced by a catalogue that is a moment
// old, then waiting at a till for as long as its buyer does (web.DefaultTimeout at most),
// whose batch takes tillTime at most.
const drain = web.DefaultTimeout + tillTime + 10*time.Second

// still refuses to change what an order takes, of which money or which pool, while one that
// was made before may yet arrive; rest says what to do while the event is on sale. The tills do
// not look at the event again, which would cost every order something, so it has to have rested
// for as long as one may take. What was paid for and is not an order yet is waited for; whoever
// pays meanwhile waits for us, and is refused then.
func (e *Event) still(tx *db.Tx, op, rest string) error {
	const fix = "try again in a minute"
	if e.State == EventPublished {
		return fault.E(op, fault.Conflict, "the event is on sale: an order may come at any moment", nil).
			WithFix(rest)
	}
	since, paid, err := restingSince(tx, e.ID)
	switch {
	case err != nil:
		return err
	case since != nil && tx.Now().Sub(*since) < drain:
		return fault.E(op, fault.Conflict, "the event was on sale a moment ago: an order may still be on its way", nil).WithFix(fix)
	case paid:
		return fault.E(op, fault.Conflict, "somebody has just paid for tickets of the event", nil).WithFix(fix)
	}
	return nil
}

// checkComplete complains about what keeps an event from being shown to people.
func (e *Event) checkComplete(bad complaint) {
	if e.Title() == "" {
		bad("names."+e.Locales[0]+".title", "is missing", "the title in the fallback language: people without one of the others read it")
	}
	if len(e.Categories) == 0 {
		bad("categories", "are none", "at least one category with a price and a capacity")
	}
	for i := range e.Categories {
		c := &e.Categories[i]
		if TextIn(c.Names, e.Locales, "").Title == "" {
			bad(fmt.Sprintf("categories[%d].names.%s.title", i, e.Locales[0]), "is missing", "the category's name in the fallback language")
		}
		if c.SaleFrom != nil && !c.SaleFrom.Before(e.SaleEnd()) {
			bad(fmt.Sprintf("categories[%d].sale_from", i), "is not before the sale of the event ends", "an earlier moment")
		}
	}
}

// transitions are the states an event may take after each.
var transitions = map[string][]string{
	EventDraft:     {EventPublished, EventCancelled},
	EventPublished: {EventPaused, EventDraft, EventCancelled},
	EventPaused:    {EventPublished, EventDraft, EventCancelled},
	EventCancelled: {},
}

// SetState publishes, pauses, takes back or cancels an event. Cancelling ends the
// sale; what was sold is refunded apart. Errors: fault.NotFound, fault.Invalid
// naming what is missing to publish, fault.Conflict when the state cannot follow.
func (s *Service) SetState(ctx context.Context, event id.ID, state string, cond Condition) (Event, error) {
	const op = "sales.SetState"
	return s.change(ctx, event, cond, func(tx *db.Tx, e *Event) error {
		follows := false
		for _, next := range transitions[e.State] {
			follows = follows || next == state
		}
		_, known := transitions[state]
		switch {
		case !known:
			return fault.BadField(op, "state", fmt.Sprintf("%q is no state", clip(state)), "draft, published, paused or cancelled")
		case e.State == state:
			return nil
		case !follows:
			return fault.E(op, fault.Conflict, "a "+e.State+" event cannot become "+state, nil).WithFix("copy the event and publish the copy")
		case state == EventDraft:
			if err := e.untouched(tx, op, "tickets are sold or in carts: the event cannot be a draft again", "pause it"); err != nil {
				return err
			}
		case state == EventPublished:
			if err := collect(op, func(bad complaint) { e.checkTimely(bad, tx.Now()) }); err != nil {
				return err
			}
		}
		if e.State == EventPublished {
			if err := noteRest(tx, e.ID); err != nil {
				return err
			}
		}
		e.State = state
		return nil
	})
}

// checkTimely complains about dates that have passed: nothing could be sold.
func (e *Event) checkTimely(bad complaint, now time.Time) {
	if !e.SaleEnd().After(now) {
		bad("sale_until", "has passed, so nothing could be sold", "a moment to come")
	}
}

// DeleteEvent removes a draft with all that belongs to it. Errors: fault.NotFound,
// fault.Conflict once it was seen by buyers or has sold.
func (s *Service) DeleteEvent(ctx context.Context, event id.ID, cond Condition) error {
	const op = "sales.DeleteEvent"
	err := s.db.InTx(ctx, func(tx *db.Tx) error {
		e, err := s.lockEvent(tx, event)
		if err != nil {
			return err
		}
		if cond != nil {
			if err := cond(e); err != nil {
				return err
			}
		}
		if e.State != EventDraft {
			return fault.E(op, fault.Conflict, "the event is "+e.State, nil).WithFix("take it back to draft first; one that has sold tickets can only be cancelled")
		}
		return s.deleteEvent(tx, e)
	})
	s.shelves.forget(event)
	return err
}
