package sales

import (
	"cmp"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// addressing corrects where letters about an order, or one of its tickets, go.
type addressing struct {
	Email string `json:"email" validate:"required"`
	N     int    `json:"n,omitempty" validate:"min=0"` // the ticket whose holder it is; 0: the buyer
	Name  string `json:"name,omitempty"`               // of a ticket's holder; "": as it is
}

// Readdress corrects a mistyped address, of the buyer or of whom a ticket was handed to, and
// sends the letter there that went astray. A holder gets a new link, and whoever has the one
// before nothing; the buyer's link stays as it is. Only the promoter may do so: a giver
// could take back what he handed on. Errors: fault.Invalid, fault.NotFound, fault.Conflict
// when no letters are sent from here or the ticket was not handed on, and those of Transfer.
func (s *Service) Readdress(tx *db.Tx, e *Event, o *Order, tickets []Ticket, to addressing) error {
	const op = "sales.Readdress"
	if !s.Mails() {
		return fault.E(op, fault.Conflict, "no mail server is set up", nil).WithFix("let the holder in by name; the operator can set up mail in config.yaml")
	}
	var err error
	if to.N == 0 {
		err = s.readdressBuyer(tx, o, to.Email)
	} else {
		err = s.readdressHolder(tx, e, o, tickets, to)
	}
	if err != nil || s.cfg.Audit == nil {
		return err
	}
	return s.cfg.Audit.Note(tx, web.Actor(tx.Ctx()), "order.readdressed", "order:"+o.ID.String(), map[string]any{"n": to.N})
}

func (s *Service) readdressBuyer(tx *db.Tx, o *Order, email string) error {
	if !isAddress(email) {
		return fault.BadField("sales.Readdress", "email", "is no e-mail address", "such as ana@example.org")
	}
	times, _, err := confirmations(tx, o.ID) // locks the order
	if err != nil {
		return err
	}
	if err := setBuyerEmail(tx, o.ID, email); err != nil {
		return err
	}
	return s.post(tx, letter{Kind: letterOrder, Event: o.Event, Subject: o.ID, Version: times})
}

func (s *Service) readdressHolder(tx *db.Tx, e *Event, o *Order, tickets []Ticket, to addressing) error {
	if to.N > len(tickets) {
		return noTicket(nil)
	}
	was := &tickets[to.N-1]
	if was.Holder == nil {
		return fault.E("sales.Readdress", fault.Conflict, "this ticket is still the buyer's", nil).WithFix("correct the buyer's address: leave n out")
	}
	t, err := s.Transfer(tx, e, o.ID, to.N, was.Version, Holder{Name: cmp.Or(to.Name, was.Holder.Name), Email: to.Email})
	if err != nil {
		return err
	}
	return s.post(tx, letter{Kind: letterTransfer, Event: e.ID, Subject: o.ID, N: t.N, Version: t.Version})
}
