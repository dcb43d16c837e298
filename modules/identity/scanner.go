package identity

import (
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

const (
	enrolmentAge = 15 * time.Minute    // of a QR code
	scannerAge   = 30 * 24 * time.Hour // of a scanner's key: a festival and what is around it
)

// ScannerDraft says which door's device is to be enrolled.
type ScannerDraft struct {
	Name  string `json:"name" validate:"required,max=60"`
	Event string `json:"event" validate:"required,max=80"`
}

// Enrolment is a one-time code by which a device becomes a scanner. Code is told once.
type Enrolment struct {
	Code      string    `json:"code"`
	Name      string    `json:"name"`
	Event     string    `json:"event"`
	ExpiresAt time.Time `json:"expires_at"`
}

// StartEnrolment makes the code for one scanner of one event. It works once, for 15
// minutes. Errors: fault.Invalid.
func (s *Service) StartEnrolment(tx *db.Tx, d ScannerDraft) (Enrolment, error) {
	d.Name, d.Event = strings.Join(strings.FieldsFunc(d.Name, breaks), " "), strings.TrimSpace(d.Event)
	if err := web.Check("identity.StartEnrolment", d, "json"); err != nil {
		return Enrolment{}, err
	}
	e := Enrolment{Code: id.Code(20), Name: d.Name, Event: d.Event, ExpiresAt: tx.Now().Add(enrolmentAge)}
	if err := insertEnrolment(tx, e, actorOf(tx.Ctx())); err != nil {
		return Enrolment{}, err
	}
	return e, s.audit(tx, Entry{Actor: actorOf(tx.Ctx()), Action: "scanner.invited", Object: "event:" + e.Event, Detail: map[string]any{"name": e.Name}})
}

// breaks are what a name has a single space for: what cannot be seen stands in no log of scans.
func breaks(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// EnrolScanner spends a code and gives the device a key that may scan for that one
// event and nothing else. Of two that come at once, one wins.
// Errors: fault.Forbidden for a code that does not work, fault.Conflict when a
// scanner of that name is there already.
func (s *Service) EnrolScanner(tx *db.Tx, code string) (NewKey, error) {
	const op = "identity.EnrolScanner"
	e, by, err := spendEnrolment(tx, hashOf(strings.ToUpper(strings.TrimSpace(code))))
	if fault.Is(err, fault.NotFound) {
		return NewKey{}, fault.E(op, fault.Forbidden, "this code does not work, or no longer", err).WithFix("have a new one made on the page Scanners")
	}
	if err != nil {
		return NewKey{}, err
	}
	ends := tx.Now().Add(scannerAge)
	return s.makeKey(tx, KeyDraft{Name: e.Name, Right: web.Scan, Event: e.Event, ExpiresAt: &ends}, by)
}

// Scanners lists the keys of scanners that are not revoked, by name.
func (s *Service) Scanners(ctx context.Context) ([]Key, error) {
	return s.listKeys(ctx, []web.Right{web.Scan})
}
