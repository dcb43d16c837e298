//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/pgserver"
)

var quiet = slog.New(slog.DiscardHandler)

// newDir is a directory for a home that PostgreSQL's account can reach, which the
// testing package's own directories are not when root runs the tests.
func newDir(t *testing.T) string {
	t.Helper()
	parent, err := os.MkdirTemp("", "usher-embedded-")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(parent, "usher")
	t.Cleanup(func() {
		// A killed app's PostgreSQL may still be shutting down.
		if err := errors.Join(pgserver.StopOrphan(context.Background(), dir), os.RemoveAll(parent)); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func start(t *testing.T, dir string) *Postgres {
	t.Helper()
	began := time.Now()
	p, err := Start(t.Context(), Options{Dir: dir, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("started in %v", time.Since(began))
	t.Cleanup(func() { stop(t, p) })
	return p
}

func stop(t *testing.T, p *Postgres) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func open(t *testing.T, url string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Config{URL: url, MaxConns: 4}, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func text(t *testing.T, d *db.DB, query string) string {
	t.Helper()
	var s string
	if err := d.SQL().QueryRowContext(t.Context(), query).Scan(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestColdThenWarmStart(t *testing.T) {
	dir := newDir(t)
	p := start(t, dir)
	d := open(t, p.URL())
	if _, err := d.SQL().ExecContext(t.Context(), "CREATE TABLE kept AS SELECT 'here' AS word"); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"SHOW fsync": "on", "SHOW synchronous_commit": "on", "SHOW listen_addresses": "",
		"SHOW checkpoint_timeout": "15min", "SHOW jit": "off", "SHOW server_encoding": "UTF8",
		"SELECT string_agg(w, '' ORDER BY w) FROM unnest(ARRAY['b','A','a','B']) w": "ABab",
	} {
		if got := text(t, d, query); got != want {
			t.Errorf("%s is %q, want %q", query, got, want)
		}
	}
	d.Close()
	stop(t, p)
	d = open(t, start(t, dir).URL())
	defer d.Close()
	if got := text(t, d, "SELECT word FROM kept"); got != "here" {
		t.Errorf("after a restart the row says %q", got)
	}
}

func TestThePromotersSettingsWin(t *testing.T) {
	dir := newDir(t)
	stop(t, start(t, dir))
	f, err := os.OpenFile(filepath.Join(dir, "data", "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("checkpoint_timeout = 7min\n"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	d := open(t, start(t, dir).URL())
	defer d.Close()
	if got := text(t, d, "SELECT CASE WHEN 'lz4' = ANY(enumvals) THEN 'lz4' ELSE 'pglz' END = setting FROM pg_settings WHERE name = 'wal_compression'"); got != "true" {
		t.Error("wal_compression is not the cheapest the server has")
	}
	if got := text(t, d, "SHOW checkpoint_timeout"); got != "7min" {
		t.Errorf("checkpoint_timeout is %s, want 7min", got)
	}
}

func TestASecondProcessIsRefused(t *testing.T) {
	dir := newDir(t)
	a := startApp(t, dir, nil)
	a.next("found")
	_, err := Start(t.Context(), Options{Dir: dir, Log: quiet})
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", a.cmd.Process.Pid)) {
		t.Errorf("got %v, want a conflict that names process %d", err, a.cmd.Process.Pid)
	}
	a.commits(1) // and the first one does not notice
}

func TestOddDirectories(t *testing.T) {
	for name, last := range map[string]string{
		"longer than a socket's path": strings.Repeat("long", 30),
		"spaces and quotes":           `Ann's "data" dir`,
		"a comma and an umlaut":       "Bühne 1, links",
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(filepath.Dir(newDir(t)), last)
			p := start(t, dir)
			d := open(t, p.URL())
			defer d.Close()
			if got := text(t, d, "SHOW data_directory"); got != filepath.Join(dir, "data") {
				t.Errorf("the data is in %s, want it below %s", got, dir)
			}
		})
	}
}

func TestDataOfAnotherMajorIsRefused(t *testing.T) {
	dir := newDir(t)
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"PG_VERSION": "9\n", "precious": "tickets"} {
		if err := os.WriteFile(filepath.Join(data, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Start(t.Context(), Options{Dir: dir, Log: quiet})
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "PostgreSQL 9") {
		t.Errorf("got %v, want a conflict that names PostgreSQL 9", err)
	}
	if b, _ := os.ReadFile(filepath.Join(data, "precious")); string(b) != "tickets" {
		t.Errorf("the data was touched: %q", b)
	}
}

func TestStartCanBeCancelled(t *testing.T) {
	dir := newDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, Options{Dir: dir, Log: quiet}); err == nil {
		t.Fatal("it started")
	}
	start(t, dir) // nothing is in the way of the next one
}

func TestDefaultDir(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", "/data/ann")
	want := "/data/ann/usher"
	if os.Geteuid() == 0 {
		want = "/var/lib/usher"
	}
	if got, err := DefaultDir(); got != want || err != nil {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}

// nobody is a user without rights.
func nobody(t *testing.T) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
