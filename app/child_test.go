package app

import (
	"bufio"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push/pushtest"
	"github.com/usherhq/usher/modules/identity"
	"github.com/usherhq/usher/modules/kernel/pgserver"
)

// asUsher, in the environment, makes the test binary the true program, so that
// tests can start, kill and restart it as a process of its own.
const asUsher = "APP_TEST_AS_USHER"

func TestMain(m *testing.M) {
	if os.Getenv(asUsher) != "" {
		var environ []string
		for _, pair := range os.Environ() {
			if !strings.HasPrefix(pair, asUsher) {
				environ = append(environ, pair)
			}
		}
		os.Exit(Main(os.Args[1:], environ, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// patience is how long a test waits for what must come.
const patience = 2 * time.Minute

// newHome is a directory for built-in stores: its path is short, and the account that
// PostgreSQL runs as passes through it.
func newHome(t *testing.T) string {
	t.Helper()
	home, err := os.MkdirTemp("", "usher-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	if err := os.Chmod(home, 0o755); err != nil {
		t.Fatal(err)
	}
	return home
}

// house is an Usher in a process of its own, with simulated push services in ours.
type house struct {
	t        *testing.T
	dir      string
	settings []string // --set key=value
	key      string   // of a machine that may manage
	said     *bufio.Reader
	owner    *http.Cookie // session of who followed the claim link
	services *pushtest.Services
	caFile   string // of the services' authority
	child    *pgserver.Child
	url      string
	log      *os.File

	mu   sync.Mutex
	seen map[string]int    // accepted messages by delivery id
	read map[string]string // the last message that each handle got
}

// newHouse starts `usher serve` with built-in stores; settings override its configuration.
func newHouse(t *testing.T, settings ...string) *house {
	t.Helper()
	h := &house{t: t, key: identity.NewKeySecret(), seen: map[string]int{}, read: map[string]string{}}
	h.dir = filepath.Join(newHome(t), "data")
	var err error
	h.services, err = pushtest.Start(pushtest.Config{DecryptEvery: 50, OnMessage: func(r pushtest.Receipt) {
		if r.Status >= 300 {
			return // refused: the phone has nothing of it
		}
		h.mu.Lock()
		h.seen[r.ID]++
		h.read[r.Handle] = string(r.Payload)
		h.mu.Unlock()
	}})
	h.must(err)
	t.Cleanup(func() { _ = h.services.Close() })
	h.caFile = filepath.Join(t.TempDir(), "ca.pem")
	h.must(os.WriteFile(h.caFile, h.services.CAPEM(), 0o644))
	h.settings = append([]string{
		"data_dir=" + h.dir, "http.listen=127.0.0.1:0", "access.keys=[{name: test, secret: " + h.key + ", rights: [manage]}]", "log.level=warn", "limits.per_second=100000", "limits.burst=100000",
		"hub.services.apns_endpoint=" + h.services.APNsURL(), "hub.services.fcm_endpoint=" + h.services.FCMURL(),
		"hub.services.webpush_hosts=" + h.services.WebPushHost(), "hub.services.ca_file=" + h.caFile,
	}, settings...)
	h.log, err = os.Create(filepath.Join(t.TempDir(), "log"))
	h.must(err)
	t.Cleanup(func() {
		if h.child != nil {
			h.child.Signal(syscall.SIGTERM)
			<-h.child.Done()
		}
		if t.Failed() {
			text, _ := os.ReadFile(h.log.Name())
			t.Logf("usher's log:\n%s", tail(text, 6000))
		}
	})
	h.start()
	return h
}

// got is the last message that reached a handle; "" before the first.
func (h *house) got(handle string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.read[handle]
}

func tail(b []byte, n int) []byte { return b[max(len(b)-n, 0):] }

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// start starts the process and waits until it answers.
func (h *house) start() {
	h.t.Helper()
	args := []string{"serve"}
	for _, s := range h.settings {
		args = append(args, "--set", s)
	}
	program, err := os.Executable()
	h.must(err)
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), asUsher+"=1")
	cmd.Stderr = h.log
	out, err := cmd.StdoutPipe()
	h.must(err)
	h.child, err = pgserver.StartChild(cmd)
	h.must(err)
	h.said = bufio.NewReader(out)
	line, err := h.said.ReadString('\n')
	if err != nil {
		text, _ := os.ReadFile(h.log.Name())
		h.t.Fatalf("usher does not start: %v\n%s", err, tail(text, 4000))
	}
	h.url = strings.TrimSpace(strings.TrimPrefix(line, "Usher is at "))
}

// claimed follows the link by which a fresh usher gets its first owner.
func (h *house) claimed() {
	h.t.Helper()
	line, err := h.said.ReadString('\n')
	h.must(err)
	_, secret, ok := strings.Cut(strings.TrimSpace(line), "/claim#")
	if !ok {
		h.t.Fatalf("usher printed no claim link: %q", line)
	}
	once := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := once.PostForm(h.url+"/claim", url.Values{"secret": {secret}})
	h.must(err)
	_ = res.Body.Close()
	if len(res.Cookies()) != 1 {
		h.t.Fatalf("the claim link opens no session: %s", res.Status)
	}
	h.owner = res.Cookies()[0]
}

// stop ends usher in good order.
func (h *house) stop() {
	h.child.Signal(syscall.SIGTERM)
	<-h.child.Done()
}

// killed ends usher without a word to it.
func (h *house) killed() {
	h.child.Signal(syscall.SIGKILL)
	<-h.child.Done()
}

// postmaster is the pid of the built-in PostgreSQL.
func (h *house) postmaster() int {
	h.t.Helper()
	b, err := os.ReadFile(filepath.Join(h.dir, "postgres", "data", "postmaster.pid"))
	h.must(err)
	pid, err := strconv.Atoi(strings.SplitN(string(b), "\n", 2)[0])
	h.must(err)
	return pid
}
