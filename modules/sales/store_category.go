package sales

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// categoryRow is a row of sales.category.
type categoryRow struct {
	ID           id.ID `gorm:"primaryKey"`
	Event        id.ID
	Names        map[string]Text `gorm:"serializer:json"`
	Position     int
	PriceMinor   int64
	PriceVersion int64
	FeeMinor     int64
	TaxPermille  int
	MinPerOrder  int
	MaxPerOrder  int
	SaleFrom     *time.Time
	SaleUntil    *time.Time
	Pool         *id.ID
	Class        int
	Hidden       bool
	SeatRows     int
	SeatColumns  int
	ShopName     string
}

func (categoryRow) TableName() string { return "sales.category" }

var categoryColumns = []string{"id", "event", "names", "position", "price_minor", "price_version", "fee_minor", "tax_permille",
	"min_per_order", "max_per_order", "sale_from", "sale_until", "pool", "class", "hidden", "seat_rows", "seat_columns", "shop_name"}

func rowOfCategory(c Category) categoryRow {
	if c.Names == nil {
		c.Names = map[string]Text{}
	}
	return categoryRow{c.ID, c.Event, c.Names, c.Position, c.PriceMinor, c.PriceVersion, c.FeeMinor, c.TaxPermille, c.MinPerOrder, c.MaxPerOrder,
		c.SaleFrom, c.SaleUntil, c.Pool, c.Class, c.Hidden, c.Rows, c.Columns, c.ShopName}
}

func (r categoryRow) category() Category {
	return Category{ID: r.ID, Event: r.Event, Names: r.Names, Position: r.Position, PriceMinor: r.PriceMinor, PriceVersion: r.PriceVersion, FeeMinor: r.FeeMinor,
		TaxPermille: r.TaxPermille, MinPerOrder: r.MinPerOrder, MaxPerOrder: r.MaxPerOrder, SaleFrom: utcOrNil(r.SaleFrom), SaleUntil: utcOrNil(r.SaleUntil),
		Pool: r.Pool, Class: r.Class, Hidden: r.Hidden, Rows: r.SeatRows, Columns: r.SeatColumns, ShopName: r.ShopName}
}

// stockRow is a row of sales.stock. The catalogue makes and resizes it; sold and
// held are the till's.
type stockRow struct {
	ID       id.ID `gorm:"primaryKey"`
	Event    id.ID
	Capacity int
	Sold     int
	Held     int
}

func (stockRow) TableName() string { return "sales.stock" }

func (r stockRow) left() int { return r.Capacity - r.Sold - r.Held }

func insertStock(tx *db.Tx, event id.ID, capacity int, names ...id.ID) error {
	rows := make([]stockRow, len(names))
	for i, name := range names {
		rows[i] = stockRow{ID: name, Event: event, Capacity: capacity}
	}
	return db.Classify("sales.insertStock", tx.ORM().Select("id", "event", "capacity").CreateInBatches(&rows, 1000).Error)
}

// deleteStock removes what where selects, unless any of it is sold or held.
func deleteStock(tx *db.Tx, op string, where *gorm.DB) error {
	var rows []stockRow
	if err := where.Clauses(clause.Locking{Strength: "UPDATE"}).Select("id", "sold", "held").Order("id").Find(&rows).Error; err != nil {
		return db.Classify(op, err)
	}
	names := make([]id.ID, len(rows))
	for i, r := range rows {
		if names[i] = r.ID; r.Sold+r.Held > 0 {
			return fault.E(op, fault.Conflict, fmt.Sprintf("%d are sold and %d in carts", r.Sold, r.Held), nil).
				WithFix("take it off sale instead of deleting it")
		}
	}
	// In parts: a statement takes 65,535 values at most.
	for part := range slices.Chunk(names, 10_000) {
		if err := tx.ORM().Where("id IN ?", part).Delete(&stockRow{}).Error; err != nil {
			return db.Classify(op, err)
		}
	}
	return nil
}

