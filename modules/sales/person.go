package sales

import (
	"context"
	"encoding/json"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// ordered is an order as a person gets a copy of it.
type ordered struct {
	Order
	Tickets []Ticket `json:"tickets"`
}

// paid is what a person paid, or was to.
type paid struct {
	ID            id.ID           `json:"id"`
	Event         id.ID           `json:"event"`
	Order         *id.ID          `json:"order,omitempty"`
	Method        string          `json:"method"`
	State         string          `json:"state"`
	AmountMinor   int64           `json:"amount_minor"`
	PaidMinor     int64           `json:"paid_minor"`
	RefundedMinor int64           `json:"refunded_minor"`
	Currency      string          `json:"currency"`
	Buyer         json.RawMessage `json:"buyer"`
	CreatedAt     time.Time       `json:"created_at"`
}

// scanned is when somebody went in with one of the person's tickets.
type scanned struct {
	Order     id.ID     `json:"order"`
	N         int       `json:"n"`
	ScannedAt time.Time `json:"scanned_at"`
	Answered  string    `json:"answered"`

	UndoneAt *time.Time `json:"undone_at,omitempty"` // it was taken back that somebody went in
}

// ExportPerson adds what sales keeps of a person: orders with their tickets and to
// whom those were handed on, when they were scanned, payments, invoices and places on
// waiting lists. What somebody bought without signing in is not known to be theirs.
// Part of identity.Keeper.
func (s *Service) ExportPerson(ctx context.Context, person string, add func(section string, v any) error) error {
	who, err := id.Parse(person)
	if err != nil {
		return nil //nolint:nilerr // nobody of that name ever signed in
	}
	orders, err := s.ordersOfPerson(ctx, who)
	if err != nil {
		return err
	}
	for _, order := range orders {
		if err := s.exportOrder(ctx, order, add); err != nil {
			return err
		}
	}
	payments, err := s.paymentsOfPerson(ctx, who)
	if err != nil {
		return err
	}
	for _, p := range payments {
		if err := add("payment", p); err != nil {
			return err
		}
	}
	waiting, err := s.waitingOfPerson(ctx, who)
	if err != nil {
		return err
	}
	for _, w := range waiting {
		if err := add("waiting", w); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) exportOrder(ctx context.Context, order id.ID, add func(section string, v any) error) error {
	o, tickets, err := s.OrderTickets(ctx, order)
	if err != nil {
		return err
	}
	o.CreatedAt = o.CreatedAt.UTC()
	if err := add("order", ordered{o, tickets}); err != nil {
		return err
	}
	scans, err := s.scansOfOrder(ctx, order)
	if err != nil {
		return err
	}
	for _, scan := range scans {
		if err := add("scan", scan); err != nil {
			return err
		}
	}
	invoices, err := s.InvoicesOf(ctx, order)
	if err != nil {
		return err
	}
	for _, i := range invoices {
		if err := add("invoice", i); err != nil {
			return err
		}
	}
	return nil
}

// ErasePerson forgets a person. Orders, payments and invoices stay with their numbers
// and amounts, as tax law asks, without a name, an address or the link to the person;
// the tickets stay good, those handed on without the holder's name. Places on waiting
// lists are given up. Safe to repeat. Part of identity.Keeper.
func (s *Service) ErasePerson(ctx context.Context, person string) error {
	who, err := id.Parse(person)
	if err != nil {
		return nil //nolint:nilerr // nobody of that name ever signed in
	}
	return s.db.InTx(ctx, func(tx *db.Tx) error { return forgetPerson(tx, who) })
}
