package hub

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/db"
)

// templateRow is a row of hub.template: one body.
type templateRow struct {
	AppID     string `gorm:"primaryKey"`
	Name      string `gorm:"primaryKey"`
	Service   string `gorm:"primaryKey"`
	Locale    string `gorm:"primaryKey"`
	Body      string
	UpdatedAt time.Time
}

func (templateRow) TableName() string { return "hub.template" }

var templateColumns = []string{"app_id", "name", "service", "locale", "body", "updated_at"}

// replaceTemplate reports whether the template is new.
func replaceTemplate(tx *db.Tx, t TemplateSet) (created bool, err error) {
	const op = "hub.PutTemplate"
	old := tx.ORM().Where("app_id = ? AND name = ?", t.App, t.Name).Delete(&templateRow{})
	if old.Error != nil {
		return false, db.Classify(op, old.Error)
	}
	var rows []templateRow
	for _, service := range slices.Sorted(maps.Keys(t.Bodies)) {
		for _, locale := range slices.Sorted(maps.Keys(t.Bodies[service])) {
			rows = append(rows, templateRow{AppID: t.App, Name: t.Name, Service: string(service), Locale: locale,
				Body: string(t.Bodies[service][locale]), UpdatedAt: t.UpdatedAt})
		}
	}
	err = tx.ORM().Select(templateColumns).Create(&rows).Error
	return old.RowsAffected == 0, db.Classify(op, err)
}

// findTemplates reads the sets of an app by name; name "" means all.
func (s *Service) findTemplates(ctx context.Context, app, name string) ([]TemplateSet, error) {
	q := s.db.ORM(ctx).Select(templateColumns).Where("app_id = ?", app)
	if name != "" {
		q = q.Where("name = ?", name)
	}
	var rows []templateRow
	if err := q.Order("name, service, locale").Find(&rows).Error; err != nil {
		return nil, db.Classify("hub.Template", err)
	}
	var sets []TemplateSet
	for _, r := range rows {
		if n := len(sets); n == 0 || sets[n-1].Name != r.Name {
			sets = append(sets, TemplateSet{App: app, Name: r.Name, Bodies: map[push.Service]map[string]Body{}, UpdatedAt: r.UpdatedAt.UTC()})
		}
		bodies := sets[len(sets)-1].Bodies
		if bodies[push.Service(r.Service)] == nil {
			bodies[push.Service(r.Service)] = map[string]Body{}
		}
		bodies[push.Service(r.Service)][r.Locale] = Body(r.Body)
	}
	return sets, nil
}

func (s *Service) removeTemplate(ctx context.Context, app, name string) error {
	r := s.db.ORM(ctx).Where("app_id = ? AND name = ?", app, name).Delete(&templateRow{})
	if r.Error == nil && r.RowsAffected == 0 {
		return noTemplate(app, name)
	}
	return db.Classify("hub.DeleteTemplate", r.Error)
}
