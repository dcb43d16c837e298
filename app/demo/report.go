package demo

import (
	"context"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/sales"
)

// Report is how a festival went: what was played, and beside it what Usher says of it.
type Report struct {
	Lines         []Line
	Posts         int64
	Left          int64 // carts that were left behind
	RevenueMinor  int64
	Moves         int64 // of prices
	Vouchers      int64 // that reached phones
	Redeemed      int64
	Notifications []hub.Report
}

// Line is one number, as the simulated people counted it and as Usher's API tells it.
type Line struct {
	What         string
	Played, Said int64
}

// report asks Usher for its numbers.
func (f *Festival) report(ctx context.Context) (r Report, err error) {
	r.Posts, r.Vouchers, r.Redeemed = f.posts, f.mail.count(), f.field.redeemed
	for _, n := range f.sent {
		one, err := f.reportOf(ctx, n)
		if err != nil {
			return r, err
		}
		r.Notifications = append(r.Notifications, one)
	}
	s := f.shop
	if s == nil {
		return r, nil
	}
	r.Left, r.RevenueMinor = s.left, s.revenue
	var stock struct {
		Categories []struct{ Sold int64 }
	}
	if err := f.client.call(ctx, "GET", "/v1/catalogue/events/"+s.event.ID.String()+"/stock", nil, &stock); err != nil {
		return r, err
	}
	sold := int64(0)
	for _, c := range stock.Categories {
		sold += c.Sold
	}
	r.Lines = append(r.Lines, Line{"tickets sold", s.tickets, sold})
	if r.Moves, err = f.moves(ctx); err != nil || len(f.gate.scanners) == 0 {
		return r, err
	}
	var at sales.DoorCounts
	if err := f.gate.scanners[0].call(ctx, "GET", "/v1/scans/counts?event="+s.event.ID.String(), nil, &at); err != nil {
		return r, err
	}
	r.Lines = append(r.Lines, Line{"tickets valid", s.tickets, int64(at.Valid)}, Line{"people let in", f.gate.in, int64(at.In)}, Line{"scans refused", f.gate.out, int64(at.Refused)})
	return r, nil
}

// close prints the closing report.
func (s *screen) close(r Report) {
	s.say("\n  ── Closing report ──\n")
	for _, n := range r.Notifications {
		s.tell(n)
	}
	s.say("\n  %-22s %12s %12s\n", "", "played", "Usher says")
	for _, l := range r.Lines {
		s.say("  %-22s %12s %12s\n", l.What, grouped(l.Played), grouped(l.Said))
	}
	s.say("  %s cents taken, %s carts left behind, %s posts, %s price moves, %s vouchers on phones, %s redeemed\n",
		grouped(r.RevenueMinor), grouped(r.Left), grouped(r.Posts), grouped(r.Moves), grouped(r.Vouchers), grouped(r.Redeemed))
}
