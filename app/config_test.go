package app

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// file writes a configuration and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load reads a configuration that must be right; other tests of this package use it too.
func load(t *testing.T, yaml string, flags ...Flag) *Loaded {
	t.Helper()
	l, err := LoadConfig(Sources{File: file(t, yaml), Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLaterSourcesWin(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("redis://:hunter2@cache:6379/0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := file(t, "http:\n  listen: 127.0.0.1:1\n  read_timeout: 5s\nlog:\n  level: debug\n  format:\n")
	l, err := LoadConfig(Sources{
		File: path,
		Environ: []string{
			"HOME=/root", "DATABASE_URL=postgres://custom/x", "USHER_DATABASE_URL=postgres://own/x", "REDIS_URL_FILE=" + secret,
			"USHER_LOG_LEVEL=warn", "USHER_HTTP_LISTEN=127.0.0.1:2", "USHER_HTTP_TRUSTED_PROXIES=10.0.0.0/8, fd00::/8",
			`USHER_ACCESS_KEYS=[{name: till, secret: 0123456789012345678901, rights: [send]}]`,
		},
		Flags: []Flag{{"--listen", "http.listen", "127.0.0.1:3"}, {"--set", "hub.expiry", "2h"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		path, origin string
		got, want    any
	}{
		{"http.listen", "--listen", l.HTTP.Listen, "127.0.0.1:3"},
		{"http.read_timeout", path + ":3", l.HTTP.ReadTimeout, 5 * time.Second},
		{"http.write_timeout", "default", l.HTTP.WriteTimeout, time.Minute},
		{"log.level", "USHER_LOG_LEVEL", l.Log.Level, "warn"},
		{"log.format", "default", l.Log.Format, "text"},
		{"database.url", "USHER_DATABASE_URL", l.Database.URL, "postgres://own/x"},
		{"redis.url", "REDIS_URL_FILE", l.Redis.URL, "redis://:hunter2@cache:6379/0"},
		{"http.trusted_proxies", "USHER_HTTP_TRUSTED_PROXIES", strings.Join(l.HTTP.TrustedProxies, " "), "10.0.0.0/8 fd00::/8"},
		{"hub.expiry", "--set", l.Hub.Expiry, 2 * time.Hour},
		{"hub.services.connections", "default", l.Hub.Services.Connections, 4},
		{"access.keys", "USHER_ACCESS_KEYS", l.Access.Keys[0].Name + " " + l.Access.Keys[0].Rights[0], "till send"},
	} {
		if tc.got != tc.want || l.Origin(tc.path) != tc.origin {
			t.Errorf("%s is %v from %s, want %v from %s", tc.path, tc.got, l.Origin(tc.path), tc.want, tc.origin)
		}
	}
}

func TestDefaultsAreValid(t *testing.T) {
	l, err := LoadConfig(Sources{File: file(t, "# nothing\n")})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(l.Config, Defaults()) {
		t.Errorf("nothing configured gives\n%+v, want\n%+v", l.Config, Defaults())
	}
}

func TestEveryFaultIsReportedAtOnce(t *testing.T) {
	path := file(t, `http:
  lisen: 127.0.0.1:1
  read_timeout: 30
  tls:
    cert_file: x
hub:
  chunk_size: many
  expiry: 1s
  flush_size: 1.5
database:
  max_conns: 2
level: debug
log: 3
access:
  keys:
    - {name: a, secret: short, rights: [send, fly]}
    - {name: a, secret: "0123456789012345678901", rights: []}
colour: 1
log:
  level: loud
`)
	_, err := LoadConfig(Sources{File: path,
		Environ: []string{"USHER_HTTP_LISTENN=x", "USHER_DATABASE_URL_FILE=/none", "USHER_LOG_FORMAT=xml"},
		Flags:   []Flag{{"--set", "hub.in_fligt", "1"}}})
	if !fault.Is(err, fault.Invalid) {
		t.Fatalf("got %v", err)
	}
	var got strings.Builder
	for _, f := range fieldsOf(err) {
		got.WriteString(f.Name + " " + strings.ReplaceAll(f.Problem, path, "FILE") + " | " + f.Fix + "\n")
	}
	for _, want := range []string{
		"http.lisen is not a known key (FILE:2) | did you mean http.listen?",
		"http.read_timeout must be a duration with its unit such as 30s or 5m, not \"30\" (FILE:3) | ",
		"http.tls has one of cert_file and key_file | give both or none",
		"hub.chunk_size must be a whole number, not \"many\" (FILE:7) | ",
		"hub.flush_size must be a whole number, not \"1.5\" (FILE:9) | ",
		"hub.expiry is 1s (FILE:8) | at least 1m",
		"database.max_conns must be at least 4 (FILE:11) | ",
		"level is not a known key (FILE:12) | did you mean log.level?",
		"log is a section, not a value (FILE:13) | put its keys below it, indented",
		"access.keys[1].name is the name of another key too | give each machine its own",
		"access.keys[0].secret must have at least 20 characters | ",
		"access.keys[0].rights[1] must be one of listen, send, manage | ",
		"access.keys[1].rights must have at least 1 entries | ",
		"colour is not a known key (FILE:18) | remove it; `usher config print` lists every key",
		"log is given twice (FILE:19 and line 13) | keep one",
		"USHER_HTTP_LISTENN sets no known key (environment) | did you mean USHER_HTTP_LISTEN?",
		"database.url cannot be read from the file that USHER_DATABASE_URL_FILE names | check the path and its permissions",
		"log.format must be one of text, json (USHER_LOG_FORMAT) | ",
		"hub.in_fligt is not a known key (--set) | did you mean hub.in_flight?",
	} {
		if !strings.Contains(got.String(), want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
	if t.Failed() {
		t.Log(got.String())
	}
}

func TestListEntriesAreStrict(t *testing.T) {
	_, err := LoadConfig(Sources{File: file(t, "access:\n  keys:\n    - {name: a, secrt: x}\n")})
	if f := fieldsOf(err); len(f) == 0 || f[0].Name != "access.keys" || !strings.Contains(f[0].Problem, ":2)") || !strings.Contains(f[0].Fix, "secret") {
		t.Errorf("got %v", err)
	}
}

func TestConfigFileMustBeReadable(t *testing.T) {
	for name, src := range map[string]Sources{
		"missing but asked for": {File: "/none/config.yaml"},
		"missing, by variable":  {Environ: []string{"USHER_CONFIG=/none/config.yaml"}},
		"not YAML":              {File: file(t, "a: [")},
		"a list":                {File: file(t, "- a\n")},
	} {
		if _, err := LoadConfig(src); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPrintRedactsSecrets(t *testing.T) {
	l := load(t, "database:\n  url: postgres://u:canary@h/x\naccess:\n  keys:\n    - {name: till, secret: canary-canary-canary, rights: [send]}\nseal:\n  key: canary\n",
		Flag{"--set", "redis.url", "redis://:canary@h"})
	var b bytes.Buffer
	if err := l.Print(&b, true); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "canary") {
		t.Errorf("a secret is shown:\n%s", &b)
	}
	for _, want := range []string{`database.url +\(redacted\) +.*:2 +USHER_DATABASE_URL`, `access.keys +\(1, redacted\)`, `redis.url +\(redacted\) +--set`, `http.listen +127.0.0.1:8080 +default`} {
		if !regexp.MustCompile(want).Match(b.Bytes()) {
			t.Errorf("no %s in\n%s", want, &b)
		}
	}
}

// One long value does not make every line as long as it is.
func TestPrintPadsNoMoreThanItMust(t *testing.T) {
	l := load(t, "http:\n  trusted_proxies: ["+strings.Repeat("10.0.0.0/8, ", 40)+"10.0.0.0/8]\n")
	var b bytes.Buffer
	if err := l.Print(&b, false); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if regexp.MustCompile(` {60}`).MatchString(line) {
			t.Errorf("%q", line)
		}
	}
}

func TestVariablesAreUnambiguous(t *testing.T) {
	seen := map[string]string{configEnv: "the file"}
	for path, k := range newKeyring() {
		if other, twice := seen[k.env()]; twice {
			t.Errorf("%s sets %s and %s", k.env(), path, other)
		}
		seen[k.env()] = path
	}
	for env, path := range seen { // X_FILE must not be both a key and the file of key X
		if other, clash := seen[strings.TrimSuffix(env, "_FILE")]; clash && strings.HasSuffix(env, "_FILE") {
			t.Errorf("%s sets %s and is the file of %s", env, path, other)
		}
	}
}

// The file we ship documents every key: uncommented, it must be known and equal
// the default.
func TestShippedConfigNamesEveryKey(t *testing.T) {
	data, err := os.ReadFile("../config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LoadConfig(Sources{File: "../config.yaml"}); err != nil {
		t.Errorf("as shipped: %v", err)
	}
	for _, k := range newKeyring().paths() {
		name := k[strings.LastIndex(k, ".")+1:]
		if !regexp.MustCompile(`(?m)^ *# ` + name + `:`).Match(data) {
			t.Errorf("config.yaml does not show %s", k)
		}
	}
}
