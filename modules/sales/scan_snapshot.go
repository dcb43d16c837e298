package sales

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

// DoorSnapshot is all that a scanner needs while it is offline: a code is good when one
// of the keys signed it for this event and nothing here speaks against it.
type DoorSnapshot struct {
	Event   id.ID           `json:"event"`
	TakenAt time.Time       `json:"taken_at"`
	Keys    []string        `json:"keys"`    // Ed25519, base64
	Changed []ChangedTicket `json:"changed"` // codes of any other version are refused
	Used    []UsedTicket    `json:"used"`    // those known since the moment asked for
	Undone  []UndoneTicket  `json:"undone"`  // those taken back since then, with which nobody is in

	Cancelled bool `json:"cancelled,omitempty"` // the event is: all its tickets are void

	Due      []DueOrder `json:"due"`                // orders that are still to be paid at the door
	Currency string     `json:"currency,omitempty"` // of what is due
}

// DueOrder is an order that is to be paid at the door, once for all its tickets.
type DueOrder struct {
	Order    id.ID `json:"o"`
	DueMinor int64 `json:"m"`
}

// ChangedTicket is a ticket that was handed on or is void.
type ChangedTicket struct {
	Order   id.ID `json:"o"`
	N       int   `json:"n"`
	Version int   `json:"v"`
	Void    bool  `json:"x,omitempty"`
}

// UsedTicket is a ticket with which somebody went in.
type UsedTicket struct {
	Order  id.ID     `json:"o"`
	N      int       `json:"n"`
	Device string    `json:"d"`
	At     time.Time `json:"t"`
}

// UndoneTicket is a ticket with which nobody is in any more.
type UndoneTicket struct {
	Order id.ID `json:"o"`
	N     int   `json:"n"`
}

// DoorCounts is how the door of an event stands.
type DoorCounts struct {
	Valid   int `json:"valid"`   // tickets that are not void
	In      int `json:"in"`      // tickets with which somebody went in
	Refused int `json:"refused"` // scans that let nobody in
	Double  int `json:"double"`  // tickets used more than once

	Overpaid int `json:"overpaid"` // orders whose money was taken more than once at the door

	Invalid int `json:"invalid"` // times that somebody went in with a ticket that was no good
	Undone  int `json:"undone"`  // times that were taken back
}

// snapshotOverlap is told twice, because a report may be committed after a snapshot
// that was taken later than the report began.
const snapshotOverlap = time.Minute

// DoorSnapshot takes it now, with the uses that we learned of since then; the zero
// time: all. Errors: fault.NotFound for an event that does not exist.
func (s *Service) DoorSnapshot(ctx context.Context, event id.ID, since time.Time) (DoorSnapshot, error) {
	out := DoorSnapshot{Event: event, TakenAt: s.db.Now(), Keys: s.keyring.Texts()}
	e, err := s.snapshot(ctx, event)
	if err != nil {
		return out, err
	}
	out.Cancelled = e.State == EventCancelled
	if out.Due, err = s.dueOrders(ctx, event); err != nil {
		return out, err
	}
	if len(out.Due) > 0 {
		out.Currency = e.Currency
	}
	if out.Changed, err = s.changedTickets(ctx, event); err != nil {
		return out, err
	}
	since = since.Add(-snapshotOverlap)
	if out.Used, err = s.usedTickets(ctx, event, since); err != nil {
		return out, err
	}
	out.Undone, err = s.undoneTickets(ctx, event, since)
	return out, err
}
