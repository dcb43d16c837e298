package proximity

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Event is an event that takes place at a venue. Name is what facts call it: the id of
// one of Usher's own events, or an external shop's name of it.
type Event struct {
	ID         id.ID      `json:"-"`
	Name       string     `json:"event"`
	Title      string     `json:"title"`
	Venue      id.ID      `json:"venue"`
	OpensAt    time.Time  `json:"opens_at"` // sightings count from here
	EndsAt     time.Time  `json:"ends_at"`
	Attendance int        `json:"attendance,omitempty"` // people let in so far, as the promoter states it; 0: not known
	Scanned    int        `json:"scanned,omitempty"`    // tickets that Usher's own doors scanned
	Forgotten  *time.Time `json:"forgotten_at,omitempty"`
	CreatedAt  time.Time  `json:"created_at,omitzero"`

	sealed []byte // the key of its pseudonyms
}

// visitors are how many people are known to have come in; 0: not known.
func (e *Event) visitors() int { return max(e.Attendance, e.Scanned) }

// longestEvent bounds how long sightings of one event may be tied together.
const longestEvent = 31 * 24 * time.Hour

func (e *Event) check() error {
	var f []fault.Field
	bad := func(name, problem, fix string) { f = append(f, fault.Field{Name: name, Problem: problem, Fix: fix}) }
	e.Name = strings.TrimSpace(e.Name)
	if e.Name == "" || len(e.Name) > 200 {
		bad("event", "is missing or too long", "the event's id or name, as facts call it")
	}
	if e.Title == "" {
		e.Title = e.Name
	}
	e.Title = checkName(bad, "title", e.Title)
	if e.OpensAt.IsZero() || e.EndsAt.IsZero() || !e.EndsAt.After(e.OpensAt) || e.EndsAt.Sub(e.OpensAt) > longestEvent {
		bad("ends_at", "is not after opens_at, or more than 31 days later", "two instants such as 2027-07-10T16:00:00Z")
	}
	if e.Attendance < 0 || e.Attendance > 10_000_000 {
		bad("attendance", fmt.Sprintf("is %d", e.Attendance), "the number of people let in so far")
	}
	e.OpensAt, e.EndsAt = e.OpensAt.UTC().Truncate(time.Microsecond), e.EndsAt.UTC().Truncate(time.Microsecond)
	return fault.BadFields("proximity.Event", f)
}

// PutEvent says where and when an event takes place. An event whose pseudonyms were
// destroyed stays as it is. Errors: fault.Invalid, fault.NotFound (the venue),
// fault.Conflict.
func (s *Service) PutEvent(ctx context.Context, e Event) (Event, bool, error) {
	const op = "proximity.PutEvent"
	if err := e.check(); err != nil {
		return Event{}, false, err
	}
	created := false
	err := s.db.InTx(ctx, func(tx *db.Tx) error {
		if _, err := lockVenue(tx, e.Venue); err != nil {
			return err
		}
		was, err := lockEvent(tx, e.Name)
		switch {
		case fault.Is(err, fault.NotFound):
			created, e.ID, e.CreatedAt, e.Scanned = true, id.New(), tx.Now(), 0
			if e.sealed, err = s.newRefKey(e.ID); err != nil {
				return err
			}
		case err != nil:
			return err
		case was.Forgotten != nil:
			return fault.E(op, fault.Conflict, "the event is over, and who was there has been forgotten", nil).WithFix("give the next event a name of its own")
		default:
			e.ID, e.CreatedAt, e.sealed, e.Scanned = was.ID, was.CreatedAt, was.sealed, was.Scanned
		}
		e.Forgotten = nil
		return writeEvent(tx, e)
	})
	return e, created, err
}

// DeleteEvent takes an event away from its venue, with all that is known of people
// there. Errors: fault.NotFound.
func (s *Service) DeleteEvent(ctx context.Context, name string) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		e, err := lockEvent(tx, name)
		if err != nil {
			return err
		}
		return deleteEvent(tx, e.ID)
	})
}
