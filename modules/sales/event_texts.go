package sales

import (
	"context"
	"fmt"

	"github.com/usherhq/usher/modules/kernel/db"
)

// ChangeTexts replaces the texts of an event and its categories, in all languages.
// Errors: fault.NotFound, fault.Invalid with every fault, cond's.
func (s *Service) ChangeTexts(ctx context.Context, given Event, cond Condition) (Event, error) {
	return s.change(ctx, given.ID, cond, func(tx *db.Tx, e *Event) error {
		e.Names = given.Names
		err := collect("sales.ChangeTexts", func(bad complaint) {
			checkTexts(bad, "names", e.Names, e.Locales)
			for i := range e.Categories {
				if g := given.Category(e.Categories[i].ID); g != nil {
					e.Categories[i].Names = g.Names
					checkTexts(bad, fmt.Sprintf("categories[%d].names", i), g.Names, e.Locales)
				}
			}
		})
		if err != nil {
			return err
		}
		for i := range e.Categories {
			if err := s.updateCategory(tx, e.Categories[i]); err != nil {
				return err
			}
		}
		return nil
	})
}
