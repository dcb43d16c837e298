package hub

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Tell sends the template "alert", or the promoter's own of the name template, to
// everybody whose tags match, once for each id however often it is asked; what has
// not arrived by until is not delivered any more. Quiet hours and caps hold. It goes
// to the only app there is. Errors: fault.NotFound when there is none (or it is not
// clear which), fault.Invalid.
func (s *Service) Tell(ctx context.Context, once id.ID, template, tags string, properties map[string]any, until time.Time) error {
	app, err := s.appOf(ctx, "")
	if fault.Is(err, fault.Invalid) {
		return fault.E("hub.Tell", fault.NotFound, "there are several apps", err)
	}
	if err != nil {
		return err
	}
	d := Draft{App: app, Tags: tags, Template: template, Properties: properties, ExpiresAt: &until, Collapse: template}
	if _, err := s.Template(ctx, app, template); fault.Is(err, fault.NotFound) {
		d.Template = "alert"
	}
	p, err := s.Prepare(ctx, d)
	if err != nil {
		return err
	}
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		_, err := s.sendAs(tx, once, p, "template "+template)
		return err
	})
	if fault.Is(err, fault.Conflict) {
		return nil // it has been sent
	}
	return err
}
