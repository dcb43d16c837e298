package pushtest

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/clock"
)

func start(t *testing.T, cfg Config) *Services {
	t.Helper()
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestHandles: deterministic, unlike each other, of their service's form, and
// deciding the answer.
func TestHandles(t *testing.T) {
	s := start(t, Config{})
	other := start(t, Config{})
	shape := map[push.Service]*regexp.Regexp{
		push.APNs:    regexp.MustCompile(`^[0-9a-f]{64}$`),
		push.FCM:     regexp.MustCompile(`^[a-z]*-?c[0-9a-f]{16}:APA91b[0-9a-f]{16}$`),
		push.WebPush: regexp.MustCompile(`^https://127\.0\.0\.1:\d+/[a-z]+/[0-9a-f]{16}$`),
	}
	for _, service := range push.Services {
		seen := map[string]bool{}
		for n := range 20_000 {
			h := s.Handle(service, n, "")
			if seen[h.Value] || !shape[service].MatchString(h.Value) {
				t.Fatalf("handle %d of %s: %q", n, service, h.Value)
			}
			seen[h.Value] = true
		}
		a, b := s.Handle(service, 7, ""), other.Handle(service, 7, "")
		if strings.TrimPrefix(a.Value, s.WebPushOrigin()) != strings.TrimPrefix(b.Value, other.WebPushOrigin()) || a.P256dh != b.P256dh || a.Auth != b.Auth {
			t.Errorf("%s: another process makes another handle: %+v, %+v", service, a, b)
		}
	}
	for n, p := range Prefixes {
		h := s.Handle(p.Service, n, p.Prefix)
		if !shape[p.Service].MatchString(h.Value) || !strings.HasPrefix(strings.TrimPrefix(h.Value, s.WebPushOrigin()), p.Prefix) {
			t.Errorf("%s %s: %q", p.Service, p.Prefix, h.Value)
		}
	}
}

// TestPrefixesAreDocumented in the package comment, and each only once.
func TestPrefixesAreDocumented(t *testing.T) {
	source, err := os.ReadFile("pushtest.go")
	if err != nil {
		t.Fatal(err)
	}
	doc, _, _ := strings.Cut(string(source), "package pushtest")
	seen := map[string]bool{}
	for _, p := range Prefixes {
		if seen[p.Prefix] {
			t.Errorf("%s is there twice", p.Prefix)
		}
		seen[p.Prefix] = true
		if !strings.Contains(doc, p.Prefix) {
			t.Errorf("%s is missing from the package comment", p.Prefix)
		}
	}
}

// request sends one request as given, to see what the services refuse.
func request(t *testing.T, s *Services, url, body string, header map[string]string) (status int, answer string) {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: s.RootCAs()}, ForceAttemptHTTP2: true,
	}}
	defer c.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// TestAPNsRefuses what Apple refuses, in Apple's words.
func TestAPNsRefuses(t *testing.T) {
	s := start(t, Config{})
	token := s.Handle(push.APNs, 1, "").Value
	good := map[string]string{"apns-topic": s.APNsTopic(), "apns-push-type": "alert"}
	for _, tt := range []struct {
		path, body, header, value, want string
		status                          int
	}{
		{"/3/device/" + token, `{}`, "", "", "MissingProviderToken", 403},
		{"/3/device/" + token, `{}`, "authorization", "bearer a.b.c", "InvalidProviderToken", 403},
		{"/3/other/" + token, `{}`, "", "", "BadPath", 404},
		{"/3/device/xyz", `{}`, "", "", "BadDeviceToken", 400},
		{"/3/device/" + token, `{`, "", "", "PayloadEmpty", 400},
		{"/3/device/" + token, strings.Repeat(" ", 4097), "", "", "PayloadTooLarge", 413},
		{"/3/device/" + token, `{}`, "apns-topic", "", "MissingTopic", 400},
		{"/3/device/" + token, `{}`, "apns-topic", "com.other", "TopicDisallowed", 400},
		{"/3/device/" + token, `{}`, "apns-push-type", "shout", "InvalidPushType", 400},
		{"/3/device/" + token, `{}`, "apns-priority", "11", "BadPriority", 400},
		{"/3/device/" + token, `{}`, "apns-expiration", "soon", "BadExpirationDate", 400},
		{"/3/device/" + token, `{}`, "apns-id", "1", "BadMessageId", 400},
		{"/3/device/" + token, `{}`, "apns-collapse-id", strings.Repeat("x", 65), "BadCollapseId", 400},
	} {
		header := map[string]string{tt.header: tt.value}
		for k, v := range good {
			if _, set := header[k]; !set {
				header[k] = v
			}
		}
		delete(header, "")
		status, answer := request(t, s, s.APNsURL()+tt.path, tt.body, header)
		if status != tt.status || answer != `{"reason":"`+tt.want+`"}` {
			t.Errorf("%s: %d %s", tt.want, status, answer)
		}
	}
}

