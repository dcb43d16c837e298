package sales

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/kernel/money"
	"github.com/usherhq/usher/modules/kernel/web"
)

// nowEvents bounds the events that the page Now sums up.
const nowEvents = 500

// Glance is what sales has to say on the page Now: tickets and revenue of the events to
// come and those of today, and how many people went in.
func (s *Service) Glance(ctx context.Context, _ string) (g web.Glance, err error) {
	yesterday := s.db.Now().Add(-24 * time.Hour)
	events, _, err := s.Events(ctx, EventQuery{Going: &yesterday, Limit: nowEvents})
	if err != nil {
		return g, err
	}
	var sold, held, capacity int
	for i := range events {
		if events[i].Sandbox {
			continue
		}
		for _, c := range events[i].Categories {
			sold, held, capacity = sold+c.Sold, held+c.Held, capacity+c.Capacity
		}
	}
	sums, err := s.sumsOf(ctx, events, s.db.Now().Add(-time.Hour))
	if err != nil {
		return g, err
	}
	g.Figures = append(g.Figures, web.Figure{Name: web.T("Tickets sold"), Value: web.T("%v", web.Number(sold)), Link: "/events",
		Note: web.T("of %v; %v in carts, %v sold in the last hour", web.Number(capacity), web.Number(held), web.Number(sums.hour))})
	for _, currency := range slices.Sorted(maps.Keys(sums.revenue)) {
		g.Figures = append(g.Figures, web.Figure{Name: web.T("Revenue"), Value: whole(sums.revenue[currency], currency), Link: "/events",
			Note: web.T("%v of it in the last hour", whole(sums.last[currency], currency))})
	}
	g.Figures = append(g.Figures, web.Figure{Name: web.T("Checked in"), Value: web.T("%v", web.Number(sums.in)), Note: web.T("tickets that were let in at a door"), Link: "/events"})
	all, _, err := s.Events(ctx, EventQuery{Limit: 1})
	g.Steps = []web.Step{{Done: len(all) > 0, What: web.T("Make your first event"), Link: "/events/new",
		Why: web.T("An event has a day, a place and categories with a price and a capacity. It is a draft until you publish it.")}, s.payStep(events)}
	return g, err
}

// payStep is done when buyers can pay, and when nothing that we sell costs money.
func (s *Service) payStep(events []Event) web.Step {
	some := func(unpaid bool) bool {
		return slices.ContainsFunc(events, func(e Event) bool { return !e.Sandbox && s.unpaid(&e) == unpaid })
	}
	return web.Step{
		Done: s.takesMoney(false) || some(false) && !some(true), What: web.T("Choose how buyers pay"),
		Why: web.T("Until there is a way to pay, the shop sells only tickets that cost nothing. Set one or several in the configuration and start Usher again."),
		Examples: []web.Example{
			{Label: web.T("Pay at the door, in config.yaml"), Command: `sales:
  payment:
    door: true`},
			{Label: web.T("Bank transfer, in config.yaml"), Command: `sales:
  payment:
    transfer:
      days: 7
      account: |
        Night GmbH
        DE02 1203 0000 0000 2020 51`},
			{Label: web.T("Cards and more by Stripe, in config.yaml"), Command: `sales:
  payment:
    stripe:
      live: {key: "sk_live_…", webhook: "whsec_…"}`},
		},
	}
}

// whole is an amount without its hundredths: at a glance they tell nothing.
func whole(minor int64, currency string) web.Text {
	for range (money.Money{Currency: currency}).Digits() {
		minor /= 10
	}
	return web.T("%v", web.Told(web.Number(minor).String()+" "+currency))
}
