package admission

import (
	"bytes"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

// Verdict is what a scanner shows.
type Verdict string

// Verdicts.
const (
	Admitted     Verdict = "admitted"
	AlreadyUsed  Verdict = "already_used"
	Void         Verdict = "void"          // refunded, or its event cancelled
	WrongVersion Verdict = "wrong_version" // handed on to somebody else since
	WrongEvent   Verdict = "wrong_event"
	Unknown      Verdict = "unknown" // not ours, or of an order that does not exist
)

// Standing is what the house knows of a ticket.
type Standing struct {
	Event   id.ID
	Version int
	Void    bool // or its event was cancelled
}

// Validity judges a code at the door of an event, all earlier scans aside:
// Admitted when it is good.
func Validity(t Ticket, door id.ID, s Standing) Verdict {
	switch {
	case t.Event != door || s.Event != door:
		return WrongEvent
	case s.Void:
		return Void
	case t.Version != s.Version:
		return WrongVersion
	}
	return Admitted
}

// Scan is one good code seen by one device. Scans that Validity refuses admit
// nobody and take no part in settling.
type Scan struct {
	ID     id.ID // of the device's making
	Device string
	At     time.Time
}

// Settle puts the scans of one ticket in their order: the first let somebody in, all
// others found the ticket used. The scan's time decides, so that a device that was
// offline is heard as if it had not been; the id decides between equal times, so that
// every reader comes to the same order whichever scan arrived first.
func Settle(scans []Scan) []Scan {
	out := slices.Clone(scans)
	slices.SortFunc(out, func(a, b Scan) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return bytes.Compare(a.ID[:], b.ID[:])
	})
	return out
}
