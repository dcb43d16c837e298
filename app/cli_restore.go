package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/usherhq/usher/migrations"
	"github.com/usherhq/usher/modules/kernel/backup"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/seal"
)

func (c *cli) restore() *cobra.Command {
	var opt restoring
	cmd := &cobra.Command{
		Use: "restore FILE", Short: "Fill an empty database from a backup, or with --verify prove that one could; - is the standard input", Args: cobra.ExactArgs(1),
		Long: "Fill an empty database from a backup: tables as they were, every row in one transaction, then each table read back and\n" +
			"compared with the backup's sums, the books and the audit log checked, and the schema brought to this version. If anything\n" +
			"fails, nothing of it is left behind.\n\n" +
			"--verify does the same in a database of its own beside the configured one, removes it, and changes nothing.\n\n" +
			"The sealing key is not in a backup: put seal.key into the data directory first (or seal.key into the configuration).",
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := c.load(cmd)
			if err != nil {
				return err
			}
			return c.restoreFrom(cmd.Context(), l.Config, args[0], opt)
		},
	}
	cmd.Flags().BoolVar(&opt.verify, "verify", false, "restore into a database that is removed afterwards")
	cmd.Flags().BoolVar(&opt.force, "force", false, "destroy what is in the database")
	cmd.Flags().BoolVar(&opt.keyless, "without-key", false, "restore although the sealing key is not the backup's; credentials must be entered again")
	return cmd
}

type restoring struct{ verify, force, keyless bool }

func (c *cli) restoreFrom(ctx context.Context, cfg Config, file string, opt restoring) error {
	in, err := openBackup(file)
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := backup.Open(in)
	if err != nil {
		return err
	}
	key, err := fittingKey(cfg, r.Header, opt.keyless)
	if err != nil {
		return err
	}
	store, release, err := c.storeFor(ctx, cfg, opt.verify)
	if err != nil {
		return err
	}
	defer release()
	if opt.verify {
		scratch, drop, err := db.Scratch(ctx, store)
		if err != nil {
			return err
		}
		defer drop()
		store, opt.force = scratch, false
	}
	return c.fill(ctx, r, store, key, opt)
}

// fill restores into a database, checks what no checksum shows, and brings it up to date.
func (c *cli) fill(ctx context.Context, r *backup.Reader, store string, key *seal.Key, opt restoring) error {
	schemas, err := backup.Schemas(migrations.FS)
	if err != nil {
		return err
	}
	s, err := r.Restore(ctx, backup.Target{URL: store, Schemas: schemas, Force: opt.force, Progress: c.progress("restored"),
		Migrate: func(ctx context.Context, version int64) error { return migrateTo(ctx, store, version) }})
	if err != nil {
		return err
	}
	if err := migrateTo(ctx, store, 0); err != nil {
		return err
	}
	found, err := c.invariants(ctx, store, key)
	if err != nil {
		return err
	}
	what := "Restored"
	if opt.verify {
		what = "Verified: it can be restored."
	}
	_, err = fmt.Fprintf(c.out, "%s %d rows of %d tables, saved %s with schema %d; each table read back and equal\n%s",
		what, s.Rows, s.Tables, r.Header.MadeAt.Format("2 Jan 2006, 15:04 MST"), r.Header.Schema, found)
	return err
}

// invariants checks what must be true of any Usher's rows: the books and the audit chain.
func (c *cli) invariants(ctx context.Context, store string, key *seal.Key) (string, error) {
	d, err := db.Open(ctx, db.Config{URL: store, MaxConns: 4}, clock.System{})
	if err != nil {
		return "", err
	}
	defer d.Close()
	books, err := booksIn(ctx, d)
	if err != nil {
		return "", err
	}
	told := "books: " + books + "\n"
	if key == nil {
		return told + "audit log: not checked without the sealing key\n", nil
	}
	chain, err := chainWith(ctx, d, key)
	return told + "audit log: " + chain + "\n", err
}

func migrateTo(ctx context.Context, url string, version int64) error {
	d, err := db.Open(ctx, db.Config{URL: url, MaxConns: 4}, clock.System{})
	if err != nil {
		return err
	}
	defer d.Close()
	_, err = db.MigrateTo(ctx, d.SQL(), migrations.FS, version)
	return err
}

// storeFor is where a backup goes. Verifying may happen beside a running Usher; the
// built-in store is made when there is none yet.
func (c *cli) storeFor(ctx context.Context, cfg Config, verify bool) (string, func(), error) {
	if verify {
		if at, release, err := c.storeURL(ctx, cfg); err == nil {
			return at, release, nil
		}
	}
	if cfg.Database.URL != "" {
		return cfg.Database.URL, func() {}, nil
	}
	return startStore(ctx, cfg, slog.New(slog.DiscardHandler))
}

func openBackup(file string) (io.ReadCloser, error) {
	if file == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	in, err := os.Open(file)
	if err != nil {
		return nil, fault.E("app.Restore", fault.Invalid, "cannot read "+file, err).WithFix("check the path")
	}
	if info, err := in.Stat(); err != nil || info.IsDir() {
		_ = in.Close()
		return nil, fault.E("app.Restore", fault.Invalid, file+" is a directory", err).WithFix("name a file in it")
	}
	return in, nil
}

// fittingKey is the sealing key that the backup was made under; nil when keyless allows
// that there is none.
func fittingKey(cfg Config, h backup.Header, keyless bool) (*seal.Key, error) {
	key, err := presentSealKey(cfg)
	if err == nil && backup.Fingerprint(key) == h.SealedBy {
		return key, nil
	}
	if keyless {
		return nil, nil //nolint:nilnil // without a key is what was asked for
	}
	problem := "the sealing key here is not the one that the backup was made under"
	if err != nil {
		problem = "there is no sealing key here"
	}
	return nil, fault.E("app.Restore", fault.Conflict, problem+", so its credentials could not be read", err).
		WithFix("put the backup's seal.key at " + sealPlace(cfg) + ", or give --without-key and enter credentials again")
}
