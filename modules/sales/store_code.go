package sales

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// codeRow is a row of sales.code.
type codeRow struct {
	ID          id.ID `gorm:"primaryKey"`
	Event       id.ID
	Code        string
	Note        string
	Permille    int
	AmountMinor int64
	Opens       bool
	Categories  []id.ID `gorm:"serializer:json"`
	ValidFrom   *time.Time
	ValidUntil  *time.Time
	MaxPerOrder int
}

func (codeRow) TableName() string { return "sales.code" }

var codeColumns = []string{"id", "event", "code", "note", "permille", "amount_minor", "opens", "categories", "valid_from", "valid_until", "max_per_order"}

func rowOfCode(c Code) codeRow {
	if c.Categories == nil {
		c.Categories = []id.ID{}
	}
	return codeRow{c.ID, c.Event, c.Code, c.Note, c.Permille, c.AmountMinor, c.Opens, c.Categories, c.ValidFrom, c.ValidUntil, c.MaxPerOrder}
}

func (r codeRow) code() Code {
	return Code{ID: r.ID, Event: r.Event, Code: r.Code, Note: r.Note, Permille: r.Permille, AmountMinor: r.AmountMinor, Opens: r.Opens,
		Categories: r.Categories, ValidFrom: utcOrNil(r.ValidFrom), ValidUntil: utcOrNil(r.ValidUntil), MaxPerOrder: r.MaxPerOrder}
}

func noCode(err error) *fault.Error {
	return fault.E("sales.Code", fault.NotFound, "there is no such code", err)
}

func codeTaken(err error) error {
	if !fault.Is(err, fault.Conflict) {
		return err
	}
	f := fault.E("sales.Code", fault.Conflict, "the event has this code already", err).WithFix("choose another")
	f.Fields = []fault.Field{{Name: "code", Problem: "exists already", Fix: "choose another"}}
	return f
}

func (s *Service) insertCode(tx *db.Tx, c Code) error {
	row := rowOfCode(c)
	if err := codeTaken(db.Classify("sales.AddCode", tx.ORM().Select(codeColumns).Create(&row).Error)); err != nil {
		return err
	}
	return insertStock(tx, c.Event, c.stock(), c.ID)
}

func (s *Service) updateCode(tx *db.Tx, c Code) error {
	if err := s.setCapacity(tx, c.ID, c.stock()); err != nil {
		if fault.Is(err, fault.Conflict) {
			return fault.BadField("sales.ChangeCode", "max_uses", fault.Message(err), "more, or 0 for no limit")
		}
		return err
	}
	row := rowOfCode(c)
	kept := slices.DeleteFunc(slices.Clone(codeColumns), func(name string) bool { return name == "id" || name == "event" })
	return codeTaken(db.Classify("sales.ChangeCode", tx.ORM().Model(&codeRow{}).Where("id = ?", c.ID).Select(kept).Updates(&row).Error))
}

func (s *Service) deleteCode(tx *db.Tx, c Code) error {
	const op = "sales.RemoveCode"
	if err := deleteStock(tx, op, tx.ORM().Where("id = ?", c.ID)); err != nil {
		return err
	}
	return db.Classify(op, tx.ORM().Where("id = ?", c.ID).Delete(&codeRow{}).Error)
}

// Codes lists an event's codes by their text, from after, at most limit.
func (s *Service) Codes(ctx context.Context, event id.ID, after string, limit int) ([]Code, error) {
	q := s.db.ORM(ctx)
	return codesOf(q, q.Where("event = ? AND code > ?", event, after).Order("code").Limit(limit))
}

// codeWithin finds one of the event's. Errors: fault.NotFound.
func codeWithin(tx *db.Tx, event, code id.ID) (Code, error) {
	list, err := codesOf(tx.ORM(), tx.ORM().Where("event = ? AND id = ?", event, code))
	if err == nil && len(list) == 0 {
		err = noCode(nil)
	}
	if err != nil {
		return Code{}, err
	}
	return list[0], nil
}

// codesUsed finds the codes that lines of a cart take, by their text; what else they take are no codes.
func (s *Service) codesUsed(ctx context.Context, event id.ID, lines []Line) ([]Code, error) {
	var also []id.ID
	for _, l := range lines {
		for _, d := range l.Also {
			also = append(also, d.Stock)
		}
	}
	if len(also) == 0 {
		return nil, nil
	}
	q := s.db.ORM(ctx)
	return codesOf(q, q.Where("event = ? AND id IN ?", event, also).Order("code"))
}

// codesByText finds the event's codes with these texts, by their text; those
// that do not exist are left out.
func codesByText(q *gorm.DB, event id.ID, texts []string) ([]Code, error) {
	return codesOf(q, q.Where("event = ? AND code IN ?", event, texts).Order("code"))
}

func codesOf(q, where *gorm.DB) ([]Code, error) {
	var rows []codeRow
	if err := where.Select(codeColumns).Find(&rows).Error; err != nil {
		return nil, db.Classify("sales.Codes", err)
	}
	out, names, at := make([]Code, len(rows)), make([]id.ID, len(rows)), map[id.ID]*Code{}
	for i, r := range rows {
		out[i], names[i] = r.code(), r.ID
		at[r.ID] = &out[i]
	}
	var stock []stockRow
	if len(names) > 0 {
		if err := q.Session(&gorm.Session{NewDB: true}).Select("id", "capacity", "sold", "held").Where("id IN ?", names).Find(&stock).Error; err != nil {
			return nil, db.Classify("sales.Codes", err)
		}
	}
	for _, r := range stock {
		c := at[r.ID]
		if c.Used, c.Held = r.Sold, r.Held; r.Capacity != endless {
			c.MaxUses = r.Capacity
		}
	}
	return out, nil
}

// codesAmong are those of some stock that are codes.
func (s *Service) codesAmong(ctx context.Context, stock []id.ID) ([]id.ID, error) {
	if len(stock) == 0 {
		return nil, nil
	}
	rows, err := s.db.Pool().Query(ctx, `SELECT id FROM sales.code WHERE id = ANY($1)`, stock)
	if err != nil {
		return nil, db.Classify("sales.Code", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[id.ID])
	return found, db.Classify("sales.Code", err)
}
