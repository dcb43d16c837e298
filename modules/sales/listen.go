package sales

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/stream"
)

// Listeners are what sales does when a fact arrives.
func (s *Service) Listeners() []stream.Listener {
	return []stream.Listener{s.priceListener(), s.riseListener(), {
		Name: "sales.external", Types: []string{typeSale, typeRefund}, Handle: s.countElsewhere, Idle: noShops,
		About: "counts the tickets that another shop sells", ReplayNote: "They would be counted twice.",
	}, {
		Name: "sales.letters", Types: []string{facts.OrdersPlaced{}.FactType(), facts.TicketRefunded{}.FactType()}, Handle: s.postFacts, Gather: 250 * time.Millisecond,
		Idle:  func(context.Context, *db.Tx) (bool, error) { return !s.Mails(), nil },
		About: "sends buyers what they bought, and what they gave back, by e-mail", ReplayNote: "Letters about the past would go out.",
	}}
}
