package app

import (
	"bytes"
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// usher runs a command as the shell does, with an empty environment and no configuration file but the one named.
func usher(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Chdir(t.TempDir())
	var out, errs bytes.Buffer
	code = Main(args, nil, &out, &errs)
	return code, out.String(), errs.String()
}

func TestExitCodes(t *testing.T) {
	for _, tc := range []struct {
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{[]string{}, exitOK, "serve", ""},
		{[]string{"help", "serve"}, exitOK, "--listen", ""},
		{[]string{"version"}, exitOK, "usher ", ""},
		{[]string{"completion", "bash"}, exitOK, "__start_usher", ""},
		{[]string{"srve"}, exitUsage, "", `unknown command "srve"`},
		{[]string{"serve", "now"}, exitUsage, "", `unknown command "now"`},
		{[]string{"serve", "--lisen", "x"}, exitUsage, "", "unknown flag: --lisen"},
		{[]string{"demo", "--for", "soon"}, exitUsage, "", "invalid argument"},
		{[]string{"config", "print", "--set", "http.lisen=x"}, exitUsage, "", "http.lisen is not a known key (--set): did you mean http.listen?"},
		{[]string{"config", "print", "--set", "http.listen"}, exitUsage, "", "--set http.listen is not key=value: such as"},
		{[]string{"serve", "--config", "/none.yaml"}, exitUsage, "", "fix: check the path"},
		{[]string{"config", "print", "--listen", "127.0.0.1:9"}, exitOK, "--listen", ""},
		{[]string{"healthcheck", "--listen", "127.0.0.1:1"}, exitFailed, "", "usher does not answer on 127.0.0.1:1"},
	} {
		code, stdout, stderr := usher(t, tc.args...)
		if code != tc.code || !strings.Contains(stdout, tc.stdout) || !strings.Contains(stderr, tc.stderr) {
			t.Errorf("%v: %d\n%s\n%s", tc.args, code, stdout, stderr)
		}
		if tc.code == exitOK && stderr != "" || tc.code != exitOK && stdout != "" {
			t.Errorf("%v: answers belong to stdout, faults to stderr: %q, %q", tc.args, stdout, stderr)
		}
	}
}

func TestKeysSecretFitsAccessKeys(t *testing.T) {
	_, first, _ := usher(t, "keys", "secret")
	_, second, _ := usher(t, "keys", "secret")
	if first == second {
		t.Fatal("the same secret twice")
	}
	load(t, "access:\n  keys:\n    - {name: a, rights: [send], secret: "+strings.TrimSpace(first)+"}\n")
}

func TestKeysVapidIsAPair(t *testing.T) {
	_, out, _ := usher(t, "keys", "vapid")
	m := regexp.MustCompile(`^vapid_private_key: (\S+)\napplicationServerKey: (\S+)\n$`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("printed %q", out)
	}
	private, err := base64.RawURLEncoding.DecodeString(m[1])
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdh.P256().NewPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	if got := base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()); got != m[2] {
		t.Errorf("the public key is %s, printed %s", got, m[2])
	}
}

func TestDoctorTellsWhatIsWrong(t *testing.T) {
	code, stdout, _ := usher(t, "doctor", "--json", "--listen", "127.0.0.1:0", "--data-dir", t.TempDir()+"/not/yet")
	var found []Finding
	if err := json.Unmarshal([]byte(stdout), &found); err != nil || code != exitOK || len(found) != 19 {
		t.Errorf("%d %s, %v", code, stdout, err)
	}
	code, stdout, stderr := usher(t, "doctor", "--listen", ":0", "--data-dir", "/dev/null/x",
		"--set", "database.url=postgres://127.0.0.1:1/x", "--set", "redis.url=redis://127.0.0.1:1")
	for _, want := range []string{"FAIL  data", "FAIL  database", "FAIL  queue", "ok    http", "FAIL  sign-in", "identity.providers"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	if code != exitFailed || stderr == "" {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}
