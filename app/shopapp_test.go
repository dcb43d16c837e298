package app

import (
	"context"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
)

func appsNamed(names ...string) func(context.Context) ([]hub.App, error) {
	var all []hub.App
	for _, name := range names {
		all = append(all, hub.App{ID: name})
	}
	return func(context.Context) ([]hub.App, error) { return all, nil }
}

// Doctor, the page Health and the page Now agree on whether it is known to which app the
// visitors' browsers belong.
func TestAShopWithoutItsAppIsTold(t *testing.T) {
	d := dbtest.New(t)
	url := d.Pool().Config().ConnString()
	for _, tc := range []struct {
		name, chosen, made string // an app that is made before
		apps               []string
		state, doctor      string
	}{
		{"none", "", "", nil, "good", "no app yet"},
		{"the only one", "", "festival", []string{"festival"}, "good", "the only app, festival"},
		{"one of several", "winter", "winter", []string{"festival", "winter"}, "good", "belong to winter"},
		{"several, none chosen", "", "", []string{"festival", "winter"}, "open", "2 apps (festival, winter)"},
		{"one that is not there", "summer", "", []string{"festival", "winter"}, "gone", "sales.app is summer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.made != "" {
				makeApp(t, d, tc.made)
			}
			cfg := Config{DataDir: t.TempDir()}
			cfg.Database.URL, cfg.Database.MaxConns, cfg.Sales.App = url, 4, tc.chosen
			f := finding("shop app", func() (string, error) { return checkShopApp(t.Context(), cfg) })
			if good := tc.state == "good"; f.OK != good || f.Warning == good || !strings.Contains(f.Detail, tc.doctor) {
				t.Errorf("doctor: %+v", f)
			}
			pages := healthOf(cfg)
			pages.apps = appsNamed(tc.apps...)
			if apps, _ := pages.apps(t.Context()); shopAppOf(tc.chosen, apps).State != tc.state {
				t.Errorf("Health: %+v", shopAppOf(tc.chosen, apps))
			}
			if g, err := pages.Glance(t.Context(), ""); err != nil || (len(g.Alerts) == 1) != (tc.state != "good") {
				t.Errorf("Now: %+v, %v", g.Alerts, err)
			}
		})
	}
}

func makeApp(t *testing.T, d *db.DB, name string) {
	t.Helper()
	if _, err := d.Pool().Exec(t.Context(), `INSERT INTO hub.app (id, name, locale, zone, currency, created_at, updated_at) VALUES ($1, $1, 'en', 'UTC', 'EUR', now(), now())`, name); err != nil {
		t.Fatal(err)
	}
}
