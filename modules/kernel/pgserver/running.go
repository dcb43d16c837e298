package pgserver

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// RunningURL is the address of a database of the server that runs on dir, for a
// command beside the usher that started it; "" when none runs, or not where this
// user can reach it. It changes nothing.
func RunningURL(dir, database string) string {
	dir, err := filepath.Abs(dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return ""
	}
	h := &Home{dir: dir}
	pid := h.pidFile()
	lines := strings.Split(pid.text, "\n")
	if pid.pid == 0 || pid.status != "ready" || len(lines) < 5 || !serves(pid.pid, h.Data()) {
		return ""
	}
	socket := strings.TrimSpace(lines[4]) // line 5 of postmaster.pid: the socket's directory
	if _, err := os.Stat(filepath.Join(socket, socketName)); err != nil {
		return ""
	}
	return "postgres://" + Superuser + "@/" + url.PathEscape(database) + "?host=" + url.PathEscape(socket) + "&port=5432"
}
