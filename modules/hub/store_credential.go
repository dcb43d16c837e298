package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// credentialRow is a row of hub.credential.
type credentialRow struct {
	AppID        string `gorm:"primaryKey"`
	Service      string `gorm:"primaryKey"`
	Sealed       []byte
	Shown        string
	Pace         int
	Version      int64
	PausedAt     *time.Time
	PausedReason *string
	StoredAt     time.Time
	UpdatedAt    time.Time
}

func (credentialRow) TableName() string { return "hub.credential" }

var credentialColumns = []string{"app_id", "service", "sealed", "shown", "pace", "version", "paused_at", "paused_reason", "stored_at", "updated_at"}

func (r credentialRow) credential() Credential {
	c := Credential{App: r.AppID, Service: push.Service(r.Service), Shown: json.RawMessage(r.Shown), Pace: r.Pace,
		Version: r.Version, StoredAt: r.StoredAt.UTC(), UpdatedAt: r.UpdatedAt.UTC()}
	if r.PausedAt != nil {
		at := r.PausedAt.UTC()
		c.PausedAt = &at
	}
	if r.PausedReason != nil {
		c.PausedReason = *r.PausedReason
	}
	return c
}

// upsertCredential replaces what was there, ends a pause and counts the version up.
func upsertCredential(tx *db.Tx, row *credentialRow) error {
	const op = "hub.PutCredential"
	set := clause.AssignmentColumns([]string{"sealed", "shown", "pace", "paused_at", "paused_reason", "stored_at", "updated_at"})
	set = append(set, clause.Assignment{Column: clause.Column{Name: "version"}, Value: gorm.Expr("credential.version + 1")})
	err := tx.ORM().Select(credentialColumns).
		Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "app_id"}, {Name: "service"}}, DoUpdates: set},
			clause.Returning{Columns: []clause.Column{{Name: "version"}}}).
		Create(row).Error
	return db.Classify(op, err)
}

func noCredential(app, service string, err error) *fault.Error {
	return fault.E("hub.Credential", fault.NotFound, fmt.Sprintf("app %q has no credential for %s", app, service), err).
		WithFix(fmt.Sprintf("store one with PUT /v1/apps/%s/credentials/%s", app, service))
}

// findCredential reads the columns named; none: all.
func (s *Service) findCredential(ctx context.Context, app, service string, columns ...string) (credentialRow, error) {
	if len(columns) == 0 {
		columns = credentialColumns
	}
	var row credentialRow
	err := s.db.ORM(ctx).Select(columns).Where("app_id = ? AND service = ?", app, service).Take(&row).Error
	if err = db.Classify("hub.Credential", err); fault.Is(err, fault.NotFound) {
		return row, noCredential(app, service, err)
	}
	return row, err
}

// setPause pauses or (at nil) resumes a credential, and counts its version up
// unless it was so already.
func (s *Service) setPause(ctx context.Context, app, service string, at *time.Time, reason *string) error {
	q := s.db.ORM(ctx).Model(&credentialRow{}).Where("app_id = ? AND service = ?", app, service).
		Where("(paused_at IS NULL) = ?", at != nil)
	err := q.Updates(map[string]any{
		"paused_at": at, "paused_reason": reason, "version": gorm.Expr("version + 1"), "updated_at": s.db.Now(),
	}).Error
	return db.Classify("hub.pauseCredential", err)
}

func (s *Service) removeCredential(ctx context.Context, app, service string) error {
	r := s.db.ORM(ctx).Where("app_id = ? AND service = ?", app, service).Delete(&credentialRow{})
	if r.Error == nil && r.RowsAffected == 0 {
		return noCredential(app, service, nil)
	}
	return db.Classify("hub.DeleteCredential", r.Error)
}