// setCapacity resizes a stock. Errors: fault.Conflict when more is sold and held.
func (s *Service) setCapacity(tx *db.Tx, stock id.ID, capacity int) error {
	const op = "sales.setCapacity"
	var row stockRow
	err := tx.ORM().Clauses(clause.Locking{Strength: "UPDATE"}).Select("id", "capacity", "sold", "held").Where("id = ?", stock).Take(&row).Error
	if err != nil {
		return db.Classify(op, err)
	}
	if row.Sold+row.Held > capacity {
		f := fault.E(op, fault.Conflict, fmt.Sprintf("%d are sold and %d are in carts: the capacity cannot be %d", row.Sold, row.Held, capacity), nil).
			WithFix(fmt.Sprintf("at least %d", row.Sold+row.Held))
		f.Fields = []fault.Field{{Name: "capacity", Problem: fmt.Sprintf("is below the %d that are sold or in carts", row.Sold+row.Held), Fix: f.Fix}}
		return f
	}
	return db.Classify(op, tx.ORM().Model(&stockRow{}).Where("id = ?", stock).Update("capacity", capacity).Error)
}

func (s *Service) insertCategory(tx *db.Tx, c Category) error {
	row := rowOfCategory(c)
	if err := tx.ORM().Select(categoryColumns).Create(&row).Error; err != nil {
		return db.Classify("sales.AddCategory", err)
	}
	if err := insertStock(tx, c.Event, c.Capacity, c.ID); err != nil {
		return err
	}
	return insertSeats(tx, &c)
}

func (s *Service) updateCategory(tx *db.Tx, c Category) error {
	row := rowOfCategory(c)
	kept := slices.DeleteFunc(slices.Clone(categoryColumns), func(name string) bool { return name == "id" || name == "event" })
	return db.Classify("sales.ChangeCategory", tx.ORM().Model(&categoryRow{}).Where("id = ?", c.ID).Select(kept).Updates(&row).Error)
}

func (s *Service) deleteCategory(tx *db.Tx, c *Category) error {
	const op = "sales.RemoveCategory"
	if err := deleteSeatStock(tx, op, c.ID); err != nil {
		return err
	}
	if err := deleteStock(tx, op, tx.ORM().Where("id = ?", c.ID)); err != nil {
		return err
	}
	if err := neverSold(tx, c); err != nil { // after the stock: nobody sells any more
		return err
	}
	return db.Classify(op, tx.ORM().Where("id = ?", c.ID).Delete(&categoryRow{}).Error)
}

// neverSold refuses a category of which tickets were sold, here or elsewhere: the stock
// forgets what was given back, but orders, invoices and statistics name it.
func neverSold(tx *db.Tx, c *Category) error {
	sold, err := wasSold(tx, c)
	if err == nil && sold {
		err = fault.E("sales.RemoveCategory", fault.Conflict, "tickets of it were sold, although all were given back: their orders name it", nil).
			WithFix("take it off sale instead of deleting it")
	}
	return err
}

// wasSold reports whether tickets of a category were ever sold, here or elsewhere.
func wasSold(tx *db.Tx, c *Category) (sold bool, err error) {
	err = tx.Conn().QueryRow(tx.Ctx(), `SELECT EXISTS (SELECT FROM sales.orders o JOIN sales.ticket t ON t.order_id = o.id WHERE o.event = $1 AND t.category = $2)
		OR EXISTS (SELECT FROM sales.external_day WHERE category = $2)`, c.Event, c.ID).Scan(&sold)
	return sold, db.Classify("sales.Category", err)
}

func (s *Service) eventOfCategory(tx *db.Tx, category id.ID) (id.ID, error) {
	var row categoryRow
	err := db.Classify("sales.Category", tx.ORM().Select("event").Where("id = ?", category).Take(&row).Error)
	if fault.Is(err, fault.NotFound) {
		return id.Nil, noCategory()
	}
	return row.Event, err
}

// PriceChange is one entry of a category's history, the latest first in lists.
type PriceChange struct {
	Category   id.ID     `json:"category"`
	Version    int64     `json:"version"`
	PriceMinor int64     `json:"price_minor"`
	FeeMinor   int64     `json:"fee_minor,omitempty"`
	Reason     string    `json:"reason"`
	Actor      string    `json:"actor,omitempty"`
	At         time.Time `json:"at"`
}

