package sales

import (
	"fmt"

	"gorm.io/gorm"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// poolRow is a row of sales.pool, levelRow one of sales.pool_level.
type (
	poolRow struct {
		ID    id.ID `gorm:"primaryKey"`
		Event id.ID
		Name  string
	}
	levelRow struct {
		ID        id.ID `gorm:"primaryKey"`
		Pool      id.ID
		Class     int
		Protected int
	}
)

func (poolRow) TableName() string  { return "sales.pool" }
func (levelRow) TableName() string { return "sales.pool_level" }

var (
	poolColumns  = []string{"id", "event", "name"}
	levelColumns = []string{"id", "pool", "class", "protected"}
)

func fillPools(fresh func() *gorm.DB, at map[id.ID]*Event, events []id.ID) error {
	var pools []poolRow
	if err := fresh().Select(poolColumns).Where("event IN ?", events).Order("id").Find(&pools).Error; err != nil || len(pools) == 0 {
		return db.Classify("sales.fillPools", err)
	}
	names := make([]id.ID, len(pools))
	for i, r := range pools {
		names[i] = r.ID
		at[r.Event].Pools = append(at[r.Event].Pools, Pool{ID: r.ID, Event: r.Event, Name: r.Name})
	}
	var levels []levelRow
	if err := fresh().Select(levelColumns).Where("pool IN ?", names).Order("pool, class").Find(&levels).Error; err != nil {
		return db.Classify("sales.fillPools", err)
	}
	by := map[id.ID][]levelRow{}
	for _, l := range levels {
		by[l.Pool] = append(by[l.Pool], l)
	}
	for _, e := range at {
		for i := range e.Pools {
			p := &e.Pools[i]
			for _, l := range by[p.ID] {
				p.levels, p.Protected = append(p.levels, l.ID), append(p.Protected, l.Protected)
			}
		}
	}
	return nil
}

func (s *Service) insertPool(tx *db.Tx, p *Pool) error {
	row := poolRow{p.ID, p.Event, p.Name}
	if err := tx.ORM().Select(poolColumns).Create(&row).Error; err != nil {
		return db.Classify("sales.AddPool", err)
	}
	if err := insertStock(tx, p.Event, p.Capacity, p.ID); err != nil {
		return err
	}
	return s.resizeLevels(tx, p)
}

// updatePool resizes the pool and its levels; those it has too many are removed.
func (s *Service) updatePool(tx *db.Tx, p *Pool) error {
	const op = "sales.ChangePool"
	if err := tx.ORM().Model(&poolRow{}).Where("id = ?", p.ID).Update("name", p.Name).Error; err != nil {
		return db.Classify(op, err)
	}
	if err := s.setCapacity(tx, p.ID, p.Capacity); err != nil {
		return err
	}
	for i := len(p.Protected); i < len(p.levels); i++ {
		if err := deleteStock(tx, op, tx.ORM().Where("id = ?", p.levels[i])); err != nil {
			return err
		}
		if err := tx.ORM().Where("id = ?", p.levels[i]).Delete(&levelRow{}).Error; err != nil {
			return db.Classify(op, err)
		}
	}
	p.levels = p.levels[:min(len(p.levels), len(p.Protected))]
	return s.resizeLevels(tx, p)
}

// resizeLevels gives each nested set its booking limit, and makes those that are new.
func (s *Service) resizeLevels(tx *db.Tx, p *Pool) error {
	const op = "sales.Pool"
	for i, protected := range p.Protected {
		class := i + 2
		if i == len(p.levels) {
			row := levelRow{id.New(), p.ID, class, protected}
			p.levels = append(p.levels, row.ID)
			if err := tx.ORM().Select(levelColumns).Create(&row).Error; err != nil {
				return db.Classify(op, err)
			}
			if err := insertStock(tx, p.Event, p.limit(class), row.ID); err != nil {
				return err
			}
			continue
		}
		if err := s.setCapacity(tx, p.levels[i], p.limit(class)); err != nil {
			if fault.Is(err, fault.Conflict) {
				return fault.BadField(op, fmt.Sprintf("protected[%d]", i), "is more than is left: "+fault.Message(err), "protect less, or enlarge the pool")
			}
			return err
		}
		if err := tx.ORM().Model(&levelRow{}).Where("id = ?", p.levels[i]).Update("protected", protected).Error; err != nil {
			return db.Classify(op, err)
		}
	}
	return nil
}

func (s *Service) deletePool(tx *db.Tx, p *Pool) error {
	const op = "sales.RemovePool"
	for _, stock := range append([]id.ID{p.ID}, p.levels...) {
		if err := deleteStock(tx, op, tx.ORM().Where("id = ?", stock)); err != nil {
			return err
		}
	}
	return db.Classify(op, tx.ORM().Where("id = ?", p.ID).Delete(&poolRow{}).Error)
}
