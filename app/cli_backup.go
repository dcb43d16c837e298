package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/usherhq/usher/migrations"
	"github.com/usherhq/usher/modules/kernel/backup"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/pgserver"
)

func (c *cli) backup() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "backup FILE", Short: "Write everything into one file, beside a running Usher too; - is the standard output", Args: cobra.ExactArgs(1),
		Long: "Write every row, as of one instant, into one file. Usher may run meanwhile.\n\n" +
			"The sealing key (seal.key in the data directory, or seal.key of the configuration) is not in the file, so that whoever\n" +
			"finds a backup has no credential. Keep a copy of it in another place: without it, push credentials, payment\n" +
			"credentials and door codes of a restored Usher cannot be read.",
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := c.load(cmd)
			if err != nil {
				return err
			}
			return c.makeBackup(cmd.Context(), l.Config, args[0], force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "write over a file that exists")
	return cmd
}

func (c *cli) makeBackup(ctx context.Context, cfg Config, file string, force bool) error {
	key, err := presentSealKey(cfg)
	if err != nil {
		return err
	}
	schemas, err := backup.Schemas(migrations.FS)
	if err != nil {
		return err
	}
	url, release, err := c.storeURL(ctx, cfg)
	if err != nil {
		return err
	}
	defer release()
	src := backup.Source{URL: url, Schemas: schemas, Usher: Version(), SealedBy: backup.Fingerprint(key), Now: clock.System{}.Now(), Progress: c.progress("saved")}
	if file == "-" {
		_, _, err := backup.Write(ctx, src, c.out)
		return err
	}
	var h backup.Header
	var s backup.Sum
	size, err := writeWhole(file, force, func(w io.Writer) error {
		h, s, err = backup.Write(ctx, src, w)
		return err
	})
	if err != nil {
		return err
	}
	if err := rememberBackup(cfg.DataDir, lastBackup{At: h.MadeAt, File: absolute(file), Bytes: size, Rows: s.Rows}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s: %d rows of %d tables, schema %d, %s\nThe sealing key is not in it. Keep a copy of %s in another place.\n",
		file, s.Rows, s.Tables, h.Schema, bytesOf(size), sealPlace(cfg))
	return err
}

func sealPlace(cfg Config) string {
	if cfg.Seal.Key != "" {
		return "seal.key of the configuration"
	}
	return filepath.Join(cfg.DataDir, "seal.key")
}

// writeWhole writes a file that is there whole or not at all, for its owner alone.
func writeWhole(file string, force bool, write func(io.Writer) error) (size int64, err error) {
	const op = "app.Backup"
	if _, err := os.Stat(file); err == nil && !force {
		return 0, fault.E(op, fault.Conflict, file+" exists", nil).WithFix("choose another name, or give --force")
	}
	part := file + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fault.E(op, fault.Invalid, "cannot write "+file, err).WithFix("choose another place")
	}
	defer func() {
		if err != nil {
			_ = os.Remove(part)
		}
	}()
	out := bufio.NewWriterSize(f, 1<<20)
	if err = errors.Join(write(out), out.Flush(), f.Sync()); err != nil {
		_ = f.Close()
		return 0, err
	}
	at, err := f.Stat()
	if err = errors.Join(err, f.Close(), os.Rename(part, file)); err != nil {
		return 0, fault.E(op, fault.Internal, "cannot write "+file, err)
	}
	return at.Size(), nil
}

// storeURL is where the rows are: the configured database, that of a running Usher, or
// the built-in one, started until release.
func (c *cli) storeURL(ctx context.Context, cfg Config) (url string, release func(), err error) {
	if cfg.Database.URL != "" {
		return cfg.Database.URL, func() {}, nil
	}
	dir := filepath.Join(cfg.DataDir, "postgres")
	if url = pgserver.RunningURL(dir, "postgres"); url != "" {
		return url, func() {}, nil
	}
	if _, err := os.Stat(dir); err != nil {
		return "", nil, fault.E("app.Backup", fault.Conflict, "there is no built-in database in "+cfg.DataDir, err).
			WithFix("give the --config or --data-dir that `usher serve` runs with")
	}
	return startStore(ctx, cfg, c.logger(cfg.Log))
}

// progress tells on stderr how far it is: a line that renews itself on a terminal,
// nothing otherwise but every tenth table.
func (c *cli) progress(what string) backup.Progress {
	f, ok := c.err.(*os.File)
	live, told := ok && isatty.IsTerminal(f.Fd()), time.Time{}
	return func(table string, done, tables int, bytes int64) {
		switch now := (clock.System{}).Now(); {
		case live && done == tables && table == "":
			fmt.Fprintf(c.err, "\r\033[K")
		case live && now.Sub(told) > 100*time.Millisecond:
			told = now
			fmt.Fprintf(c.err, "\r\033[K%s %d of %d tables, %s: %s", what, done, tables, bytesOf(bytes), table)
		}
	}
}

func bytesOf(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f kB", float64(n)/(1<<10))
}

func absolute(file string) string {
	if abs, err := filepath.Abs(file); err == nil {
		return abs
	}
	return file
}
