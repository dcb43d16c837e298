package app

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/usherhq/usher/modules/identity"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/pgserver"
	"github.com/usherhq/usher/modules/kernel/seal"
)

// checkAudit walks the chain of the audit log: in the configured database, or in
// the built-in one while usher runs. It starts nothing.
func checkAudit(ctx context.Context, cfg Config) (string, error) {
	return inDatabase(ctx, cfg, func(ctx context.Context, d *db.DB) (string, error) { return chainIn(ctx, cfg, d) })
}

func chainIn(ctx context.Context, cfg Config, d *db.DB) (string, error) {
	there, err := identity.HasAudit(ctx, d)
	if err != nil || !there {
		return "not looked at: the database has no audit log yet; start usher, then ask again", err
	}
	key, err := presentSealKey(cfg)
	if err != nil {
		return "", err
	}
	return chainWith(ctx, d, key)
}

// chainWith walks the chain that key made.
func chainWith(ctx context.Context, d *db.DB, key *seal.Key) (string, error) {
	found, err := identity.New(identity.Defaults(), d, key, identity.Site{}, slog.New(slog.DiscardHandler)).VerifyAudit(ctx)
	if err != nil {
		return "", err
	}
	if !found.OK() {
		return "", fault.E("app.Doctor", fault.Conflict, fmt.Sprintf("entry %d of the audit log is bad: %s", found.Bad, found.Why), nil).
			WithFix("compare with your last backup, and look at who may reach the database and the sealing key")
	}
	return fmt.Sprintf("%d %s in an unbroken chain that ends with %.16s…", found.Entries, plural(int(found.Entries), "entry", "entries"), found.Head), nil
}

// inDatabase looks into the configured database, or into the built-in one while usher
// runs.
func inDatabase(ctx context.Context, cfg Config, look func(ctx context.Context, d *db.DB) (string, error)) (string, error) {
	if cfg.Database.URL == "" {
		if cfg.Database.URL = pgserver.RunningURL(filepath.Join(cfg.DataDir, "postgres"), "postgres"); cfg.Database.URL == "" {
			return "not looked at: start usher, then ask again", nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	d, err := db.Open(ctx, cfg.Database, clock.System{})
	if err != nil {
		return "", err
	}
	defer d.Close()
	return look(ctx, d)
}
