package azure

import (
	"context"
	"encoding/json"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// send hands a message to the hub. Errors: fault.Invalid, those of hub.Prepare.
func (s *Service) send(ctx context.Context, app string, m message, handles []json.RawMessage, by string) (id.ID, error) {
	var n hub.Notification
	d, err := m.draft(app)
	if err == nil && handles != nil {
		err = m.direct(&d, handles)
	}
	if err != nil {
		return n.ID, err
	}
	p, err := s.hub.Prepare(ctx, d)
	if err != nil {
		return n.ID, err
	}
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		n, err = s.hub.Send(tx, p, by)
		return err
	})
	return n.ID, err
}

// try is a test send: it waits for what becomes of ten deliveries. handles are
// those they went to, by registration.
func (s *Service) try(ctx context.Context, app string, m message, by string) (t hub.Trial, handles map[string]string, err error) {
	d, err := m.draft(app)
	if err != nil {
		return t, nil, err
	}
	if t, err = s.hub.Try(ctx, d, by); err != nil {
		return t, nil, err
	}
	names := make([]string, len(t.Deliveries))
	for i, delivery := range t.Deliveries {
		names[i] = delivery.Registration
	}
	handles, err = s.handlesOf(ctx, t.Report.Notification.App, names)
	return t, handles, err
}

// cancel stops a message that has not gone out. Errors: fault.NotFound,
// fault.Conflict when it has.
func (s *Service) cancel(ctx context.Context, app string, name id.ID) error {
	if _, err := s.details(ctx, app, name); err != nil {
		return err
	}
	_, err := s.hub.Cancel(ctx, name)
	return err
}
