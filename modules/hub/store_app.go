package hub

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm/clause"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// appRow is a row of hub.app.
type appRow struct {
	ID        string `gorm:"primaryKey"`
	Name      string
	Locale    string
	Zone      string
	Currency  string
	QuietFrom *int16
	QuietTo   *int16
	CapCount  *int
	CapHours  *int
	CreatedAt time.Time
	UpdatedAt time.Time
}

func (appRow) TableName() string { return "hub.app" }

var appColumns = []string{"id", "name", "locale", "zone", "currency", "quiet_from", "quiet_to", "cap_count", "cap_hours", "created_at", "updated_at"}

func rowOfApp(a App) appRow {
	r := appRow{ID: a.ID, Name: a.Name, Locale: a.Locale, Zone: a.Zone, Currency: a.Currency, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt}
	r.QuietFrom, r.QuietTo = a.Quiet.minutes()
	if a.Cap != nil {
		r.CapCount, r.CapHours = &a.Cap.Count, &a.Cap.Hours
	}
	return r
}

func (r appRow) app() App {
	a := App{ID: r.ID, Name: r.Name, Locale: r.Locale, Zone: r.Zone, Currency: r.Currency, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
	a.Quiet = quiet(r.QuietFrom, r.QuietTo)
	if r.CapCount != nil && r.CapHours != nil {
		a.Cap = &Cap{Count: *r.CapCount, Hours: *r.CapHours}
	}
	return a
}

func noApp(app string, err error) *fault.Error {
	return fault.E("hub.App", fault.NotFound, fmt.Sprintf("there is no app %q", app), err).WithFix("GET /v1/apps lists them")
}

func (s *Service) listApps(ctx context.Context) ([]App, error) {
	var rows []appRow
	if err := s.db.ORM(ctx).Select(appColumns).Order("id").Find(&rows).Error; err != nil {
		return nil, db.Classify("hub.Apps", err)
	}
	apps := make([]App, len(rows))
	for i, r := range rows {
		apps[i] = r.app()
	}
	return apps, nil
}

// appIDs lists the apps there are.
func (s *Service) appIDs(ctx context.Context) ([]string, error) {
	var ids []string
	err := s.db.ORM(ctx).Model(&appRow{}).Pluck("id", &ids).Error
	return ids, db.Classify("hub.Apps", err)
}

func (s *Service) findApp(ctx context.Context, app string) (App, error) {
	var row appRow
	err := db.Classify("hub.App", s.db.ORM(ctx).Select(appColumns).Where("id = ?", app).Take(&row).Error)
	if fault.Is(err, fault.NotFound) {
		return App{}, noApp(app, err)
	}
	return row.app(), err
}

func insertApp(tx *db.Tx, a App) error {
	row := rowOfApp(a)
	return db.Classify("hub.CreateApp", tx.ORM().Select(appColumns).Create(&row).Error)
}

// upsertApp reports whether the app is new, and sets when it was made.
func upsertApp(tx *db.Tx, a *App) (created bool, err error) {
	const op = "hub.PutApp"
	row := rowOfApp(*a)
	insert := tx.ORM().Select(appColumns).Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
	if insert.Error != nil || insert.RowsAffected == 1 {
		return true, db.Classify(op, insert.Error)
	}
	kept := slices.DeleteFunc(slices.Clone(appColumns), func(c string) bool { return c == "id" || c == "created_at" })
	if err := tx.ORM().Model(&appRow{}).Where("id = ?", a.ID).Select(kept).Updates(&row).Error; err != nil {
		return false, db.Classify(op, err)
	}
	err = tx.ORM().Select("created_at").Where("id = ?", a.ID).Take(&row).Error
	a.CreatedAt = row.CreatedAt.UTC()
	return false, db.Classify(op, err)
}

// lockApp keeps installations and notifications from being added until the
// transaction ends: their foreign keys take a share of this lock.
func lockApp(tx *db.Tx, app string) error {
	var row appRow
	err := tx.ORM().Clauses(clause.Locking{Strength: "UPDATE"}).Select("id").Where("id = ?", app).Take(&row).Error
	if err = db.Classify("hub.DeleteApp", err); fault.Is(err, fault.NotFound) {
		return noApp(app, err)
	}
	return err
}

func countOfApp(tx *db.Tx, app string) (installations, notifications int64, err error) {
	err = tx.ORM().Table("hub.installation").Where("app_id = ?", app).Count(&installations).Error
	if err == nil {
		err = tx.ORM().Table("hub.notification").Where("app_id = ?", app).Count(&notifications).Error
	}
	return installations, notifications, db.Classify("hub.DeleteApp", err)
}

func deleteApp(tx *db.Tx, app string) error {
	for _, table := range []string{"installation", "notification"} {
		if err := tx.ORM().Exec("DELETE FROM hub."+table+" WHERE app_id = ?", app).Error; err != nil {
			return db.Classify("hub.DeleteApp", err)
		}
	}
	return db.Classify("hub.DeleteApp", tx.ORM().Where("id = ?", app).Delete(&appRow{}).Error)
}
