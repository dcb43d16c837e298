package sales

import (
	"context"
	"fmt"
	"slices"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// AddCategory adds one to an event. Errors: fault.NotFound, fault.Invalid with
// every fault, cond's.
func (s *Service) AddCategory(tx *db.Tx, c Category, actor string, cond Condition) (Category, error) {
	e, err := s.changeIn(tx, c.Event, cond, func(tx *db.Tx, e *Event) error {
		if len(e.Categories) >= maxCategories {
			return fault.BadField("sales.AddCategory", "categories", "are too many", fmt.Sprintf("at most %d in an event", maxCategories))
		}
		c.ID, c.PriceVersion, c.Sold, c.Held = id.New(), 1, 0, 0
		if c.Position == 0 && len(e.Categories) > 0 {
			c.Position = e.Categories[len(e.Categories)-1].Position + 1
		}
		if err := collect("sales.Category", func(bad complaint) { c.check(bad, e) }); err != nil {
			return err
		}
		e.Categories = append(e.Categories, c)
		if err := s.insertCategory(tx, c); err != nil {
			return err
		}
		return s.notePrice(tx, e, &c, "first price", actor)
	})
	if err != nil {
		return Category{}, err
	}
	return *e.Category(c.ID), nil
}

// ChangeCategory replaces a category's definition. A new price or fee raises its
// price version. Errors: fault.NotFound, fault.Invalid with every fault,
// fault.Conflict when the capacity falls below what is sold and held, when seats
// or the pool would change after the first ticket, or the pool too soon after the
// event was on sale.
func (s *Service) ChangeCategory(ctx context.Context, c Category, actor string, cond Condition) (Category, error) {
	e, err := s.change(ctx, c.Event, cond, func(tx *db.Tx, e *Event) error {
		was := e.Category(c.ID)
		if was == nil {
			return noCategory()
		}
		c.PriceVersion, c.Sold, c.Held = was.PriceVersion, was.Sold, was.Held
		if err := collect("sales.Category", func(bad complaint) { c.check(bad, e) }); err != nil {
			return err
		}
		if err := c.mayFollow(tx, e, was); err != nil {
			return err
		}
		before := *was
		*was = c
		return s.replaceCategory(tx, e, before, was, actor)
	})
	if err != nil {
		return Category{}, err
	}
	return *e.Category(c.ID), nil
}

// mayFollow refuses what would make the stock tell lies about tickets sold, held or on
// their way, and what would take away the seats that tickets name.
func (c *Category) mayFollow(tx *db.Tx, e *Event, was *Category) error {
	const op, another = "sales.ChangeCategory", "add another category for the rest"
	reseated, repooled := c.Rows != was.Rows || c.Columns != was.Columns, !samePool(c, was)
	switch {
	case !reseated && !repooled:
		return nil
	case was.Sold+was.Held > 0:
		return fault.E(op, fault.Conflict, fmt.Sprintf("%d tickets are sold and %d in carts: seats, pool and class stay as they are", was.Sold, was.Held), nil).WithFix(another)
	case repooled:
		if err := e.still(tx, op, "pause the sale, and change the pool a minute later"); err != nil {
			return err
		}
	}
	if !reseated {
		return nil
	}
	sold, err := wasSold(tx, c)
	if err == nil && sold {
		err = fault.E(op, fault.Conflict, "tickets of it were sold, although all were given back: their orders name its seats", nil).WithFix(another)
	}
	return err
}

func samePool(a, b *Category) bool {
	if a.Pool == nil || b.Pool == nil {
		return a.Pool == b.Pool
	}
	return *a.Pool == *b.Pool && a.Class == b.Class
}

func (s *Service) replaceCategory(tx *db.Tx, e *Event, before Category, c *Category, actor string) error {
	if c.PriceMinor != before.PriceMinor || c.FeeMinor != before.FeeMinor {
		c.PriceVersion++
		if err := s.notePrice(tx, e, c, "set by hand", actor); err != nil {
			return err
		}
	}
	if c.Rows != before.Rows || c.Columns != before.Columns {
		if err := s.replaceSeats(tx, c); err != nil {
			return err
		}
	}
	if err := s.setCapacity(tx, c.ID, c.Capacity); err != nil {
		return err
	}
	return s.updateCategory(tx, *c)
}

// RemoveCategory removes one of which nothing was ever sold. Errors: fault.NotFound,
// fault.Conflict, cond's.
func (s *Service) RemoveCategory(ctx context.Context, event, category id.ID, cond Condition) error {
	_, err := s.change(ctx, event, cond, func(tx *db.Tx, e *Event) error {
		c := e.Category(category)
		if c == nil {
			return noCategory()
		}
		if err := s.deleteCategory(tx, c); err != nil {
			return err
		}
		e.Categories = slices.DeleteFunc(e.Categories, func(o Category) bool { return o.ID == category })
		return nil
	})
	return err
}

// SetPrice changes what a category costs from now on, raises its price version and
// keeps the history. Carts keep what they were quoted. minor is without the fee.
// Errors: fault.NotFound, fault.Invalid.
func (s *Service) SetPrice(tx *db.Tx, category id.ID, minor int64, reason, actor string) (Category, error) {
	event, err := s.eventOfCategory(tx, category)
	if err != nil {
		return Category{}, err
	}
	e, err := s.changeIn(tx, event, nil, func(tx *db.Tx, e *Event) error {
		c := e.Category(category)
		if c == nil {
			return noCategory()
		}
		if c.PriceMinor == minor {
			return nil
		}
		c.PriceMinor = minor
		if err := collect("sales.SetPrice", func(bad complaint) { c.check(bad, e) }); err != nil {
			return err
		}
		c.PriceVersion++
		if err := s.notePrice(tx, e, c, tidy(reason), actor); err != nil {
			return err
		}
		return s.updateCategory(tx, *c)
	})
	if err != nil {
		return Category{}, err
	}
	return *e.Category(category), nil
}
