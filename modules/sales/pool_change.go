package sales

import (
	"context"
	"fmt"
	"slices"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

const maxPools = 20

// AddPool adds one to an event. Errors: fault.NotFound, fault.Invalid, cond's.
func (s *Service) AddPool(tx *db.Tx, p Pool, cond Condition) (Pool, error) {
	e, err := s.changeIn(tx, p.Event, cond, func(tx *db.Tx, e *Event) error {
		if len(e.Pools) >= maxPools {
			return fault.BadField("sales.AddPool", "pools", "are too many", fmt.Sprintf("at most %d in an event", maxPools))
		}
		p.ID, p.levels = id.New(), nil
		if err := p.validate(); err != nil {
			return err
		}
		return s.insertPool(tx, &p)
	})
	if err != nil {
		return Pool{}, err
	}
	return *e.Pool(p.ID), nil
}

// ChangePool resizes a pool and its protection levels. Errors: fault.NotFound,
// fault.Invalid, fault.Conflict when more is sold and held than the new capacity.
func (s *Service) ChangePool(ctx context.Context, p Pool, cond Condition) (Pool, error) {
	e, err := s.change(ctx, p.Event, cond, func(tx *db.Tx, e *Event) error {
		was := e.Pool(p.ID)
		if was == nil {
			return noPool()
		}
		p.levels = slices.Clone(was.levels)
		if err := p.validate(); err != nil {
			return err
		}
		for i := range e.Categories {
			if c := &e.Categories[i]; c.Pool != nil && *c.Pool == p.ID && c.Class > p.Classes() {
				return fault.BadField("sales.ChangePool", "protected", fmt.Sprintf("leaves no class %d, which a category has", c.Class), "keep the level, or change the category first")
			}
		}
		return s.updatePool(tx, &p)
	})
	if err != nil {
		return Pool{}, err
	}
	return *e.Pool(p.ID), nil
}

// RemovePool removes one that no category uses. Errors: fault.NotFound,
// fault.Conflict, cond's.
func (s *Service) RemovePool(ctx context.Context, event, pool id.ID, cond Condition) error {
	_, err := s.change(ctx, event, cond, func(tx *db.Tx, e *Event) error {
		p := e.Pool(pool)
		if p == nil {
			return noPool()
		}
		for i := range e.Categories {
			if c := &e.Categories[i]; c.Pool != nil && *c.Pool == pool {
				return fault.E("sales.RemovePool", fault.Conflict, "categories share the pool", nil).WithFix("take them out of it first")
			}
		}
		return s.deletePool(tx, p)
	})
	return err
}

func noPool() error { return fault.E("sales.Pool", fault.NotFound, "there is no such pool", nil) }
