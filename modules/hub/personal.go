package hub

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
)

// Personal prepares a notification to one installation, rendered by a server-side template
// with properties of its own; the push service keeps it until expires. send puts it on its
// way within a transaction, under the name of that installation alone. app "" is the only
// one there is. Quiet hours hold. An installation that the hub does not know gets nothing.
// Errors: fault.NotFound (the app or the template), fault.Invalid.
func (s *Service) Personal(ctx context.Context, app, installation, template string, properties map[string]any, expires time.Time) (send func(tx *db.Tx) error, err error) {
	p, err := s.prepare(ctx, Draft{App: app, Tags: "$InstallationId:{" + installation + "}", Template: template, Properties: properties, ExpiresAt: &expires})
	if err != nil {
		return nil, err
	}
	return func(tx *db.Tx) error { _, err := s.Send(tx, p, "template "+template); return err }, nil
}
