package pgserver

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

const (
	pollEvery   = 10 * time.Millisecond
	busyFor     = 30 * time.Second // how long the remains of a killed server may be in our way
	orphanGrace = 20 * time.Second // for a clean shutdown of a server we did not start
	quitGrace   = 10 * time.Second // PostgreSQL kills its own children after 5 s
)

// Server is a running PostgreSQL.
type Server struct {
	*Child
	home    *Home
	before  string // postmaster.pid as a killed server left it
	logFrom int64  // where this run begins in the log file
}

// Start runs the server and returns when it accepts connections, which after a
// crash includes the recovery. settings go on the command line and win over
// postgresql.conf. A server that still runs on the data because its usher was
// killed is stopped first: only the parent can watch over it.
//
// Errors: fault.Transient when ctx ends first, fault.Internal with the server's
// last words when it does not start.
func (h *Home) Start(ctx context.Context, settings map[string]string) (*Server, error) {
	stale, err := h.stopOrphan(ctx)
	if err != nil {
		return nil, err
	}
	patience := time.NewTimer(busyFor)
	defer patience.Stop()
	for {
		s, err := h.launch(settings, stale)
		if err != nil {
			return nil, err
		}
		words, err := s.ready(ctx)
		if err == nil {
			return s, nil
		}
		if !inTheWay(words) {
			return nil, err
		}
		select {
		case <-patience.C:
			return nil, err
		case <-ctx.Done():
			return nil, err
		case <-time.After(10 * pollEvery):
		}
	}
}

// inTheWay reports whether a start failed on the remains of a killed server, whose
// last processes need a moment to notice.
func inTheWay(words string) bool {
	return strings.Contains(words, "postmaster.pid") || strings.Contains(words, "shared memory block")
}

// launch executes postgres itself: pg_ctl would put a shell between it and us.
// stale is a pid that postmaster.pid names although no server has it, or 0.
func (h *Home) launch(settings map[string]string, stale int) (*Server, error) {
	const op = "pgserver.Start"
	log, err := h.openLog()
	if err != nil {
		return nil, fault.E(op, fault.Internal, "cannot open "+h.LogFile(), err)
	}
	defer log.Close()
	end, err := log.Seek(0, 2)
	if err != nil {
		return nil, fault.E(op, fault.Internal, "cannot read "+h.LogFile(), err)
	}
	args := []string{"-D", h.Data(), "-k", `"` + strings.ReplaceAll(h.socket, `"`, `""`) + `"`, "-p", "5432", "-c", "listen_addresses="}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	cmd := exec.Command(h.bin.Path("postgres"), args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir, cmd.Env = h.Data(), childEnv()
	if stale > 0 {
		// After a reboot the pid in postmaster.pid may belong to anything, and
		// PostgreSQL would refuse to start. It disregards this one, and still
		// checks for processes attached to the old shared memory, which deleting
		// the file would prevent.
		cmd.Env = append(cmd.Env, "PG_GRANDPARENT_PID="+strconv.Itoa(stale))
	}
	before := h.pidFile().text
	child, err := startChild(cmd, h.account)
	if err != nil {
		return nil, fault.E(op, fault.Internal, "cannot execute "+cmd.Path, err)
	}
	return &Server{Child: child, home: h, before: before, logFrom: end}, nil
}

// ready waits until the server accepts connections; it stops it when ctx ends
// first. On failure it also gives the server's last words.
func (s *Server) ready(ctx context.Context) (words string, err error) {
	const op = "pgserver.Start"
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.Done():
			words = s.home.logSince(s.logFrom)
			return words, fault.E(op, fault.Internal, "PostgreSQL did not start", errors.Join(s.Wait(), errors.New(words))).
				WithFix("read " + s.home.LogFile())
		case <-ctx.Done():
			_ = s.Stop(ctx)
			return "", fault.E(op, fault.Transient, "PostgreSQL did not start in time", ctx.Err()).
				WithFix("read " + s.home.LogFile() + "; a recovery after a crash may take minutes")
		case <-tick.C:
			// In a container pids start over, so that the file of a killed server may
			// name our child's pid: it must also have been written anew.
			if f := s.home.pidFile(); f.pid == s.Pid() && f.status == "ready" && f.text != s.before {
				return "", nil
			}
		}
	}
}

// URL is the address of one of its databases, for pgx and for libpq's programs.
// "postgres" is there from the start.
func (s *Server) URL(database string) string {
	// PathEscape, because libpq does not read "+" as a space.
	return "postgres://" + Superuser + "@/" + url.PathEscape(database) + "?host=" + url.PathEscape(s.home.socket) + "&port=5432"
}

// Stop shuts the server down: open transactions are rolled back and everything is
// written. When ctx ends before that is done, it is stopped at once, and the next
// start recovers. Never the "smart" shutdown, which waits for idle connections.
// Errors: fault.Internal when it does not end at all.
func (s *Server) Stop(ctx context.Context) error {
	s.Signal(syscall.SIGINT)
	select {
	case <-s.Done():
		return nil
	case <-ctx.Done():
	}
	s.Signal(syscall.SIGQUIT)
	select {
	case <-s.Done():
		return nil
	case <-time.After(quitGrace):
		return fault.E("pgserver.Stop", fault.Internal, "PostgreSQL does not stop", nil).
			WithFix("kill -9 " + strconv.Itoa(s.Pid()) + " (committed rows are safe)")
	}
}

// StopOrphan stops the server of the home in dir, if one outlived the process that
// started it. The caller holds the home's lock or knows that nobody does.
func StopOrphan(ctx context.Context, dir string) error {
	dir, err := filepath.EvalSymlinks(dir)
	if os.IsNotExist(err) {
		return nil
	}
	if err == nil {
		_, err = (&Home{dir: dir}).stopOrphan(ctx)
	}
	return err
}

// stopOrphan stops a server that outlived its usher. It returns the pid that
// postmaster.pid names if that is no server of this data, else 0.
func (h *Home) stopOrphan(ctx context.Context) (stale int, err error) {
	pid := h.pidFile().pid
	if pid == 0 {
		return 0, nil
	}
	if !serves(pid, h.Data()) {
		return pid, nil
	}
	orphan, err := os.FindProcess(pid)
	if err != nil {
		return 0, nil
	}
	_ = orphan.Signal(syscall.SIGINT)
	grace, tick := time.NewTimer(orphanGrace), time.NewTicker(pollEvery)
	defer grace.Stop()
	defer tick.Stop()
	for serves(pid, h.Data()) {
		select {
		case <-tick.C:
		case <-grace.C:
			_ = orphan.Signal(syscall.SIGQUIT)
		case <-ctx.Done():
			return 0, fault.E("pgserver.Start", fault.Transient, "an earlier PostgreSQL still runs as process "+strconv.Itoa(pid), ctx.Err()).
				WithFix("kill -QUIT " + strconv.Itoa(pid) + " (committed rows are safe)")
		}
	}
	return 0, nil
}

// pidFile is postmaster.pid: its pid in line 1 (0 if there is no file), its status
// in line 8.
type pidFile struct {
	text   string
	pid    int
	status string
}

func (h *Home) pidFile() pidFile {
	b, err := os.ReadFile(filepath.Join(h.Data(), "postmaster.pid"))
	if err != nil {
		return pidFile{}
	}
	f := pidFile{text: string(b)}
	lines := strings.Split(f.text, "\n")
	pid, _ := strconv.Atoi(strings.TrimSpace(lines[0]))
	f.pid = max(pid, -pid) // negative: a single-user server
	if len(lines) > 7 {
		f.status = strings.TrimSpace(lines[7])
	}
	return f
}
