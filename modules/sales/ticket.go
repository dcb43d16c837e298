package sales

import (
	"context"
	"encoding/binary"
	"net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/admission"
)

// Ticket lets one person in.
type Ticket struct {
	Event     id.ID      `json:"event"`
	Order     id.ID      `json:"order"`
	N         int        `json:"n"` // 1 … within the order
	Category  id.ID      `json:"category"`
	UnitMinor int64      `json:"unit_minor"`
	Seat      string     `json:"seat,omitempty"`   // "C12"; "": general admission
	Version   int        `json:"version"`          // raised by each transfer
	Holder    *Holder    `json:"holder,omitempty"` // nil: the buyer's own
	VoidedAt  *time.Time `json:"voided_at,omitempty"`
}

// Holder is to whom a ticket was handed on.
type Holder struct {
	Name  string `json:"name"`
	Email string `json:"email,omitempty"`
}

// Code is what the ticket's QR code says, signed.
func (s *Service) Code(t *Ticket) string {
	return s.codes.Code(admission.Ticket{Event: t.Event, Order: t.Order, N: t.N, Version: t.Version})
}

// OrderToken is the secret part of the link by which a buyer reaches his order.
func (s *Service) OrderToken(order id.ID) string { return s.orders.sign(order) }

// ticketKey makes the links of each version of each ticket independent of all others.
func (s *Service) ticketKey(n, version int) []byte {
	b := append([]byte{}, s.holderKey...)
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, uint32(n)), uint32(version))
}

// ticketByToken finds the ticket of a holder's link. A link of before the ticket
// was handed on finds nothing. Errors: fault.NotFound.
func (s *Service) ticketByToken(ctx context.Context, token string) (Order, Ticket, error) {
	order, n, mac, ok := parseHolderToken(token)
	if !ok {
		return Order{}, Ticket{}, noTicket(nil)
	}
	o, tickets, err := s.OrderTickets(ctx, order)
	if err != nil {
		return Order{}, Ticket{}, noTicket(err)
	}
	for i := range tickets {
		if t := &tickets[i]; t.N == n && t.Holder != nil {
			if _, ok := openID(s.ticketKey(n, t.Version), mac); ok {
				return o, *t, nil
			}
		}
	}
	return Order{}, Ticket{}, noTicket(nil)
}

func noTicket(err error) error {
	return fault.E("sales.Ticket", fault.NotFound, "there is no such ticket, or it was handed on", err)
}

// maxName bounds what people are called, in characters: those of many languages have several bytes.
const maxName = 200

// maxTransfers bounds how often one ticket is handed on.
const maxTransfers = 100

// Transfer hands a ticket on: its code so far is refused from now on, and the holder
// has a link of his own. e is the order's event; version is what the giver saw, so that a form sent twice hands
// it on once. Errors: fault.Invalid, fault.NotFound, fault.Conflict when the ticket is
// void or used, was handed on meanwhile, or its event is over.
func (s *Service) Transfer(tx *db.Tx, e *Event, order id.ID, n, version int, to Holder) (Ticket, error) {
	const op = "sales.Transfer"
	to.Name, to.Email = strings.TrimSpace(to.Name), strings.TrimSpace(to.Email)
	if err := to.check(op); err != nil {
		return Ticket{}, err
	}
	t, err := lockTicket(tx, order, n)
	if err != nil {
		return Ticket{}, err
	}
	if t.Event != e.ID {
		return Ticket{}, noTicket(nil)
	}
	refuse := func(why, fix string) (Ticket, error) {
		return Ticket{}, fault.E(op, fault.Conflict, why, nil).WithFix(fix)
	}
	switch {
	case t.VoidedAt != nil:
		return refuse("this ticket is void", "hand on another one")
	case t.Version != version:
		return Ticket{}, handedAlready()
	case t.Version > maxTransfers:
		return refuse("this ticket was handed on too often", "ask the organiser")
	case e.State == EventCancelled || e.Past(tx.Now()):
		return refuse("the event is over", "nothing is left to be done")
	}
	if in, err := used(tx, order, n); err != nil || in {
		if err != nil {
			return Ticket{}, err
		}
		return refuse("somebody went in with this ticket already", "hand on another one")
	}
	t.Holder, t.Version = &to, t.Version+1
	return t, setHolder(tx, &t)
}

func handedAlready() error {
	return fault.E("sales.Transfer", fault.Conflict, "this ticket was handed on already", nil).WithFix("only who has it now can hand it on")
}

func (h Holder) check(op string) error {
	var f []fault.Field
	if h.Name == "" || utf8.RuneCountInString(h.Name) > maxName || strings.ContainsFunc(h.Name, unicode.IsControl) {
		f = append(f, fault.Field{Name: "name", Problem: "is missing, too long, or has a line break", Fix: "the name of who will come, at most 200 characters"})
	}
	if !isAddress(h.Email) {
		f = append(f, fault.Field{Name: "email", Problem: "is no e-mail address", Fix: "such as ana@example.org"})
	}
	return fault.BadFields(op, f)
}

// isAddress accepts a bare address and nothing around it.
func isAddress(text string) bool {
	a, err := mail.ParseAddress(text)
	return err == nil && a.Address == text && a.Name == "" && len(text) <= 254
}
