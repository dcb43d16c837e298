package azure

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/seal"
	"github.com/usherhq/usher/modules/kernel/web"
)

// desk is the protocol over a hub with the apps main and other, and a blob storage.
// Nothing runs its jobs but the test.
type desk struct {
	*Service
	t     *testing.T
	clock *clock.Fixed
	http  *httptest.Server
	blobs *blobs
}

// newDesk opens a desk with a policy for each right and one for all.
func newDesk(t *testing.T, change ...func(*Config)) *desk {
	t.Helper()
	d := &desk{t: t, clock: clock.At(noon), blobs: newBlobs(t)}
	key, err := seal.Load(t.TempDir() + "/key")
	d.must(err)
	store := dbtest.New(t, dbtest.WithClock(d.clock))
	h := hub.New(hub.Defaults(), store, key, hub.NewSender, slog.New(slog.DiscardHandler))
	t.Cleanup(h.Close)
	d.must(h.Maintain(t.Context()))
	cfg := Defaults()
	cfg.BlobHosts, cfg.CAFile = []string{strings.TrimPrefix(d.blobs.URL, "https://")}, d.blobs.ca
	cfg.Policies = []Policy{{Name: FullPolicy, Rights: []string{"listen", "send", "manage"}}}
	for _, right := range []string{"listen", "send", "manage"} {
		cfg.Policies = append(cfg.Policies, Policy{Name: right, Rights: []string{right}})
	}
	for _, f := range change {
		f(&cfg)
	}
	d.Service, err = New(cfg, h, store, key, slog.New(slog.DiscardHandler))
	d.must(err)
	d.http = httptest.NewServer(d.Handler(Front{Seen: func(web.Access) {}, Limits: web.LimitConfig{PerSecond: 1e6, Burst: 1e6, Callers: 100}, Clock: d.clock}))
	t.Cleanup(d.http.Close)
	for _, app := range []string{"main", "other"} {
		_, err := h.CreateApp(t.Context(), hub.App{ID: app, Name: app})
		d.must(err)
	}
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// as calls an address, "/main/…", with the key of a policy; "" is without a token.
func (d *desk) as(policy, method, path, body string, headers ...string) reply {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.http.URL+path, strings.NewReader(body))
	d.must(err)
	if policy != "" {
		hub, _, _ := strings.Cut(path[1:], "/")
		token, err := d.keys.Token(d.http.URL+"/", hub, policy, d.clock.Now().Add(time.Hour))
		d.must(err)
		req.Header.Set("Authorization", token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	d.must(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	d.must(err)
	return reply{res.StatusCode, res.Header, string(b)}
}

// want complains of an answer with another status, or without the words.
func (d *desk) want(what string, r reply, status int, words string) {
	d.t.Helper()
	if r.status != status || !strings.Contains(r.body, words) {
		d.t.Errorf("%s: %d %s, want %d %q", what, r.status, r.body, status, words)
	}
}

// blobs is a blob storage. cut, if set, is asked for each request how many bytes go
// through before its connection breaks; < 0 is all.
type blobs struct {
	*httptest.Server
	ca string // file of its certificate

	mu     sync.Mutex
	stored map[string]string
	cut    func(*http.Request) int
}

func newBlobs(t *testing.T) *blobs {
	t.Helper()
	b := &blobs{stored: map[string]string{}, ca: filepath.Join(t.TempDir(), "ca.pem")}
	b.Server = httptest.NewUnstartedServer(b)
	b.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	b.StartTLS()
	t.Cleanup(b.Close)
	if err := os.WriteFile(b.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *blobs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	through := -1
	if b.cut != nil {
		through = b.cut(r)
	}
	if r.Method == http.MethodPut {
		body, err := io.ReadAll(r.Body)
		if err != nil || through >= 0 {
			panic(http.ErrAbortHandler)
		}
		b.stored[r.URL.Path] = string(body)
		w.WriteHeader(http.StatusCreated)
		return
	}
	text, there := b.stored[r.URL.Path]
	switch {
	case strings.HasPrefix(r.URL.Path, "/elsewhere/"):
		http.Redirect(w, r, strings.Replace(r.URL.String(), "/elsewhere/", "/", 1), http.StatusFound)
	case !there:
		http.NotFound(w, r)
	case through >= 0:
		_, _ = io.WriteString(w, text[:min(through, len(text))])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	default:
		_, _ = io.WriteString(w, text)
	}
}

// put and get are the storage's from the test's side.
func (b *blobs) put(path, text string) { b.mu.Lock(); b.stored[path] = text; b.mu.Unlock() }

func (b *blobs) get(path string) string { b.mu.Lock(); defer b.mu.Unlock(); return b.stored[path] }

func (b *blobs) cutting(f func(*http.Request) int) { b.mu.Lock(); b.cut = f; b.mu.Unlock() }
