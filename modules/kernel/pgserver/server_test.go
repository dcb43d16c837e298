//go:build unix

package pgserver

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// quick skips the disk: these tests are about processes.
var (
	quick     = InitOptions{Args: []string{"--wal-segsize=1", "--no-sync"}}
	quickConf = map[string]string{"fsync": "off", "shared_buffers": "1MB"}
)

// newDir is a directory for a home that the server's account can reach.
func newDir(t *testing.T) string {
	t.Helper()
	parent, err := os.MkdirTemp("", "usher-pgserver-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(parent) })
	if err := os.Chmod(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(parent, "home")
}

func openHome(t *testing.T, dir string) *Home {
	t.Helper()
	h, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func newCluster(t *testing.T) *Home {
	t.Helper()
	h := openHome(t, newDir(t))
	if created, err := h.Init(t.Context(), quick); err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
	return h
}

func startServer(t *testing.T, h *Home) *Server {
	t.Helper()
	s, err := h.Start(t.Context(), quickConf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Signal(syscall.SIGQUIT); <-s.Done() })
	return s
}

func TestInitLeavesAClusterAlone(t *testing.T) {
	h := newCluster(t)
	before, err := os.Stat(filepath.Join(h.Data(), "PG_VERSION"))
	if err != nil {
		t.Fatal(err)
	}
	if created, err := h.Init(t.Context(), quick); created || err != nil {
		t.Fatalf("created %v, %v", created, err)
	}
	after, err := os.Stat(filepath.Join(h.Data(), "PG_VERSION"))
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the cluster is another one (%v)", err)
	}
}

func TestInitRefusesForeignData(t *testing.T) {
	h := openHome(t, newDir(t))
	if err := os.MkdirAll(filepath.Join(h.Data(), "photos"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Init(t.Context(), quick); !fault.Is(err, fault.Conflict) {
		t.Errorf("got %v, want a conflict", err)
	}
	if _, err := os.Stat(filepath.Join(h.Data(), "photos")); err != nil {
		t.Error(err)
	}
}

func TestInitRemovesWhatAnInterruptedOneLeft(t *testing.T) {
	h := openHome(t, newDir(t))
	left := filepath.Join(h.dir, "data.new-123")
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Init(t.Context(), InitOptions{Args: []string{"--no-such-option"}}); err == nil ||
		!strings.Contains(err.Error(), "no-such-option") {
		t.Errorf("got %v, want initdb's own words", err)
	}
	if all, _ := filepath.Glob(filepath.Join(h.dir, "data*")); len(all) > 0 {
		t.Errorf("%v are left", all)
	}
}

func TestAFailedStartShowsTheLog(t *testing.T) {
	h := newCluster(t)
	_, err := h.Start(t.Context(), map[string]string{"no_such_setting": "1"})
	if !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("got %v, want the server's own words", err)
	}
}

func TestOnlyTheSocketListens(t *testing.T) {
	h := newCluster(t)
	startServer(t, h)
	c, err := net.Dial("unix", filepath.Join(h.socket, socketName))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	b, err := os.ReadFile(filepath.Join(h.Data(), "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	if addr := strings.Split(string(b), "\n")[5]; addr != "" { // line 6: the first TCP address
		t.Errorf("it listens on %s", addr)
	}
	if fi, err := os.Stat(h.socket); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("the socket's directory is %v (%v), want 0700", fi.Mode(), err)
	}
}

func TestStopDoesNotWaitForever(t *testing.T) {
	h := newCluster(t)
	s := startServer(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // no time for a clean shutdown
	if err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if serves(s.Pid(), h.Data()) {
		t.Error("it still runs")
	}
	startServer(t, h) // recovers
}

// A home whose usher was killed, seen from the next one: its server still runs.
func TestStartTakesOverALiveOrphan(t *testing.T) {
	h := newCluster(t)
	orphan := startServer(t, h)
	s := startServer(t, h)
	select {
	case <-orphan.Done():
	default:
		t.Error("the orphan still runs")
	}
	if s.Pid() == orphan.Pid() || !serves(s.Pid(), h.Data()) {
		t.Errorf("server %d replaces %d", s.Pid(), orphan.Pid())
	}
}

// After a reboot, the pid that a killed server left may be anybody's.
func TestStartSparesABystanderWithTheOldPid(t *testing.T) {
	h := newCluster(t)
	killed := startServer(t, h)
	bystander, err := startChild(exec.Command("sleep", "600"), h.account) // the same account: PostgreSQL can see it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bystander.Signal(syscall.SIGKILL) })
	killed.Signal(syscall.SIGKILL)
	<-killed.Done()
	for _, file := range []string{filepath.Join(h.Data(), "postmaster.pid"), filepath.Join(h.socket, socketName+".lock")} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(b), "\n")
		if err := os.WriteFile(file, fmt.Appendf(nil, "%d\n%s", bystander.Pid(), rest), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	startServer(t, h)
	select {
	case <-bystander.Done():
		t.Error("the bystander was killed")
	default:
	}
}

func TestTheEnvironmentHoldsNoSecrets(t *testing.T) {
	t.Setenv("USHER_SECRET", "apns key")
	t.Setenv("PGOPTIONS", "-c fsync=off")
	for _, v := range childEnv() {
		if strings.HasPrefix(v, "USHER_") || strings.HasPrefix(v, "PG") {
			t.Errorf("PostgreSQL would get %s", v)
		}
	}
}

// In a container pids start over: the file of a killed server can name the new one.
func TestAnOldFileDoesNotMeanReady(t *testing.T) {
	h := newCluster(t)
	s := startServer(t, h)
	s.before = h.pidFile().text
	ctx, cancel := context.WithTimeout(t.Context(), 20*pollEvery)
	defer cancel()
	if _, err := s.ready(ctx); !fault.Is(err, fault.Transient) {
		t.Errorf("got %v, want it to wait until the file changes", err)
	}
}

func TestRunningURLIsThatOfALivingServer(t *testing.T) {
	h := newCluster(t)
	if url := RunningURL(h.dir, "postgres"); url != "" {
		t.Errorf("nothing runs, but it is at %s", url)
	}
	s := startServer(t, h)
	if got, want := RunningURL(h.dir, "postgres"), s.URL("postgres"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if url := RunningURL(h.dir, "postgres") + RunningURL(filepath.Join(h.dir, "nowhere"), "postgres"); url != "" {
		t.Errorf("it has stopped, but it is at %s", url)
	}
}

// A value that the server was not built for would keep it from starting.
func TestAHomeKnowsWhatItsServerTakes(t *testing.T) {
	h := newCluster(t)
	for value, want := range map[string]bool{"on": true, "pglz": true, "brotli": false} {
		if got := h.Takes(t.Context(), "wal_compression", value); got != want {
			t.Errorf("takes %s: %v, want %v", value, got, want)
		}
	}
}
