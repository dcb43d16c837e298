package pricing

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// TableName is for GORM.
func (Rule) TableName() string { return "pricing.rule" }

var ruleColumns = []string{"category", "event", "list_minor", "floor_minor", "ceiling_minor", "rounding_minor", "daily", "min_gain",
	"every_minutes", "quiet_minutes", "mode", "concession", "version", "changed_by", "changed_at"}

func (s *Service) findRule(ctx context.Context, category id.ID) (Rule, error) {
	return takeRule(s.db.ORM(ctx), category)
}

func takeRule(q *gorm.DB, category id.ID) (r Rule, err error) {
	err = db.Classify("pricing.Rule", q.Select(ruleColumns).Where("category = ?", category).Take(&r).Error)
	r.ChangedAt = r.ChangedAt.UTC()
	return r, err
}

// lockRule makes the decisions about a category follow one another. Errors: fault.NotFound.
func lockRule(tx *db.Tx, category id.ID) (Rule, error) {
	return takeRule(tx.ORM().Clauses(clause.Locking{Strength: "UPDATE"}), category)
}

// rulesOf are the rules of some events that are not switched off; none: of all events.
func (s *Service) rulesOf(ctx context.Context, events ...id.ID) (out []Rule, err error) {
	q := s.db.ORM(ctx).Select(ruleColumns).Order("event, category")
	if len(events) > 0 {
		q = q.Where("event IN ?", events)
	}
	err = q.Find(&out).Error
	for i := range out {
		out[i].ChangedAt = out[i].ChangedAt.UTC()
	}
	return out, db.Classify("pricing.Rules", err)
}

// keepRule writes a rule over the version it says, and raises it.
func keepRule(tx *db.Tx, r *Rule) error {
	const op = "pricing.SetRule"
	was := r.Version
	r.Version++
	if was == 0 {
		made := tx.ORM().Clauses(clause.OnConflict{DoNothing: true}).Select(ruleColumns).Create(r)
		return changedOnce(op, made)
	}
	kept := ruleColumns[1:] // all but the key
	return changedOnce(op, tx.ORM().Model(&Rule{}).Where("category = ? AND version = ?", r.Category, was).Select(kept).Updates(r))
}

func changedOnce(op string, done *gorm.DB) error {
	if done.Error == nil && done.RowsAffected == 0 {
		return fault.E(op, fault.Conflict, "somebody has changed it meanwhile", nil).WithFix("look at it again and repeat the change")
	}
	return db.Classify(op, done.Error)
}

// TableName is for GORM.
func (Stop) TableName() string { return "pricing.stop" }

func keepStop(tx *db.Tx, stop Stop) error {
	return db.Classify("pricing.SetStop", tx.ORM().Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "event"}},
		DoUpdates: clause.AssignmentColumns([]string{"stopped", "by", "at"})}).Select("event", "stopped", "by", "at").Create(&stop).Error)
}

// Stops are the kill switches that anybody ever threw, that of everything first.
func (s *Service) Stops(ctx context.Context) (out []Stop, err error) {
	err = s.db.ORM(ctx).Select("event", "stopped", "by", "at").Order("event").Find(&out).Error
	for i := range out {
		out[i].At = out[i].At.UTC()
	}
	return out, db.Classify("pricing.Stops", err)
}

// stopped reads the switches that concern an event, and keeps them as they are until
// tx ends: who throws one waits for decisions under way, and meets none after.
func stopped(tx *db.Tx, event id.ID) (bool, error) {
	var rows []Stop
	err := tx.ORM().Clauses(clause.Locking{Strength: "SHARE"}).Select("event", "stopped").
		Where("event IN ?", []id.ID{id.Nil, event}).Order("event").Find(&rows).Error
	for _, r := range rows {
		if r.Stopped {
			return true, nil
		}
	}
	return false, db.Classify("pricing.stopped", err)
}

// triggered notes that something asks for a decision about an event, and reports
// whether nothing had within the pause before.
func triggered(tx *db.Tx, event string, pause time.Duration) (bool, error) {
	done := tx.ORM().Exec(`INSERT INTO pricing.trigger (event, at) VALUES (?, ?)
		ON CONFLICT (event) DO UPDATE SET at = excluded.at WHERE pricing.trigger.at <= ?`, event, tx.Now(), tx.Now().Add(-pause))
	return done.RowsAffected > 0, db.Classify("pricing.triggered", done.Error)
}

// watched reports whether any price may move at all.
func watched(tx *db.Tx) (bool, error) {
	var n int64
	err := tx.ORM().Model(&Rule{}).Where("mode <> 'off' AND NOT concession").Count(&n).Error
	return n > 0, db.Classify("pricing.watched", err)
}

// forgetTriggers drops what no pause needs any more.
func forgetTriggers(tx *db.Tx) error {
	return db.Classify("pricing.forgetTriggers", tx.ORM().Exec(`DELETE FROM pricing.trigger WHERE at < ?`, tx.Now().Add(-24*time.Hour)).Error)
}
