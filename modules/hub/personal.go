package hub

import (
	"context"
	"maps"
	"time"

	"github.com/usherhq/usher/modules/hub/template"
	"github.com/usherhq/usher/modules/kernel/db"
)

// Personal prepares one notification to some installations, each rendered by a server-side
// template with properties of its own beside those that all share; the push service keeps
// it until expires. send puts it on its way within a transaction. app "" is the only one
// there is. Quiet hours hold. An installation that the hub does not know gets nothing.
// Errors: fault.NotFound (the app or the template), fault.Invalid.
func (s *Service) Personal(ctx context.Context, app, template string, shared map[string]any, own map[string]map[string]any, expires time.Time) (send func(tx *db.Tx) error, err error) {
	p, err := s.prepare(ctx, Draft{App: app, Template: template, Properties: shared, ExpiresAt: &expires})
	if err != nil {
		return nil, err
	}
	d := &p.letter.draft
	if d.own, err = s.numbersOf(ctx, d.App, own); err != nil {
		return nil, err
	}
	if d.Personal = len(d.own); d.Personal == 0 {
		return func(*db.Tx) error { return nil }, nil
	}
	if err := s.divide(ctx, &p); err != nil {
		return nil, err
	}
	return func(tx *db.Tx) error { _, err := s.Send(tx, p, "template "+template); return err }, nil
}

// ownProps compiles the properties that each recipient alone has, with the shared ones.
func ownProps(d *Draft) (map[int64]*template.Props, error) {
	if d.own == nil {
		return nil, nil
	}
	all := make(map[int64]*template.Props, len(d.own))
	for no, own := range d.own {
		both := maps.Clone(d.Properties)
		if both == nil {
			both = map[string]any{}
		}
		maps.Copy(both, own)
		props, err := template.NewProps(both)
		if err != nil {
			return nil, err
		}
		all[no] = props
	}
	return all, nil
}
