//go:build unix

package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
)

// victimDir, in the environment, makes the test binary the process that the fault
// tests kill, on that data directory.
const victimDir = "EMBEDDED_VICTIM_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		if err := commitForever(context.Background(), dir); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// commitForever commits the numbers 1, 2, 3, … one by one and says each after its
// commit. It begins by saying how many rows there are and the largest.
func commitForever(ctx context.Context, dir string) error {
	p, err := Start(ctx, Options{Dir: dir, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	d, err := db.Open(ctx, db.Config{URL: p.URL(), MaxConns: 4}, clock.System{})
	if err != nil {
		return err
	}
	if _, err := d.SQL().ExecContext(ctx, "CREATE TABLE IF NOT EXISTS kept (n bigint PRIMARY KEY)"); err != nil {
		return err
	}
	n, err := report(ctx, d, "found")
	if err != nil {
		return err
	}
	for away := false; ; {
		// While PostgreSQL is away the commit fails, or succeeds unnoticed.
		_, err := d.SQL().ExecContext(ctx, "INSERT INTO kept VALUES ($1) ON CONFLICT DO NOTHING", n+1)
		if err != nil {
			away = true
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if n++; away {
			if _, err := report(ctx, d, "recovered"); err != nil {
				continue
			}
			away = false
		}
		fmt.Println("committed", n)
	}
}

// report says how many rows there are and the largest, which it returns.
func report(ctx context.Context, d *db.DB, word string) (last int64, err error) {
	var rows int64
	if err := d.SQL().QueryRowContext(ctx, "SELECT count(*), coalesce(max(n), 0) FROM kept").Scan(&rows, &last); err != nil {
		return 0, err
	}
	fmt.Println(word, rows, last)
	return last, nil
}

// app is a running victim.
type app struct {
	t     *testing.T
	dir   string
	cmd   *exec.Cmd
	lines chan string
}

// startApp runs the victim on dir, as user (nil: as we are).
func startApp(t *testing.T, dir string, as *syscall.Credential) *app {
	t.Helper()
	cmd := exec.Command(program(t, dir))
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	a := &app{t, dir, cmd, make(chan string, 1<<16)}
	go a.read(out)
	t.Cleanup(a.kill)
	return a
}

// program is this test binary where any user may execute it: beside dir.
func program(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(filepath.Dir(dir), "victim")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	self, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(f, self)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func (a *app) read(out io.Reader) {
	defer close(a.lines)
	for s := bufio.NewScanner(out); s.Scan(); {
		a.lines <- s.Text()
	}
}

// next is the numbers of the next line that begins with word.
func (a *app) next(word string) []int64 {
	a.t.Helper()
	deadline := time.After(60 * time.Second)
	for {
		select {
		case line, ok := <-a.lines:
			if !ok {
				a.t.Fatalf("the app ended before it said %q", word)
			}
			f := strings.Fields(line)
			if f[0] == "error" {
				a.t.Fatalf("the app failed: %s", line)
			}
			if f[0] == word {
				return numbers(a.t, f[1:])
			}
		case <-deadline:
			a.t.Fatalf("the app did not say %q within a minute", word)
		}
	}
}

// kept checks what the app reports to have: no gap, and nothing missing up to last.
func (a *app) kept(word string, last int64) {
	a.t.Helper()
	if n := a.next(word); n[0] != n[1] || n[1] < last {
		a.t.Fatalf("%s %d rows up to %d, but %d were committed", word, n[0], n[1], last)
	}
}

// commits waits for n more commits and returns the last number committed.
func (a *app) commits(n int) (last int64) {
	a.t.Helper()
	for range n {
		last = a.next("committed")[0]
	}
	return last
}

// rest is the last number in what the killed app still had said, at least last.
func (a *app) rest(last int64) int64 {
	for line := range a.lines {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "committed" {
			last = numbers(a.t, f[1:])[0]
		}
	}
	return last
}

func (a *app) kill() {
	_ = a.cmd.Process.Kill()
	_ = a.cmd.Wait()
}

func numbers(t *testing.T, fields []string) []int64 {
	t.Helper()
	var all []int64
	for _, f := range fields {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

// postmaster is the pid of the PostgreSQL that runs on dir, 0 when none does.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, _ := strconv.Atoi(first) // not yet written: 0 as well
	return pid
}
