package dbtest

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/pgserver"
)

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	start := time.Now()
	a := New(t)
	t.Logf("first, with the server's start: %v", time.Since(start))
	start = time.Now()
	b := New(t)
	t.Logf("second: %v", time.Since(start))
	if _, err := a.SQL().ExecContext(t.Context(), "CREATE TABLE only_in_a (n int)"); err != nil {
		t.Fatal(err)
	}
	for d, want := range map[*db.DB]bool{a: true, b: false} {
		if got := scalar[bool](t, d, "SELECT to_regclass('only_in_a') IS NOT NULL"); got != want {
			t.Errorf("only_in_a is there: %v, want %v", got, want)
		}
		if scalar[int](t, d, "SELECT count(*) FROM queue.outbox") != 0 {
			t.Error("a fresh database has rows")
		}
	}
}

func TestTheDatabaseIsDroppedWithItsTest(t *testing.T) {
	var name string
	t.Run("uses one", func(t *testing.T) { name = scalar[string](t, New(t), "SELECT current_database()") })
	if scalar[bool](t, New(t), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = '"+name+"')") {
		t.Errorf("%s is still there", name)
	}
}

func TestWithClock(t *testing.T) {
	at := time.Date(2026, 6, 1, 20, 0, 0, 0, time.UTC)
	if got := New(t, WithClock(clock.At(at))).Now(); !got.Equal(at) {
		t.Errorf("now is %v, want %v", got, at)
	}
}

func TestParallelClones(t *testing.T) {
	for range 6 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			if scalar[int](t, New(t), "SELECT 1") != 1 {
				t.Error("it does not answer")
			}
		})
	}
}

func TestRedisIsPrivate(t *testing.T) {
	a, b := Redis(t), Redis(t)
	if a == b || !ping(a) || !ping(b) {
		t.Errorf("%s and %s must be two servers that answer", a, b)
	}
	t.Run("ends with its test", func(t *testing.T) {
		var socket string
		t.Run("uses one", func(t *testing.T) { socket = Redis(t) })
		if ping(socket) {
			t.Error("it still answers")
		}
	})
}

func TestAMissingRedisIsSaidClearly(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, _, err := startRedis(t.Context()); err == nil || !strings.Contains(err.Error(), "apt-get install redis-server") {
		t.Errorf("got %v, want how to install it", err)
	}
}

// A test process that is killed cannot tidy up: the kernel stops its servers, and
// the next process removes what they wrote.
func TestAKilledProcessLeavesNothing(t *testing.T) {
	if os.Getenv("DBTEST_VICTIM") != "" {
		victim(t)
	}
	root, err := os.MkdirTemp("", "usher-dbtest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	cmd := exec.Command(os.Args[0], "-test.run=^TestAKilledProcessLeavesNothing$")
	cmd.Env = append(os.Environ(), "DBTEST_VICTIM=1", "TMPDIR="+root)
	if err := os.Chmod(root, 0o711); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	dir := strings.TrimSpace(line)
	if _, err := os.Stat(filepath.Join(dir, "pg", "data", "postmaster.pid")); err != nil {
		t.Fatalf("the victim runs no server in %q: %v", dir, err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if _, err := newWorkspace(filepath.Dir(dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

// victim starts the servers, says where, and waits to be killed.
func victim(t *testing.T) { //nolint:thelper // a test of its own: a failure belongs to its line here
	New(t)
	mine, err := scratch()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = os.Stdout.WriteString(mine.dir + "\n")
	<-context.Background().Done()
}

func TestTheSweepSparesTheLiving(t *testing.T) {
	root := t.TempDir()
	first, err := newWorkspace(root)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newWorkspace(root); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first.dir); err != nil {
		t.Errorf("a workspace in use was swept: %v", err)
	}
	_ = first.lock.Unlock()
	if _, err := newWorkspace(root); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first.dir); !os.IsNotExist(err) {
		t.Errorf("an abandoned workspace was not swept: %v", err)
	}
}

func TestTheTemplateDependsOnThePostgreSQL(t *testing.T) {
	a, errA := templateKey(pgserver.Binaries{Major: 15, Version: "postgres (PostgreSQL) 15.1"})
	b, errB := templateKey(pgserver.Binaries{Major: 15, Version: "postgres (PostgreSQL) 15.2"})
	if errA != nil || errB != nil || a == b {
		t.Errorf("keys %q and %q (%v, %v) must differ", a, b, errA, errB)
	}
}

func scalar[T any](t *testing.T, d *db.DB, query string) T {
	t.Helper()
	var v T
	if err := d.SQL().QueryRowContext(t.Context(), query).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
