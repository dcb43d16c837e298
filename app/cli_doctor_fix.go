package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/usherhq/usher/migrations"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// mend does what needs no decision, and says what it did. What it cannot do it says too, and
// goes on: the findings that follow tell what is left.
func (c *cli) mend(ctx context.Context, cfg Config) {
	for _, m := range []func() (string, error){
		func() (string, error) { return mendDataDir(cfg.DataDir) },
		func() (string, error) { return mendMode(filepath.Join(cfg.DataDir, "seal.key")) },
		func() (string, error) { return mendMode(filepath.Join(cfg.DataDir, backupNote)) },
		func() (string, error) { return mendSchema(ctx, cfg) },
	} {
		done, err := m()
		if done != "" {
			fmt.Fprintf(c.err, "mended: %s\n", done)
		}
		if err != nil && fault.CodeOf(err) != fault.Transient { // that the database does not answer is a finding
			fmt.Fprintf(c.err, "not mended: %s\n", fault.Message(err))
		}
	}
}

func mendDataDir(dir string) (string, error) {
	if _, err := os.Stat(dir); err == nil {
		return "", nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fault.E("app.Doctor", fault.Forbidden, "cannot make "+dir, err)
	}
	return "made " + dir, nil
}

// mendMode keeps a file from everybody but its owner.
func mendMode(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return "", nil //nolint:nilerr // a new house has none
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return "", fault.E("app.Doctor", fault.Forbidden, "cannot change who may read "+path, err)
	}
	return path + " is its owner's alone now", nil
}

// mendSchema brings an older schema to this version. One that is newer is left alone.
func mendSchema(ctx context.Context, cfg Config) (done string, err error) {
	_, err = inDatabase(ctx, cfg, func(ctx context.Context, d *db.DB) (string, error) {
		has, knows, err := db.Versions(ctx, d.SQL(), migrations.FS)
		if err != nil || has >= knows {
			return "", err
		}
		if _, err := db.Migrate(ctx, d.SQL(), migrations.FS); err != nil {
			return "", err
		}
		done = fmt.Sprintf("brought the schema from %d to %d", has, knows)
		return "", nil
	})
	return done, err
}
