package pricing

import (
	"context"
	"fmt"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/stream"
)

// Listeners are what pricing does when a fact arrives: it asks for a decision.
func (s *Service) Listeners() []stream.Listener {
	return []stream.Listener{{
		Name: "pricing.triggers", Handle: s.heed,
		Types: []string{facts.DemandShifted{}.FactType(), facts.CartAbandoned{}.FactType(), facts.CartsAbandoned{}.FactType(), facts.CapacityReached{}.FactType(), facts.QueueLong{}.FactType()},
		About: "looks at prices again when demand shifts, carts are left behind, a category sells out or a queue grows long", ReplayNote: "What happened long ago is no reason to move a price now.",
	}}
}

const (
	triggerPause = 10 * time.Minute // between two decisions of one event that facts ask for
	triggerAge   = time.Hour        // a fact that is older asks for nothing
)

// heed asks for a decision about the event of each fact, if any price may move.
func (s *Service) heed(_ context.Context, tx *db.Tx, batch []stream.Fact) error {
	if may, err := watched(tx); err != nil || !may {
		return err
	}
	for _, f := range batch {
		event, at, cause, err := occasionOf(f)
		if err != nil {
			return err
		}
		if event == "" || tx.Now().Sub(at) > triggerAge {
			continue
		}
		first, err := triggered(tx, event, triggerPause)
		if err != nil {
			return err
		}
		if first {
			if err := tx.Enqueue(decideJob(event, occasion(event, f.Source+"/"+f.SourceID), cause)); err != nil {
				return err
			}
		}
	}
	return nil
}

// occasionOf reads what happened to which event, as the fact names it; "": to none.
func occasionOf(f stream.Fact) (event string, at time.Time, cause Cause, err error) {
	switch f.Type {
	case facts.DemandShifted{}.FactType():
		d, err := stream.Decode[facts.DemandShifted](f)
		return d.Event, d.At, shiftCause(d), err
	case facts.CartAbandoned{}.FactType():
		d, err := stream.Decode[facts.CartAbandoned](f)
		return d.Event, d.At, Cause{causeCarts, "A filled cart was left behind."}, err
	case facts.CartsAbandoned{}.FactType():
		d, err := stream.Decode[facts.CartsAbandoned](f)
		return d.Event.String(), d.At, Cause{causeCarts, "Filled carts were left behind."}, err
	case facts.CapacityReached{}.FactType():
		d, err := stream.Decode[facts.CapacityReached](f)
		return d.Event.String(), d.At, Cause{causeSoldOut, "Another category has sold out."}, err
	case facts.QueueLong{}.FactType():
		d, err := stream.Decode[facts.QueueLong](f)
		return d.Event, d.At, Cause{causeQueue, fmt.Sprintf("About %.0f people queue at %s.", d.People, d.Name)}, err
	}
	return "", time.Time{}, Cause{}, nil
}

func shiftCause(d facts.DemandShifted) Cause {
	kind, word := causeDemandUp, "risen"
	if d.Direction == "down" {
		kind, word = causeDemandDn, "fallen"
	}
	words := fmt.Sprintf("Demand has %s since %s UTC", word, d.Since.UTC().Format("15:04"))
	if d.Ratio > 0 {
		words += fmt.Sprintf(": %.1f times what was usual", d.Ratio)
	}
	return Cause{kind, words + "."}
}
