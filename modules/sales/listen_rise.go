package sales

import (
	"context"
	"fmt"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/sales/words"
)

// rise is what pricing says of a category's price going up.
type rise struct {
	PriceMinor int64 // of another price nothing is said
	Chance     float64
	Until      time.Time
	GoodUntil  time.Time // it is said again before, or no longer so
}

// riseListener keeps what pricing says of prices likely to rise, for the event's page.
func (s *Service) riseListener() stream.Listener {
	return stream.Listener{
		Name: "sales.rises", Types: []string{facts.PriceRiseForeseen{}.FactType()}, Handle: s.heedRises,
		About: "shows on an event's page that a price may rise, as long as that is so", Replayable: true, ReplayNote: "What is said ends by itself: nothing old is shown.",
	}
}

func (s *Service) heedRises(_ context.Context, tx *db.Tx, batch []stream.Fact) error {
	for _, f := range batch {
		p, err := stream.Decode[facts.PriceRiseForeseen](f)
		if err != nil {
			return err
		}
		if err := keepRise(tx, p); err != nil {
			return err
		}
		s.shelves.forget(p.Event)
	}
	return nil
}

// mayRise says of a category that can be bought how likely its price goes up, while that
// is known to be true; "" otherwise.
func (e *shelfEvent) mayRise(t *words.Tongue, c *Category, now time.Time) string {
	r, ok := e.rises[c.ID]
	if !ok || r.Chance <= 0 || r.PriceMinor != c.PriceMinor || !now.Before(r.GoodUntil) || !now.Before(r.Until) {
		return ""
	}
	return t.Say("row.may_rise", fmt.Sprintf("%.0f", 100*r.Chance), t.Day(e.on(&r.Until).local()))
}

// rises are what is said of an event's prices, by category.
type rises map[id.ID]rise
