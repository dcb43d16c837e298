package sales

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/admission"
)

// Scan is what a device saw at a door: a ticket's code, or one found in the list.
type Scan struct {
	ID        id.ID      `json:"id"` // of the device's making
	Code      string     `json:"code,omitempty"`
	Order     *id.ID     `json:"order,omitempty"` // with N instead of a code: checked in by hand
	N         int        `json:"n,omitempty"`
	ScannedAt *time.Time `json:"scanned_at,omitempty"` // of one that was offline; else our clock counts
	Offline   bool       `json:"offline,omitempty"`
	LetIn     bool       `json:"let_in,omitempty"` // of one that was offline: somebody went in
}

// Scanned is what became of a scan.
type Scanned struct {
	ID      id.ID             `json:"id"`
	Verdict admission.Verdict `json:"verdict"`
	Order   *id.ID            `json:"order,omitempty"`
	N       int               `json:"n,omitempty"`
	Uses    []Use             `json:"uses,omitempty"` // each time somebody went in with the ticket; the first counts
	Owed
}

// Use is one time that somebody went in with a ticket.
type Use struct {
	Scan    id.ID     `json:"scan"`
	Device  string    `json:"device"`
	At      time.Time `json:"at"`
	Offline bool      `json:"offline,omitempty"`
}

// standing is what is known of a ticket, and what is to be paid for its order.
type standing struct {
	admission.Standing
	Owed
}

// ticketName tells one ticket from all others.
type ticketName struct {
	order id.ID
	n     int
}

// scanRow is a scan as it is logged.
type scanRow struct {
	Scan
	ticket   *ticketName // nil: the code was not ours
	version  int
	device   string
	at       time.Time
	byHand   bool
	first    bool // it let somebody in with a ticket that nobody had used
	answered admission.Verdict
}

// reported is a scan that was logged before.
type reported struct {
	ticket   *ticketName
	answered admission.Verdict
	letIn    bool
}

// isOf reports whether the scan is of that ticket. What was no ticket of ours may be one
// by now: keys are added.
func (r *scanRow) isOf(ticket *ticketName) bool {
	return ticket == nil || r.ticket == nil || *ticket == *r.ticket
}

const (
	maxScans  = 500 // in a report
	maxDevice = 60  // characters of a scanner's name, as identity takes them
)

// CheckIn judges what a device saw at the door of an event and logs it, all or
// nothing. A scan that was reported before gets the answer it had then. Of those that
// were offline the device says whether it let somebody in: that cannot be undone, so it
// is logged beside whatever else is known, and the uses tell of both; so it is when our
// answer, that the ticket is no good, came too late to be heard.
//
// Errors: fault.Invalid, fault.NotFound for an event that does not exist.
func (s *Service) CheckIn(tx *db.Tx, event id.ID, device string, scans []Scan) ([]Scanned, error) {
	if err := checkScans(device, scans); err != nil {
		return nil, err
	}
	rows := make([]scanRow, len(scans))
	for i, scan := range scans {
		rows[i] = s.seen(scan, device, tx.Now())
	}
	standings, err := lockStandings(tx, rows)
	if err != nil {
		return nil, err
	}
	earlier, err := scansReported(tx, event, scans)
	if err != nil {
		return nil, err
	}
	uses, err := usesOf(tx, event, rows)
	if err != nil {
		return nil, err
	}
	fresh, err := judgeFresh(rows, earlier, func(r *scanRow) { r.judge(event, standings, uses) })
	if err != nil {
		return nil, err
	}
	out := make([]Scanned, len(rows))
	for i, r := range rows {
		out[i] = r.answer(standings, uses)
	}
	if err := insertScans(tx, event, fresh); err != nil {
		return nil, err
	}
	return out, announceAdmitted(tx, event, fresh)
}

// judgeFresh judges the scans in their order, and gives those that are to be logged. All others
// were reported before. Errors: fault.Invalid when one was another ticket's.
func judgeFresh(rows []scanRow, earlier map[id.ID]reported, judge func(*scanRow)) (fresh []scanRow, err error) {
	for _, i := range byTime(rows) {
		r := &rows[i]
		before, told := earlier[r.ID]
		if told && !r.isOf(before.ticket) {
			return nil, fault.BadField("sales.CheckIn", "id", r.ID.String()+" was reported for another ticket", "a new id for each scan")
		}
		if told && (before.letIn || !r.LetIn) {
			r.answered = before.answered
			continue
		}
		judge(r)
		earlier[r.ID], fresh = reported{r.ticket, r.answered, r.LetIn}, append(fresh, *r)
	}
	return fresh, nil
}

