package dbtest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/usherhq/usher/migrations"
	"github.com/usherhq/usher/modules/kernel/pgserver"
)

// settings trade safety for speed: a test's data need not survive it.
var settings = map[string]string{
	"fsync":              "off",
	"synchronous_commit": "off",
	"full_page_writes":   "off",
	"autovacuum":         "off", // it would work for databases that live a second
	"shared_buffers":     "32MB",
	"max_wal_size":       "1GB", // no checkpoints in between
	"max_connections":    "200",
	"jit":                "off",
}

// initOptions make a small cluster quickly; changing them makes a new template.
var initOptions = pgserver.InitOptions{Args: []string{"--wal-segsize=1", "--no-sync"}}

// keepFor is how long an unused template stays in the cache.
const keepFor = 7 * 24 * time.Hour

// startCluster copies the template, which it makes if there is none, and runs the copy.
func startCluster() (*cluster, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	mine, err := scratch()
	if err != nil {
		return nil, err
	}
	template, err := ensureTemplate(ctx, mine.dir)
	if err != nil {
		return nil, err
	}
	home, err := pgserver.Open(ctx, filepath.Join(mine.dir, "pg"))
	if err != nil {
		return nil, err
	}
	if err := copyTree(ctx, template, home.Data()); err != nil {
		return nil, err
	}
	s, err := home.Start(ctx, settings)
	if err != nil {
		return nil, err
	}
	admin, err := open(ctx, s, "postgres")
	if err != nil {
		return nil, err
	}
	return &cluster{server: s, home: home, admin: admin.SQL()}, nil
}

// ensureTemplate returns the directory of the migrated cluster that fits this
// PostgreSQL and these migrations. Whoever comes first makes it, the others wait.
func ensureTemplate(ctx context.Context, scratch string) (string, error) {
	bin, err := pgserver.Find(ctx, 0)
	if err != nil {
		return "", err
	}
	key, err := templateKey(bin)
	if err != nil {
		return "", err
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	lock, err := pgserver.WaitLock(ctx, filepath.Join(cache, "lock"))
	if err != nil {
		return "", err
	}
	defer lock.Unlock()
	template := filepath.Join(cache, key)
	if _, err := os.Stat(template); err == nil {
		now := time.Now()
		_ = os.Chtimes(template, now, now) // in use: see removeUnused
		return template, nil
	}
	removeUnused(cache)
	return template, makeTemplate(ctx, filepath.Join(scratch, "template"), template)
}

// makeTemplate builds the cluster in a directory the server's account can reach,
// which the cache need not be, and puts it into the cache whole or not at all.
func makeTemplate(ctx context.Context, work, template string) error {
	home, err := pgserver.Open(ctx, work)
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	defer home.Close()
	if _, err := home.Init(ctx, initOptions); err != nil {
		return err
	}
	s, err := home.Start(ctx, settings)
	if err != nil {
		return err
	}
	if err := errors.Join(migrate(ctx, s), s.Stop(ctx)); err != nil {
		return err
	}
	fresh := template + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := copyTree(ctx, home.Data(), fresh); err != nil {
		return err
	}
	return os.Rename(fresh, template)
}

// templateKey names a template by everything it is made of.
func templateKey(bin pgserver.Binaries) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, bin.Version, initOptions, os.Geteuid())
	err := fs.WalkDir(migrations.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := migrations.FS.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		fmt.Fprintln(sum, path)
		_, err = io.Copy(sum, f)
		return err
	})
	return fmt.Sprintf("pg%d-%x", bin.Major, sum.Sum(nil)[:8]), err
}

// cacheDir is $USHER_TEST_CACHE, or usher-test in the user's cache directory.
func cacheDir() (string, error) {
	dir := os.Getenv("USHER_TEST_CACHE")
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			base = os.TempDir() // a service account without a home
		}
		dir = filepath.Join(base, "usher-test")
	}
	return dir, os.MkdirAll(dir, 0o755) //nolint:gosec // G703: the developer chooses the cache
}

// removeUnused deletes templates of old migrations. Its errors do not matter.
func removeUnused(cache string) {
	entries, _ := os.ReadDir(cache)
	for _, e := range entries {
		if fi, err := e.Info(); err == nil && e.IsDir() && time.Since(fi.ModTime()) > keepFor {
			_ = os.RemoveAll(filepath.Join(cache, e.Name()))
		}
	}
}

// copyTree copies a stopped cluster with its owner and modes. cp shares the blocks
// where the file system can.
func copyTree(ctx context.Context, from, to string) error {
	if out, err := exec.CommandContext(ctx, "cp", "-a", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("copy %s to %s: %w: %s", from, to, err, out)
	}
	return nil
}