// TableName is for GORM.
func (PriceChange) TableName() string { return "sales.price_history" }

var priceColumns = []string{"category", "version", "price_minor", "fee_minor", "reason", "actor", "at"}

// notePrice writes down what a category of e costs from now on, and announces it.
func (s *Service) notePrice(tx *db.Tx, e *Event, c *Category, reason, actor string) error {
	row := PriceChange{c.ID, c.PriceVersion, c.PriceMinor, c.FeeMinor, reason, actor, tx.Now()}
	if err := tx.ORM().Select(priceColumns).Create(&row).Error; err != nil {
		return db.Classify("sales.notePrice", err)
	}
	return tx.Emit(facts.PriceSet{Event: e.ID, Category: c.ID, Version: c.PriceVersion, PriceMinor: c.PriceMinor, FeeMinor: c.FeeMinor, Currency: e.Currency,
		Reason: reason, Slug: e.Slug, Shop: e.Shop, ShopName: c.ShopName, At: tx.Now()})
}

// PriceHistory lists what a category has cost, the latest first, at most 500 changes.
func (s *Service) PriceHistory(ctx context.Context, category id.ID) ([]PriceChange, error) {
	var rows []PriceChange
	err := s.db.ORM(ctx).Select(priceColumns).Where("category = ?", category).Order("version DESC").Limit(500).Find(&rows).Error
	for i := range rows {
		rows[i].At = rows[i].At.UTC()
	}
	return rows, db.Classify("sales.PriceHistory", err)
}

// fillEvents adds categories, pools and what the stock says.
func fillEvents(q *gorm.DB, events []Event) error {
	if len(events) == 0 {
		return nil
	}
	at, names := map[id.ID]*Event{}, make([]id.ID, len(events))
	for i := range events {
		at[events[i].ID], names[i] = &events[i], events[i].ID
	}
	fresh := func() *gorm.DB { return q.Session(&gorm.Session{NewDB: true}) }
	var categories []categoryRow
	if err := fresh().Select(categoryColumns).Where("event IN ?", names).Order("position, id").Find(&categories).Error; err != nil {
		return db.Classify("sales.fillEvents", err)
	}
	for _, r := range categories {
		at[r.Event].Categories = append(at[r.Event].Categories, r.category())
	}
	if err := fillPools(fresh, at, names); err != nil {
		return err
	}
	return fillStock(fresh, events)
}

// fillStock reads how much is left of categories, pools and levels.
func fillStock(fresh func() *gorm.DB, events []Event) error {
	var names []id.ID
	for i := range events {
		for j := range events[i].Categories {
			names = append(names, events[i].Categories[j].ID)
		}
		for _, p := range events[i].Pools {
			names = append(append(names, p.ID), p.levels...)
		}
	}
	stock := make(map[id.ID]stockRow, len(names))
	for part := range slices.Chunk(names, 10_000) {
		var rows []stockRow
		if err := fresh().Select("id", "capacity", "sold", "held").Where("id IN ?", part).Find(&rows).Error; err != nil {
			return db.Classify("sales.fillStock", err)
		}
		for _, r := range rows {
			stock[r.ID] = r
		}
	}
	for i := range events {
		events[i].tellStock(stock)
	}
	return nil
}

func (e *Event) tellStock(stock map[id.ID]stockRow) {
	for i := range e.Pools {
		p := &e.Pools[i]
		row := stock[p.ID]
		p.Capacity, p.Sold, p.Held = row.Capacity, row.Sold, row.Held
	}
	for i := range e.Categories {
		c := &e.Categories[i]
		row := stock[c.ID]
		c.Capacity, c.Sold, c.Held, c.Free = row.Capacity, row.Sold, row.Held, row.left()
		for _, also := range e.shares(c) {
			row := stock[also]
			c.Free = min(c.Free, row.left())
		}
	}
}
