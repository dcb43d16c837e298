package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/usherhq/usher/migrations"
	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/db"
)

// shopApp is the hub's app that the browsers of the shop's visitors belong to. The page
// Health, the page Now and `usher doctor` say the same of it.
type shopApp struct {
	Chosen string // sales.app; "": the hub's only one
	Apps   []string
	State  string // "good", "open" when several could be meant, or "gone" when the chosen one is not there
}

func shopAppOf(chosen string, apps []hub.App) shopApp {
	a := shopApp{Chosen: chosen, State: "good"}
	for _, one := range apps {
		a.Apps = append(a.Apps, one.ID)
	}
	switch {
	case chosen == "" && len(apps) > 1:
		a.State = "open"
	case chosen != "" && !slices.Contains(a.Apps, chosen):
		a.State = "gone"
	}
	return a
}

// Count is how many apps the hub has.
func (a shopApp) Count() int { return len(a.Apps) }

// Names are the hub's apps, for people.
func (a shopApp) Names() string { return strings.Join(a.Apps, ", ") }

// checkShopApp warns when visitors can have no news in their browsers because it is not
// known to which app they belong.
func checkShopApp(ctx context.Context, cfg Config) (string, error) {
	return inDatabase(ctx, cfg, func(ctx context.Context, d *db.DB) (string, error) {
		if has, knows, err := db.Versions(ctx, d.SQL(), migrations.FS); err != nil || has < knows {
			return "not looked at: the schema is older than this binary", err
		}
		apps, err := hub.AppsIn(ctx, d)
		if err != nil {
			return "", err
		}
		return shopAppOf(cfg.Sales.App, apps).tell()
	})
}

// tell is doctor's finding.
func (a shopApp) tell() (string, error) {
	const op, fix = "app.Doctor", "set sales.app to one of GET /v1/apps and start usher again"
	switch {
	case a.State == "open":
		return "", warning(op, fmt.Sprintf("the hub has %d apps (%s), and sales.app chooses none: visitors' browsers get no notifications", a.Count(), a.Names()), fix)
	case a.State == "gone":
		return "", warning(op, fmt.Sprintf("sales.app is %s, which the hub does not have: visitors' browsers get no notifications", a.Chosen), fix)
	case a.Chosen != "":
		return "visitors' browsers belong to " + a.Chosen, nil
	case a.Count() == 0:
		return "the hub has no app yet", nil
	}
	return "visitors' browsers belong to the only app, " + a.Names(), nil
}
