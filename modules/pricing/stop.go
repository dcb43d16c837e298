package pricing

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Stop is a kill switch: of one event, or with id.Nil of all.
type Stop struct {
	Event   id.ID     `json:"event"`
	Stopped bool      `json:"stopped"`
	By      string    `json:"by,omitempty"`
	At      time.Time `json:"at"`
}

// SetStop throws a kill switch or lifts it. When it returns, no further price is
// decided; prices stay as they are. Errors: fault.NotFound.
func (s *Service) SetStop(ctx context.Context, event id.ID, stopped bool, actor string) error {
	if event != id.Nil {
		if _, err := s.shop.Listing(ctx, event); err != nil {
			return err
		}
	}
	action, object := "price.stopped", "all"
	if !stopped {
		action = "price.resumed"
	}
	if event != id.Nil {
		object = "event:" + event.String()
	}
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		if err := keepStop(tx, Stop{Event: event, Stopped: stopped, By: actor, At: tx.Now()}); err != nil {
			return err
		}
		if stopped {
			if err := takeBack(tx, event, id.Nil); err != nil {
				return err
			}
		}
		return s.audit.Note(tx, actor, action, object, nil)
	})
}
