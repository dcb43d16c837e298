package sales

import (
	"context"
	"slices"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/sales/pay"
)

// takesMoney reports whether there is a way to pay for events of a mode.
func (s *Service) takesMoney(sandbox bool) bool {
	return len(s.pays.Methods(pay.ModeOf(sandbox))) > 0
}

// waysToPay are those by which an event can be paid now: a transfer takes some days.
func (s *Service) waysToPay(e *Event) []pay.Method {
	return slices.DeleteFunc(s.pays.Methods(pay.ModeOf(e.Sandbox)), func(m pay.Method) bool {
		_, _, err := s.patience(m, e, Quote{}, s.db.Now())
		return err != nil
	})
}

// whyUnpaid names what is said of an event that cannot be paid.
func (s *Service) whyUnpaid(e *Event) string {
	if s.takesMoney(e.Sandbox) {
		return "pay.late"
	}
	return "pay.none"
}

// unpaid reports whether we sell something of an event that costs money, and nobody can pay.
func (s *Service) unpaid(e *Event) bool {
	return e.Shop == "" && e.State != EventCancelled && !s.takesMoney(e.Sandbox) && e.costs()
}

// costs reports whether a ticket of the event costs money.
func (e *Event) costs() bool {
	return slices.ContainsFunc(e.Categories, func(c Category) bool { return c.unit(nil) > 0 })
}

// costs reports whether something of a cart does.
func costs(lines []Line) bool {
	return slices.ContainsFunc(lines, func(l Line) bool { return l.UnitMinor > 0 })
}

// Payable is what doctor asks of the ways to pay.
type Payable struct {
	Live, Sandbox []pay.Method
	Unpaid        []string // events to come that cost money, and nobody can pay for
}

// CheckPayable finds the events to come that nobody can pay for.
func CheckPayable(ctx context.Context, cfg pay.Config, d *db.DB) (p Payable, err error) {
	ways := pay.New(cfg)
	p.Live, p.Sandbox = ways.Methods(pay.Live), ways.Methods(pay.Sandbox)
	p.Unpaid, err = pricedEvents(ctx, d, len(p.Live) == 0, len(p.Sandbox) == 0)
	return p, err
}
