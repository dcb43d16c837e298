package app

import (
	"archive/zip"
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/web"
)

// canaries are secrets and names of every sort. Where one sings, something leaks.
var canaries = map[string]string{
	"e-mail": "canary.person@mail.usher.example",
	"handle": strings.Repeat("c4a7a12e", 8),
	"token":  "cAnAry-tOken-0123456789-abcdefghijklmnopqrstuvwxyz",
	"key":    "usher_canarykey0123456789abcdefghijklmnopqrstuv",
	"secret": "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5",
}

func singing(text string) (found []string) {
	for what, canary := range canaries {
		if strings.Contains(text, canary) {
			found = append(found, what)
		}
	}
	return found
}

// lockedBuffer is a log that goroutines may write to while it is read.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// bodies hold canaries where people put such things, well formed and not.
func canaryBodies() map[string]string {
	c := canaries
	json := `{"email":"` + c["e-mail"] + `","handle":"` + c["handle"] + `","token":"` + c["token"] + `","refresh_token":"` + c["token"] + `","id_token":"` + c["token"] + `",
		"secret":"` + c["secret"] + `","key_pem":"` + c["secret"] + `","code":"` + c["token"] + `","app":"a","buyer":{"email":"` + c["e-mail"] + `","name":"` + c["e-mail"] + `"},"name":"` + c["key"] + `"}`
	form := "email=" + c["e-mail"] + "&secret=" + c["secret"] + "&token=" + c["token"] + "&handle=" + c["handle"] + "&code=" + c["token"]
	return map[string]string{"application/json": json, "application/json; charset=utf-8": json[:len(json)-9], "application/x-www-form-urlencoded": form, "text/csv": "email,handle\n" + c["e-mail"] + "," + c["handle"] + "\n"}
}

// TestLogsHoldNoSecrets asks every mounted route with canaries in its path, query, headers,
// cookies and body, as a stranger, an owner and a machine, and reads the whole log, at its most talkative.
func TestLogsHoldNoSecrets(t *testing.T) {
	var log lockedBuffer
	th := newThrongLogging(t, slog.New(redacting{slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})}))
	for who, secret := range th.bearer {
		if who != "app token" {
			canaries["the key of "+who] = secret
		}
	}
	t.Cleanup(func() {
		for who := range th.bearer {
			delete(canaries, "the key of "+who)
		}
	})
	asked := 0
	for _, r := range th.u.server.http.Handler.(*echo.Echo).Routes() {
		path := r.Path
		for part := range strings.SplitSeq(r.Path, "/") {
			if strings.HasPrefix(part, ":") {
				path = strings.Replace(path, part, canaries["token"], 1)
			}
		}
		query := "?email=" + canaries["e-mail"] + "&token=" + canaries["token"] + "&quote=" + canaries["token"] + "&code=" + canaries["token"] + "&state=" + canaries["token"] + "&q=" + canaries["e-mail"] + "&tags=" + canaries["handle"]
		for media, body := range canaryBodies() {
			if r.Method == "GET" && media != "application/json" {
				continue
			}
			for _, bearer := range []string{canaries["key"], th.bearer["key: manage"]} {
				th.sing(r.Method, path+query, media, body, bearer)
				asked++
			}
		}
	}
	for line := range strings.Lines(log.String()) {
		if found := singing(line); len(found) > 0 {
			t.Errorf("the log tells %s: %.600s", strings.Join(found, ", "), line)
		}
	}
	if lines := strings.Count(log.String(), "\n"); lines < asked {
		t.Errorf("%d lines for %d requests: the log was not listened to", lines, asked)
	}
	t.Logf("%d requests", asked)
}

func (th *throng) sing(method, path, media, body, bearer string) {
	th.t.Helper()
	closing := make(chan struct{})
	close(closing)
	req := httptest.NewRequestWithContext(web.WithClosing(th.t.Context(), closing), method, "http://localhost:8080"+path, strings.NewReader(body))
	req.RemoteAddr = "127.0.0.1:4711"
	req.Header.Set("Content-Type", media)
	req.Header.Set("Authorization", "Bearer "+bearer)
	req.Header.Set("Idempotency-Key", canaries["token"])
	req.Header.Set("Stripe-Signature", canaries["secret"])
	req.Header.Set("Usher-Pass", canaries["token"])
	req.Header.Set("User-Agent", "app of "+canaries["e-mail"])
	req.Header.Set("Referer", "http://localhost:8080/o/"+canaries["token"])
	req.AddCookie(&http.Cookie{Name: th.u.people.SessionCookie(), Value: canaries["token"]})
	defer func() {
		if r := recover(); r != nil && r != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
			th.t.Errorf("%s %s: %v", method, path, r)
		}
	}()
	th.u.server.http.Handler.ServeHTTP(httptest.NewRecorder(), req)
}

// An error is redacted wherever it is handed to the logger.
func TestErrorsAreRedactedInEveryAttribute(t *testing.T) {
	var log bytes.Buffer
	l := slog.New(redacting{slog.NewJSONHandler(&log, nil)})
	said := "cannot send to " + canaries["e-mail"]
	l.Info("here", "error", said)
	l.With("error", said).Info("carried along")
	if found := singing(log.String()); len(found) > 0 || strings.Count(log.String(), "cannot send to") != 2 {
		t.Errorf("%v in %s", found, &log)
	}
}

// A support bundle tells how the house is, and no secret, although the log it is given
// and the configuration are full of them.
func TestSupportBundleHoldsNoSecrets(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "usher.log")
	var text strings.Builder
	for what, canary := range canaries {
		text.WriteString(`time=2026-11-26T01:00:00Z level=ERROR msg="it failed" ` + what + `="` + canary + `" url=postgres://usher:` + canary + "@db/x Authorization: Bearer " + canary + " http://x/o/" + canary + "\n")
	}
	if err := os.WriteFile(log, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "bundle.zip")
	code, out, errs := usher(t, "support", file, "--log", log, "--data-dir", filepath.Join(dir, "none"), "--listen", "127.0.0.1:1",
		"--set", "database.url=postgres://usher:"+canaries["token"]+"@127.0.0.1:1/x", "--set", "access.keys=[{name: t, rights: [manage], secret: "+canaries["key"]+"}]",
		"--set", "mail.from="+canaries["e-mail"])
	if code != exitOK {
		t.Fatal(code, out, errs)
	}
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	parts := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if parts[f.Name] = string(b); len(singing(string(b))) > 0 {
			t.Errorf("%s tells %v:\n%.1500s", f.Name, singing(string(b)), b)
		}
	}
	for name, want := range map[string]string{"version.txt": "usher ", "config.txt": "http.listen", "doctor.json": `"name": "disk"`, "metrics.txt": "does not answer", "log.txt": "it failed"} {
		if !strings.Contains(parts[name], want) {
			t.Errorf("%s has no %q:\n%.500s", name, want, parts[name])
		}
	}
}