func TestFCMRefuses(t *testing.T) {
	s := start(t, Config{})
	for url, want := range map[string]string{
		s.FCMURL() + "/projects/usher-demo/messages:send": "UNAUTHENTICATED",
		s.TokenURL(): "unsupported_grant_type",
	} {
		if status, answer := request(t, s, url, `{}`, nil); status/100 != 4 || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s, want %s", url, status, answer, want)
		}
	}
	assertion := "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=a.b.c"
	if status, answer := request(t, s, s.TokenURL(), assertion, nil); status != 400 || !strings.Contains(answer, "invalid_grant") {
		t.Errorf("forged assertion: %d %s", status, answer)
	}
}

func TestWebPushRefuses(t *testing.T) {
	s := start(t, Config{})
	endpoint := s.Handle(push.WebPush, 1, "").Value
	for _, tt := range []struct {
		header map[string]string
		status int
	}{
		{nil, 400}, // no TTL
		{map[string]string{"TTL": "60"}, 415},
		{map[string]string{"TTL": "60", "Content-Encoding": "aes128gcm", "Topic": strings.Repeat("x", 33)}, 400},
		{map[string]string{"TTL": "60", "Content-Encoding": "aes128gcm", "Urgency": "panic"}, 400},
		{map[string]string{"TTL": "60", "Content-Encoding": "aes128gcm"}, 401},
		{map[string]string{"TTL": "60", "Content-Encoding": "aes128gcm", "Authorization": "vapid t=a.b.c, k=AA"}, 401},
	} {
		if status, answer := request(t, s, endpoint, "x", tt.header); status != tt.status {
			t.Errorf("%v: %d %s, want %d", tt.header, status, answer, tt.status)
		}
	}
}

// TestQuota: the message above the quota is throttled, until the next minute.
func TestQuota(t *testing.T) {
	c := clock.At(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	svc := &service{cfg: ServiceConfig{PerMinute: 2}, clock: c}
	for i, want := range []bool{false, false, true, true} {
		if got := svc.overQuota(); got != want {
			t.Errorf("message %d: over %v, want %v", i+1, got, want)
		}
	}
	c.Advance(time.Minute)
	if svc.overQuota() {
		t.Error("still over the quota in the next minute")
	}
}

// FuzzDecrypt: no body makes the service panic, and none opens by chance.
func FuzzDecrypt(f *testing.F) {
	f.Add([]byte{})
	f.Add(append(bytes.Repeat([]byte{0}, 16), 0, 0, 16, 0, 65))
	f.Add(append(bytes.Repeat([]byte{0}, 20), 255))
	subs, err := subscribers()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if plain, err := decrypt(&subs[0], body); err == nil {
			t.Fatalf("opened %x as %q", body, plain)
		}
	})
}

// FuzzParseJWT: nothing passes without our signature.
func FuzzParseJWT(f *testing.F) {
	f.Add("a.b.c")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	f.Add(none + "." + none + ".")
	p, err := newAPNs(Config{Clock: clock.System{}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if _, _, err := parseJWT(token, &p.key.PublicKey); err == nil {
			t.Fatalf("accepted %q", token)
		}
	})
}

// TestNghttp2Client: an HTTP/2 client that is not Go's gets its answers.
func TestNghttp2Client(t *testing.T) {
	s := start(t, Config{})
	body := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(body, []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("h2load", "-n", "3000", "-c", "3", "-m", "20", "-d", body,
		s.APNsURL()+"/3/device/"+s.Handle(push.APNs, 1, "").Value).CombinedOutput()
	if err != nil {
		t.Fatalf("h2load (apt package nghttp2-client): %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "3000 total, 3000 started, 3000 done") || !strings.Contains(string(out), "3000 4xx") {
		t.Errorf("h2load says\n%s", out)
	}
}
