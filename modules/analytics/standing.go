package analytics

import (
	"context"
	"reflect"
	"time"

	"github.com/usherhq/usher/modules/analytics/window"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Queries lists the standing queries by name.
func (s *Service) Queries(ctx context.Context) ([]Query, error) {
	all, err := s.standings(ctx)
	out := make([]Query, len(all))
	for i, q := range all {
		out[i] = q.Query
	}
	return out, err
}

// Query is the standing query of a name. Errors: fault.NotFound.
func (s *Service) Query(ctx context.Context, name string) (Query, error) {
	q, err := s.findQuery(ctx, name)
	return q.Query, err
}

// CreateQuery stores a standing query that counts what is received from now on.
// Errors: fault.Invalid with every fault of the definition, fault.Conflict when
// the name is taken or there are too many.
func (s *Service) CreateQuery(tx *db.Tx, d Definition) (Query, error) {
	return s.create(tx, d, originDashboard)
}

func (s *Service) create(tx *db.Tx, d Definition, origin string) (Query, error) {
	p, err := s.cfg.Windows.plan(d)
	if err != nil {
		return Query{}, err
	}
	if n, err := countQueries(tx); err != nil || n >= maxQueries {
		if err == nil {
			err = fault.E("analytics.CreateQuery", fault.Conflict, "there are 100 standing queries already", nil).WithFix("delete one: every fact passes them all")
		}
		return Query{}, err
	}
	id, err := insertQuery(tx, d, origin)
	if err != nil {
		return Query{}, err
	}
	now := tx.Now()
	if err := begin(tx, id, p, now, now, nil); err != nil {
		return Query{}, err
	}
	return Query{Definition: d, Origin: origin, Since: now, CreatedAt: now, UpdatedAt: now, id: id}, nil
}

// EditQuery replaces a query's definition; its name stays. What it counted so far
// would not compare with what it counts then, so it begins anew without outputs;
// ReplayQuery gives them back by the new definition.
// Errors: fault.Invalid, fault.NotFound, fault.Conflict for a query of config.yaml.
func (s *Service) EditQuery(ctx context.Context, name string, d Definition) (q Query, err error) {
	d.Name = name
	if _, err := s.cfg.Windows.plan(d); err != nil {
		return q, err
	}
	err = s.changing(ctx, name, func(tx *db.Tx, old standing) error {
		if reflect.DeepEqual(old.Definition, d) {
			return nil
		}
		return s.replace(tx, old, d, originDashboard)
	})
	if err != nil {
		return q, err
	}
	return s.Query(ctx, name)
}

// replace gives a locked query another definition and makes it begin anew.
func (s *Service) replace(tx *db.Tx, old standing, d Definition, origin string) error {
	p, err := s.cfg.Windows.plan(d)
	if err != nil {
		return err
	}
	if err := redefine(tx, old.id, d, origin); err != nil {
		return err
	}
	if err := dropOutputs(tx, old.id); err != nil {
		return err
	}
	return begin(tx, old.id, p, tx.Now(), tx.Now(), nil)
}

// DeleteQuery deletes a query and its outputs. Errors: EditQuery's.
func (s *Service) DeleteQuery(ctx context.Context, name string) error {
	return s.changing(ctx, name, func(tx *db.Tx, q standing) error { return dropQuery(tx, q.id) })
}

// changing locks a query that the dashboard may change.
func (s *Service) changing(ctx context.Context, name string, change func(tx *db.Tx, q standing) error) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		q, err := s.lockQuery(tx, name)
		if err != nil {
			return err
		}
		if q.Origin == originConfig {
			return fault.E("analytics.EditQuery", fault.Conflict, name+" is defined in config.yaml", nil).WithFix("change it there and restart")
		}
		return change(tx, q)
	})
}

// PauseQuery stops a query, or lets it go on. What is received meanwhile is not
// counted; ReplayQuery makes up for it. Errors: fault.NotFound.
func (s *Service) PauseQuery(ctx context.Context, name string, stop bool) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		q, err := s.lockQuery(tx, name)
		if err != nil {
			return err
		}
		return pause(tx, q.id, stop)
	})
}

// ReplayQuery counts again what was received since from, by the definition as it
// is, and ends a pause. Final outputs of every window that reaches beyond from are
// replaced; for consumers of finals they are no news.
// Errors: fault.NotFound; fault.Invalid when facts of that time are no longer kept.
func (s *Service) ReplayQuery(ctx context.Context, name string, from time.Time) error {
	q, err := s.findQuery(ctx, name)
	if err != nil {
		return err
	}
	oldest, err := s.stream.Oldest(ctx)
	if err != nil {
		return err
	}
	if now := s.db.Now(); from.After(now) || from.Before(oldest) {
		return fault.BadField("analytics.ReplayQuery", "from", "facts are kept from "+oldest.Format(time.RFC3339)+" to now", "a time in between")
	}
	// What is under way is counted again as a whole, wherever it began; and an event
	// may be received before its time.
	open, err := s.earliestOpen(ctx, q.id)
	if err != nil {
		return err
	}
	start, _ := q.window.Place(min(window.At(from), window.At(q.finalBefore), window.At(open)))
	completeFrom := start.Time().Add(-q.window.Reach())
	since := completeFrom.Add(-window.EarlyLimit)
	return s.stream.ReplayWith(ctx, windowsListener, since, func(tx *db.Tx) error {
		if _, err := s.lockQuery(tx, name); err != nil {
			return err
		}
		now := tx.Now()
		return begin(tx, q.id, q.plan, since, completeFrom, &now)
	})
}

// Start takes over the queries of config.yaml. One that is no longer there is
// paused and becomes the dashboard's. Call it once, before the stream runs.
func (s *Service) Start(ctx context.Context) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		if err := lockConfigured(tx); err != nil {
			return err
		}
		var names []string
		for _, d := range s.cfg.Queries {
			names = append(names, d.Name)
			if err := s.configure(tx, d); err != nil {
				return err
			}
		}
		return releaseOthers(tx, names)
	})
}

// configure makes the query of the configuration's definition.
func (s *Service) configure(tx *db.Tx, d Definition) error {
	old, err := s.lockQuery(tx, d.Name)
	switch {
	case fault.Is(err, fault.NotFound):
		_, err = s.create(tx, d, originConfig)
		return err
	case err != nil || old.Origin == originConfig && reflect.DeepEqual(old.Definition, d):
		return err
	}
	return s.replace(tx, old, d, originConfig)
}
