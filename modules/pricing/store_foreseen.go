package pricing

import (
	"context"
	"time"

	"gorm.io/gorm/clause"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// foreseenRow is a row of pricing.foreseen.
type foreseenRow struct {
	Category id.ID
	Day      time.Time
	Tickets  float64
	Model    string
}

func (foreseenRow) TableName() string { return "pricing.foreseen" }

// noteForeseen keeps what a day's first decision expected of it.
func noteForeseen(tx *db.Tx, row foreseenRow) error {
	return db.Classify("pricing.noteForeseen", tx.ORM().Clauses(clause.OnConflict{DoNothing: true}).
		Select("category", "day", "tickets", "model").Create(&row).Error)
}

// foreseen is what was expected of each day of a category, by date.
func (s *Service) foreseen(ctx context.Context, category id.ID) (map[time.Time]float64, error) {
	var rows []foreseenRow
	err := s.db.ORM(ctx).Select("day", "tickets").Where("category = ?", category).Find(&rows).Error
	out := make(map[time.Time]float64, len(rows))
	for _, r := range rows {
		out[dateIn(r.Day, time.UTC)] = r.Tickets
	}
	return out, db.Classify("pricing.foreseen", err)
}
