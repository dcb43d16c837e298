package pricing

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// TableName is for GORM.
func (Decision) TableName() string { return "pricing.decision" }

var decisionColumns = []string{"id", "ask", "event", "category", "at", "cause", "model", "old_minor", "new_minor", "currency", "gain",
	"outcome", "broke", "reason", "inputs", "approver", "of"}

func insertDecision(tx *db.Tx, d *Decision) error {
	return db.Classify("pricing.Decide", tx.ORM().Select(decisionColumns).Create(d).Error)
}

// decided reports whether an occasion has led to a decision about a category.
func decided(tx *db.Tx, ask, category id.ID) (bool, error) {
	var n int64
	err := tx.ORM().Model(&Decision{}).Where("ask = ? AND category = ?", ask, category).Count(&n).Error
	return n > 0, db.Classify("pricing.decided", err)
}

// lastChange is the latest decision that changed a category's price; zero: none did.
func lastChange(tx *db.Tx, category id.ID) (d Decision, err error) {
	err = tx.ORM().Select("id", "at", "new_minor").Where("category = ? AND outcome = ?", category, Changed).Order("id DESC").Limit(1).Find(&d).Error
	d.At = d.At.UTC()
	return d, db.Classify("pricing.lastChange", err)
}

// lockProposal reports whether a proposal is the latest decision but those to leave the
// price alone, and whether it was answered.
func lockProposal(tx *db.Tx, proposal, category id.ID) (newest, answered bool, err error) {
	const op = "pricing.lockProposal"
	if _, err := lockRule(tx, category); err != nil {
		return false, false, err
	}
	var latest Decision
	if err := tx.ORM().Select("id").Where("category = ? AND outcome <> ?", category, Held).Order("id DESC").Limit(1).Find(&latest).Error; err != nil {
		return false, false, db.Classify(op, err)
	}
	var n int64
	err = tx.ORM().Raw(`SELECT (SELECT count(*) FROM pricing.refusal WHERE decision = ?) + (SELECT count(*) FROM pricing.decision WHERE of = ?)`, proposal, proposal).Scan(&n).Error
	return latest.ID == proposal, n > 0, db.Classify(op, err)
}

type refusalRow struct {
	Decision id.ID
	By       string
	At       time.Time
}

func (refusalRow) TableName() string { return "pricing.refusal" }

func insertRefusal(tx *db.Tx, proposal id.ID, actor string) error {
	return db.Classify("pricing.Refuse", tx.ORM().Select("decision", "by", "at").Create(&refusalRow{proposal, actor, tx.Now()}).Error)
}

// Decision finds one. Errors: fault.NotFound.
func (s *Service) Decision(ctx context.Context, decision id.ID) (d Decision, err error) {
	err = db.Classify("pricing.Decision", s.db.ORM(ctx).Select(decisionColumns).Where("id = ?", decision).Take(&d).Error)
	if fault.Is(err, fault.NotFound) {
		return d, fault.E("pricing.Decision", fault.NotFound, "there is no such decision", err)
	}
	d.At = d.At.UTC()
	return d, err
}

// DecisionQuery narrows a list; zero fields do not.
type DecisionQuery struct {
	Event    id.ID
	Category id.ID
	Moves    bool  // leave out those to leave a price alone
	Before   id.ID // the last one of the page before
	Limit    int
}

// Decisions lists them, the latest first.
func (s *Service) Decisions(ctx context.Context, q DecisionQuery) (out []Decision, err error) {
	find := s.db.ORM(ctx).Select(decisionColumns).Order("id DESC").Limit(q.Limit)
	for _, c := range []struct {
		column string
		value  id.ID
	}{{"event = ?", q.Event}, {"category = ?", q.Category}, {"id < ?", q.Before}} {
		if c.value != id.Nil {
			find = find.Where(c.column, c.value)
		}
	}
	if q.Moves {
		find = find.Where("outcome <> ?", Held)
	}
	err = find.Find(&out).Error
	for i := range out {
		out[i].At = out[i].At.UTC()
	}
	return out, db.Classify("pricing.Decisions", err)
}

// Open are the proposals that wait for an answer.
func (s *Service) Open(ctx context.Context) (out []Decision, err error) {
	latest := s.db.ORM(ctx).Model(&Decision{}).Select("DISTINCT ON (category) id").Where("outcome <> ?", Held).Order("category, id DESC")
	err = s.db.ORM(ctx).Select(decisionColumns).Where("id IN (?) AND outcome = ? AND at > ?", latest, Proposed, s.db.Now().Add(-proposalAge)).
		Where("NOT EXISTS (?)", s.db.ORM(ctx).Session(&gorm.Session{}).Table("pricing.refusal").Select("1").Where("decision = pricing.decision.id")).
		Order("id").Find(&out).Error
	for i := range out {
		out[i].At = out[i].At.UTC()
	}
	return out, db.Classify("pricing.Open", err)
}

// movesSince counts the changes of prices.
func (s *Service) movesSince(ctx context.Context, since time.Time) (n int64, err error) {
	err = s.db.ORM(ctx).Model(&Decision{}).Where("outcome = ? AND at >= ?", Changed, since).Count(&n).Error
	return n, db.Classify("pricing.movesSince", err)
}
