//go:build unix

package embedded

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// rounds of each fault; PostgreSQL runs with fsync, as in production.
const rounds = 5

// account is who runs usher in a fault test.
type account struct {
	name string
	as   *syscall.Credential
}

// accounts are all kinds this machine allows: only root can become somebody else.
func accounts(t *testing.T) []account {
	t.Helper()
	if os.Geteuid() != 0 {
		return []account{{"ordinary user", nil}}
	}
	return []account{{"root", nil}, {"ordinary user", nobody(t)}}
}

// Whatever is killed, and whoever runs it: every committed row is kept, and usher
// works again.
func TestNothingCommittedIsLost(t *testing.T) {
	for _, who := range accounts(t) {
		for name, kill := range map[string]func(*app, int){
			"usher":                (*app).killAlone,
			"postgres":             (*app).killPostmaster,
			"both":                 (*app).killBoth,
			"usher during a start": (*app).killStarting,
		} {
			t.Run(who.name+" "+name, func(t *testing.T) { survive(t, who.as, kill) })
		}
	}
}

func survive(t *testing.T, as *syscall.Credential, kill func(*app, int)) { //nolint:thelper // a test of its own: a failure belongs to its line here
	dir := newDir(t)
	if as != nil {
		if err := os.Chown(filepath.Dir(dir), int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	a := startApp(t, dir, as)
	a.next("found")
	for range rounds {
		last := a.commits(5)
		pid := postmaster(t, dir)
		if pid == 0 {
			t.Fatal("no PostgreSQL runs") // and kill(0) would mean ourselves
		}
		kill(a, pid)
		if a.cmd.ProcessState == nil { // usher lives, and PostgreSQL must come back
			a.kept("recovered", last)
			continue
		}
		last = a.rest(last)
		a = startApp(t, dir, as)
		a.kept("found", last)
	}
}

func (a *app) killAlone(int) { a.kill() }

func (a *app) killPostmaster(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }

func (a *app) killBoth(pid int) {
	_ = a.cmd.Process.Kill()
	_ = syscall.Kill(pid, syscall.SIGKILL)
	a.kill()
}

// killStarting also kills the next usher, at the moment its PostgreSQL is on the way.
func (a *app) killStarting(pid int) {
	a.killBoth(pid)
	next := startApp(a.t, a.dir, a.cmd.SysProcAttr.Credential)
	for now := pid; now == pid || now == 0; now = postmaster(a.t, a.dir) {
		time.Sleep(time.Millisecond)
	}
	next.kill()
}
