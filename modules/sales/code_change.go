package sales

import (
	"context"
	"fmt"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// AddCode adds a code to an event. Errors: fault.NotFound, fault.Invalid with every
// fault, fault.Conflict when the event has it already.
func (s *Service) AddCode(tx *db.Tx, c Code) (Code, error) {
	_, err := s.changeIn(tx, c.Event, nil, func(tx *db.Tx, e *Event) error {
		c.ID, c.Used, c.Held = id.New(), 0, 0
		if err := collect("sales.Code", func(bad complaint) { c.check(bad, e) }); err != nil {
			return err
		}
		return s.insertCode(tx, c)
	})
	return c, err
}

// ChangeCode replaces what a code does. Carts keep what they were quoted. Errors:
// fault.NotFound, fault.Invalid, also for fewer uses than there were.
func (s *Service) ChangeCode(ctx context.Context, c Code) (Code, error) {
	_, err := s.change(ctx, c.Event, nil, func(tx *db.Tx, e *Event) error {
		was, err := codeWithin(tx, c.Event, c.ID)
		if err != nil {
			return err
		}
		c.Used, c.Held = was.Used, was.Held
		if err := collect("sales.Code", func(bad complaint) { c.check(bad, e, was.Categories...) }); err != nil {
			return err
		}
		return s.updateCode(tx, c)
	})
	return c, err
}

// RemoveCode removes a code that nobody has used. Errors: fault.NotFound,
// fault.Conflict with how to end one that was used.
func (s *Service) RemoveCode(ctx context.Context, event, code id.ID) error {
	_, err := s.change(ctx, event, nil, func(tx *db.Tx, _ *Event) error {
		c, err := codeWithin(tx, event, code)
		if err != nil {
			return err
		}
		if c.Used+c.Held > 0 {
			return fault.E("sales.RemoveCode", fault.Conflict, fmt.Sprintf("the code was used for %d tickets, and %d are in carts", c.Used, c.Held), nil).
				WithFix("end it instead: set valid_until to now")
		}
		return s.deleteCode(tx, c)
	})
	return err
}

// EndCode removes a code that nobody has used, and ends one that was: what is in
// carts keeps its price. Errors: fault.NotFound.
func (s *Service) EndCode(ctx context.Context, event, code id.ID) error {
	_, err := s.change(ctx, event, nil, func(tx *db.Tx, _ *Event) error {
		c, err := codeWithin(tx, event, code)
		if err != nil {
			return err
		}
		if c.Used+c.Held == 0 {
			return s.deleteCode(tx, c)
		}
		now := tx.Now()
		if c.ValidUntil = &now; c.ValidFrom != nil && !c.ValidFrom.Before(now) {
			c.ValidFrom = nil
		}
		return s.updateCode(tx, c)
	})
	return err
}
