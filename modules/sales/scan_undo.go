package sales

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/admission"
)

// Undone is a use that was taken back, as whoever it let in did not come.
type Undone struct {
	Order id.ID `json:"order"`
	N     int   `json:"n"`
	Use
	By       string    `json:"by"` // the device or person that took it back
	UndoneAt time.Time `json:"undone_at"`
}

// Invalid is a use of a ticket that was void, or handed on, by then: only a device that was
// offline, or heard our answer too late, lets somebody in with it.
type Invalid struct {
	Order   id.ID             `json:"order"`
	N       int               `json:"n"`
	Verdict admission.Verdict `json:"verdict"`
	Use
}

// Undo takes back that somebody went in with a ticket, by whatever mistake: whoever comes with it
// next goes in. The scans stay in the log, beside who took them back.
//
// Errors: fault.NotFound for a ticket that is not of the event, fault.Conflict when nobody is in
// with it.
func (s *Service) Undo(tx *db.Tx, event id.ID, ticket ticketName, device string) ([]Use, error) {
	const op = "sales.Undo"
	rows := []scanRow{{ticket: &ticket}}
	standings, err := lockStandings(tx, rows)
	if err != nil {
		return nil, err
	}
	if now, known := standings[ticket]; !known || now.Event != event {
		return nil, fault.E(op, fault.NotFound, "this event has no such ticket", nil)
	}
	uses, err := usesOf(tx, event, rows)
	if err != nil {
		return nil, err
	}
	back := uses[ticket]
	if len(back) == 0 {
		return nil, fault.E(op, fault.Conflict, "nobody is in with this ticket", nil).WithFix("look at the list again: somebody else may have undone it")
	}
	if err := insertUndone(tx, event, back, device); err != nil {
		return nil, err
	}
	return back, tx.Emit(facts.TicketsAdmitted{Event: event, Count: -1, At: tx.Now()})
}

// UndoByHand is Undo from a page.
func (s *Service) UndoByHand(ctx context.Context, event id.ID, ticket ticketName, device string) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		_, err := s.Undo(tx, event, ticket, device)
		return err
	})
}