// answer tells what became of a scan, and what is to be paid by whom it finds at the door.
func (r *scanRow) answer(standings map[ticketName]standing, uses map[ticketName][]Use) Scanned {
	out := Scanned{ID: r.ID, Verdict: r.answered}
	if r.ticket == nil {
		return out
	}
	out.Order, out.N, out.Uses = &r.ticket.order, r.ticket.n, uses[*r.ticket]
	if r.answered == admission.Admitted || r.answered == admission.AlreadyUsed {
		out.Owed = standings[*r.ticket].Owed
	}
	return out
}

// announceAdmitted tells how many tickets let somebody in for the first time.
func announceAdmitted(tx *db.Tx, event id.ID, fresh []scanRow) error {
	n := 0
	for _, r := range fresh {
		if r.first {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return tx.Emit(facts.TicketsAdmitted{Event: event, Count: n, At: tx.Now()})
}

// byTime is the order in which scans are judged: as they happened.
func byTime(rows []scanRow) []int {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return rows[a].at.Compare(rows[b].at) })
	return order
}

func checkScans(device string, scans []Scan) error {
	const op = "sales.CheckIn"
	var f []fault.Field
	bad := func(name, problem, fix string) { f = append(f, fault.Field{Name: name, Problem: problem, Fix: fix}) }
	if device == "" || utf8.RuneCountInString(device) > maxDevice || strings.ContainsFunc(device, func(r rune) bool { return r < ' ' }) {
		bad("device", "is missing or too long", fmt.Sprintf("the scanner's name, at most %d characters", maxDevice))
	}
	if len(scans) == 0 || len(scans) > maxScans {
		bad("scans", fmt.Sprintf("has %d", len(scans)), fmt.Sprintf("1 to %d", maxScans))
	}
	for i, scan := range scans {
		at := fmt.Sprintf("scans[%d].", i)
		if scan.ID == id.Nil {
			bad(at+"id", "is missing", "a UUID of the device’s making, the same when it reports again")
		}
		if (scan.Code == "") == (scan.Order == nil) || scan.Order != nil && (scan.N < 1 || scan.N > maxQty) {
			bad(at+"code", "is missing, or there is an order beside it", "a code, or order and n")
		}
		if scan.Offline && scan.ScannedAt == nil {
			bad(at+"scanned_at", "is missing", "when the device saw it, as it was offline")
		}
	}
	return fault.BadFields(op, f)
}

// seen reads what a device saw. A device whose clock is ahead is taken to have
// scanned just now: nobody was let in tomorrow.
func (s *Service) seen(scan Scan, device string, now time.Time) scanRow {
	r := scanRow{Scan: scan, device: device, at: now}
	if scan.Offline && scan.ScannedAt.Before(now) {
		r.at = *scan.ScannedAt
	}
	r.LetIn = scan.Offline && scan.LetIn
	if scan.Order != nil {
		r.byHand, r.ticket = true, &ticketName{*scan.Order, scan.N}
		return r
	}
	if t, err := s.keyring.Open(scan.Code); err == nil {
		r.ticket, r.version = &ticketName{t.Order, t.N}, t.Version
	}
	return r
}

// judge answers a scan that was not reported before, and counts it among the uses.
func (r *scanRow) judge(door id.ID, standings map[ticketName]standing, uses map[ticketName][]Use) {
	now, known := r.standing(standings)
	if !known {
		r.answered, r.LetIn = admission.Unknown, false // whoever went in, no ticket of ours was used
		return
	}
	if r.byHand {
		r.version = now.Version
	}
	r.answered = admission.Validity(admission.Ticket{Event: now.Event, Version: r.version}, door, now.Standing)
	if r.answered == admission.WrongEvent {
		r.LetIn = false // a scanner lets nobody in with another event's ticket: it stays as it is
		return
	}
	before := uses[*r.ticket]
	if r.answered == admission.Admitted && !r.Offline {
		if r.LetIn = len(before) == 0; !r.LetIn {
			r.answered = admission.AlreadyUsed
		}
	}
	if !r.LetIn {
		if r.answered == admission.Admitted && len(before) > 0 {
			r.answered = admission.AlreadyUsed // seen offline, and turned away there
		}
		return
	}
	r.first = len(before) == 0
	after := settle(append(slices.Clone(before), Use{r.ID, r.device, r.at, r.Offline}))
	uses[*r.ticket] = after
	if r.answered == admission.Admitted && after[0].Scan != r.ID {
		r.answered = admission.AlreadyUsed
	}
}

// standing is what is known of the scan's ticket.
func (r *scanRow) standing(all map[ticketName]standing) (now standing, known bool) {
	if r.ticket != nil {
		now, known = all[*r.ticket]
	}
	return now, known
}
