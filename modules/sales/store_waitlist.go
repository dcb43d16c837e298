package sales

import (
	"context"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// categoriesWaitedFor are those of an event that somebody waits for.
func (s *Service) categoriesWaitedFor(ctx context.Context, event id.ID) (map[id.ID]bool, error) {
	var names []id.ID
	err := s.db.ORM(ctx).Table("sales.waitlist").Distinct().Where("event = ? AND state = 'waiting'", event).Pluck("category", &names).Error
	out := make(map[id.ID]bool, len(names))
	for _, name := range names {
		out[name] = true
	}
	return out, db.Classify("sales.categoriesWaitedFor", err)
}
