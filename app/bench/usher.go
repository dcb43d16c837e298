package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/usherhq/usher/modules/identity"
)

// usher is the measured process: `usher serve` with its built-in stores.
type usher struct {
	api
	cmd     *exec.Cmd
	data    string        // its data directory
	ended   chan struct{} // closed when the process has ended
	started time.Duration // until it said where it is
	page    time.Duration // until it showed its first page
}

// buildUsher makes the binary as it is shipped: static, without symbols.
func buildUsher(ctx context.Context, into string) (string, error) {
	path := filepath.Join(into, "usher")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "github.com/usherhq/usher")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("usher cannot be built: %w", err)
	}
	return path, nil
}

// common settings of a measured usher, beside its defaults: no rate limit for the one
// caller there is, no line of log a request, and time to read an import and to write a
// list of outcomes of any size.
func common(data, listen, key string) []string {
	return []string{
		"USHER_DATA_DIR=" + data,
		"USHER_ACCESS_KEYS=[{name: bench, secret: " + key + ", rights: [manage]}]",
		"USHER_HTTP_LISTEN=" + listen,
		"USHER_LOG_LEVEL=warn",
		"USHER_LIMITS_PER_SECOND=1000000",
		"USHER_LIMITS_BURST=1000000",
		"USHER_LIMITS_SHOP_PER_SECOND=1000000",
		"USHER_LIMITS_SHOP_BURST=1000000",
	}
}

// settings are common, and where the services are.
func settings(near *services, apns *services, data, listen, roots, key string) []string {
	return append(common(data, listen, key),
		"USHER_HUB_SERVICES_APNS_ENDPOINT="+apns.APNsURL,
		"USHER_HUB_SERVICES_FCM_ENDPOINT="+near.FCMURL,
		"USHER_HUB_SERVICES_WEBPUSH_HOSTS="+near.WebPushHost,
		"USHER_HUB_SERVICES_CA_FILE="+roots,
	)
}

// startUsher runs the binary until stop. apns may be other services than near's; env is
// set beside the settings.
func startUsher(ctx context.Context, binary, dir string, near, apns *services, env ...string) (*usher, error) {
	roots := filepath.Join(dir, "roots.pem")
	if err := os.WriteFile(roots, []byte(near.CAPEM+apns.CAPEM), 0o600); err != nil {
		return nil, err
	}
	key := identity.NewKeySecret()
	return launch(ctx, binary, dir, key, append(settings(near, apns, filepath.Join(dir, "data"), "127.0.0.1:0", roots, key), env...))
}

// launch runs the binary in dir, its data directory dir/data, until its first page is there.
func launch(ctx context.Context, binary, dir, key string, env []string) (*usher, error) {
	log, err := os.OpenFile(filepath.Join(dir, "usher.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	u := &usher{api: api{key: key}, data: filepath.Join(dir, "data"), ended: make(chan struct{})}
	u.cmd = exec.Command(binary, "serve")
	u.cmd.Dir, u.cmd.Stderr = dir, log // no config.yaml lies there
	u.cmd.Env = append(os.Environ(), env...)
	stdout, err := u.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err := u.cmd.Start(); err != nil {
		return nil, err
	}
	if u.url, err = whereItIs(stdout); err != nil {
		return nil, errors.Join(err, u.stop(), lastWords(log.Name()))
	}
	u.started = time.Since(start)
	go func() { _, _ = io.Copy(io.Discard, stdout); close(u.ended) }()
	if err := u.firstPage(ctx); err != nil {
		return nil, errors.Join(err, u.stop(), lastWords(log.Name()))
	}
	u.page = time.Since(start)
	return u, nil
}

// whereItIs reads the address that usher prints when it is ready.
func whereItIs(out io.Reader) (string, error) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, address, ok := strings.Cut(lines.Text(), "http://"); ok {
			return "http://" + strings.TrimSpace(address), nil
		}
	}
	return "", errors.New("usher ended before it said where it is")
}

func lastWords(file string) error {
	text, _ := os.ReadFile(file)
	return errors.New(string(text[max(0, len(text)-2000):]))
}

// firstPage asks for the dashboard until it is there: what it answers without a
// session is the page to sign in.
func (u *usher) firstPage(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.url+"/", nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK || res.StatusCode == http.StatusUnauthorized {
				return nil
			}
			return fmt.Errorf("the first page answers %s", res.Status)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (u *usher) pid() int { return u.cmd.Process.Pid }

// postmaster is the built-in PostgreSQL's first process, 0 when there is none, and
// the directory of its socket (the fifth line of postmaster.pid).
func (u *usher) postmaster() (pid int, socket string) {
	return postmasterOf(filepath.Join(u.data, "postgres"))
}

func postmasterOf(dir string) (pid int, socket string) {
	raw, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	lines := strings.Split(string(raw), "\n")
	if err != nil || len(lines) < 5 {
		return 0, ""
	}
	pid, _ = strconv.Atoi(lines[0])
	return pid, lines[4]
}

// stop ends usher in good order, and by force when that takes too long.
func (u *usher) stop() error {
	_ = u.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(time.Minute, func() { _ = u.cmd.Process.Kill() })
	defer kill.Stop()
	if err := u.cmd.Wait(); err != nil {
		return fmt.Errorf("usher ended with: %w", err)
	}
	return nil
}
