package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/push"
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

// try calls the API.
func (h *house) try(method, path string, body, answer any) error {
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case io.Reader:
		r = b
	default:
		j, err := json.Marshal(b)
		h.must(err)
		r = bytes.NewReader(j)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, r)
	h.must(err)
	req.Header.Set("Authorization", "Bearer "+h.key)
	req.Header.Set("Content-Type", "application/json")
	if _, ok := body.(io.Reader); ok {
		req.Header.Set("Content-Type", "application/x-ndjson")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %d %s", method, path, res.StatusCode, text)
	}
	if raw, ok := answer.(*[]byte); ok {
		*raw = text
		return nil
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

func (h *house) call(method, path string, body, answer any) {
	h.t.Helper()
	err := h.try(method, path, body, answer)
	h.must(err)
}

// phone is the handle of the festival's ith phone.
func (h *house) phone(i int) push.Handle {
	service := push.APNs
	if i%10 >= 4 {
		service = push.FCM
	}
	if i%10 == 9 {
		service = push.WebPush
	}
	return h.services.Handle(service, i, "")
}

// festival makes an app with all credentials and n phones: 40 % APNs, 50 % FCM, 10 % Web Push.
func (h *house) festival(n int) {
	h.t.Helper()
	h.call("PUT", "/v1/apps/festival", map[string]any{"name": "Festival"}, nil)
	h.call("PUT", "/v1/apps/festival/credentials/apns", map[string]any{"key_pem": string(h.services.APNsKeyPEM()),
		"key_id": h.services.APNsKeyID(), "team_id": h.services.APNsTeamID(), "topic": h.services.APNsTopic()}, nil)
	h.call("PUT", "/v1/apps/festival/credentials/fcm", map[string]any{"service_account": json.RawMessage(h.services.ServiceAccountJSON())}, nil)
	h.call("PUT", "/v1/apps/festival/credentials/webpush", map[string]any{"subject": "mailto:test@usher.example"}, nil)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for i := range n {
		x := h.phone(i)
		h.must(enc.Encode(hub.Installation{ID: fmt.Sprintf("phone-%06d", i), Kind: x.Kind, Handle: x.Value, P256dh: x.P256dh, Auth: x.Auth}))
	}
	var done hub.Transfer
	h.call("POST", "/v1/imports?app=festival&format=ndjson", &b, &done)
	if done.Accepted != int64(n) {
		h.t.Fatalf("imported %d of %d: %+v", done.Accepted, n, done)
	}
}

func (h *house) notify() hub.Notification {
	h.t.Helper()
	var n hub.Notification
	h.call("POST", "/v1/notifications", map[string]any{"app": "festival", "template": "alert",
		"properties": map[string]any{"title": "Doors open", "body": "Gate A"}}, &n)
	return n
}

// until polls a notification's report, whatever happens to the server meanwhile.
func (h *house) until(n hub.Notification, what string, good func(hub.Report) bool) hub.Report {
	h.t.Helper()
	var r hub.Report
	end := time.Now().Add(patience)
	for time.Now().Before(end) {
		var now hub.Report
		if err := h.try("GET", "/v1/notifications/"+n.ID.String(), nil, &now); err == nil {
			r = now
			if good(r) {
				return r
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	h.t.Fatalf("%s: not within %s: %+v", what, patience, r)
	return r
}
