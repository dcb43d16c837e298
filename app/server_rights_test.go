package app

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/identity"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

// rightsFile is the one table of every route's right. The test below asks the
// running house and compares.
const rightsFile = "../docs/rights.md"

// askers are all the kinds of callers there are, in the order of the table.
var askers = []string{"owner", "admin", "staff", "scanner", "customer", "app token", "key: listen", "key: send", "key: manage", "key: scan", "nobody"}

// holders says again, apart from identity/right.go, who holds which right: a slip in
// one of the two is a test that fails.
var holders = map[web.Right][]string{
	web.Public: askers,
	web.Self:   {"owner", "admin", "staff", "scanner", "customer", "app token"},
	web.Listen: {"owner", "admin", "staff", "app token", "key: listen", "key: send", "key: manage"},
	web.Send:   {"owner", "admin", "staff", "key: send", "key: manage"},
	web.Manage: {"owner", "admin", "key: manage"},
	web.Scan:   {"owner", "admin", "staff", "scanner", "key: scan"},
	web.Staff:  {"owner", "admin", "staff"},
	web.Admin:  {"owner", "admin"},
	web.Owner:  {"owner"},
}

// throng is a real house with one caller of each kind at its door.
type throng struct {
	t      *testing.T
	d      *db.DB
	u      *Usher
	people map[string]string // id by role
	bearer map[string]string // secret by kind of machine
}

func newThrong(t *testing.T) *throng {
	t.Helper()
	return newThrongLogging(t, quiet())
}

// newThrongLogging is newThrong with a log that the test reads.
func newThrongLogging(t *testing.T, log *slog.Logger) *throng {
	t.Helper()
	cfg := load(t, "http: {listen: '127.0.0.1:0'}\nlimits: {per_second: 100000, burst: 100000}\n").Config
	cfg.Database.URL, cfg.DataDir = dbtest.URL(t), t.TempDir()
	u, err := New(t.Context(), cfg, log)
	t.Cleanup(u.Close)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.server.listener.Close() })
	d, err := db.Open(t.Context(), cfg.Database, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	th := &throng{t: t, d: d, u: u, people: map[string]string{}, bearer: map[string]string{"app token": "token-of-an-app"}}
	for _, role := range askers[:5] {
		th.people[role] = id.New().String()
		th.exec(`INSERT INTO identity.person (id, role, created_at) VALUES ($1, $2, now())`, th.people[role], role)
	}
	th.renewToken()
	for _, right := range []web.Right{web.Listen, web.Send, web.Manage} {
		th.in(func(tx *db.Tx) error {
			k, err := u.people.CreateKey(tx, identity.KeyDraft{Name: string(right), Right: right})
			th.bearer["key: "+string(right)] = k.Secret
			return err
		})
	}
	th.in(func(tx *db.Tx) error {
		e, err := u.people.StartEnrolment(tx, identity.ScannerDraft{Name: "gate", Event: "summer"})
		if err != nil {
			return err
		}
		k, err := u.people.EnrolScanner(tx, e.Code)
		th.bearer["key: scan"] = k.Secret
		return err
	})
	return th
}

func (th *throng) exec(sql string, args ...any) {
	th.t.Helper()
	if _, err := th.d.Pool().Exec(th.t.Context(), sql, args...); err != nil {
		th.t.Fatal(err)
	}
}

func (th *throng) in(fn func(tx *db.Tx) error) {
	th.t.Helper()
	if err := th.d.InTx(th.t.Context(), fn); err != nil {
		th.t.Fatal(err)
	}
}

// renewToken gives the app a living token again, under the same secret.
func (th *throng) renewToken() {
	th.t.Helper()
	family, hash := id.New(), sha256.Sum256([]byte(th.bearer["app token"]))
	th.exec(`DELETE FROM identity.token_family`)
	th.exec(`INSERT INTO identity.token_family (id, person_id, provider, created_at, expires_at) VALUES ($1, $2, 'x', now(), now() + interval '1 hour')`, family, th.people["customer"])
	th.exec(`INSERT INTO identity.token (secret, family_id, kind, expires_at) VALUES ($1, $2, 'access', now() + interval '1 hour')`, hash[:], family)
}

// knock asks a route as one kind of caller and reports whether the guard let it in.
// People and their apps come with a fresh session or token each time: some routes end it.
func (th *throng) knock(method, path, asker string) bool {
	th.t.Helper()
	closing := make(chan struct{})
	close(closing) // a live stream ends at once
	req := httptest.NewRequestWithContext(web.WithClosing(th.t.Context(), closing), method, path, strings.NewReader(""))
	req.Host, req.RemoteAddr = "localhost:8080", "127.0.0.1:4711"
	switch person, isPerson := th.people[asker]; {
	case isPerson:
		th.in(func(tx *db.Tx) error {
			secret, err := th.u.people.OpenSession(tx, identity.Opening{Person: person, Provider: "test"})
			req.AddCookie(&http.Cookie{Name: th.u.people.SessionCookie(), Value: secret})
			return err
		})
	case asker == "app token":
		th.renewToken()
		fallthrough
	case th.bearer[asker] != "":
		req.Header.Set("Authorization", "Bearer "+th.bearer[asker])
	}
	rec := httptest.NewRecorder()
	th.u.server.http.Handler.ServeHTTP(rec, req)
	body := rec.Body.String()
	if asker == "nobody" {
		return rec.Code != http.StatusUnauthorized || !strings.Contains(body, "you have not said who you are")
	}
	if strings.Contains(body, "is not known here") {
		th.t.Errorf("%s %s: the %s has become a stranger: %s", method, path, asker, body)
	}
	return rec.Code != http.StatusForbidden || !strings.Contains(body, "you may not do this: it needs the right")
}

// rightOf is the right whose holders are exactly those who were let in.
func rightOf(let []string) (web.Right, bool) {
	for _, right := range everyRight {
		if slices.Equal(let, holders[right]) {
			return right, true
		}
	}
	return "", false
}

// inPath stands for a path's parameters: an id of nothing.
const inPath = "01980c00-0000-7000-8000-000000000007"

func concrete(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, ":") {
			parts[i] = inPath
		}
	}
	return strings.ReplaceAll(strings.Join(parts, "/"), "*", "nothing")
}

// TestGoldenRights asks every route of the real house as every kind of caller, and
// compares who was let in with docs/rights.md. A route that is not in the file, one
// that lets in others than its right's holders, and one of no known right fail it. To
// accept a change: go test ./app -run GoldenRights -update
func TestGoldenRights(t *testing.T) {
	th := newThrong(t)
	e, ok := th.u.server.http.Handler.(*echo.Echo)
	if !ok {
		t.Fatalf("the server's handler is %T", th.u.server.http.Handler)
	}
	var rows []string
	asked, leaks := 0, 0
	for _, r := range e.Routes() {
		var let []string
		for _, asker := range askers {
			if asked++; th.knock(r.Method, concrete(r.Path), asker) {
				let = append(let, asker)
			}
		}
		right, known := rightOf(let)
		if !known {
			leaks++
			t.Errorf("%s %s lets in %s: these are the holders of no right", r.Method, r.Path, strings.Join(let, ", "))
		}
		rows = append(rows, rightsRow(r.Method, r.Path, right, let))
	}
	slices.SortFunc(rows, func(a, b string) int { return strings.Compare(routeOf(a), routeOf(b)) })
	t.Logf("%d routes × %d callers = %d requests, %d leaks", len(rows), len(askers), asked, leaks)
	if webtest.Updating() && leaks == 0 {
		if err := os.WriteFile(rightsFile, []byte(rightsHead+strings.Join(rows, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(rightsFile)
	if err != nil {
		t.Fatal(err)
	}
	compareRights(t, rows, strings.SplitAfter(strings.TrimPrefix(string(want), rightsHead), "\n"))
}

func compareRights(t *testing.T, rows, want []string) {
	t.Helper()
	for _, row := range rows {
		if !slices.Contains(want, row) {
			t.Errorf("%s has no such entry in %s; what the house says is\n%s", routeOf(row), rightsFile, row)
		}
	}
	for _, row := range want {
		if row != "" && !slices.Contains(rows, row) {
			t.Errorf("%s says what the house does not:\n%s", rightsFile, row)
		}
	}
}

// routeOf is the path and method of a row, by which rows are sorted.
func routeOf(row string) string {
	cells := strings.Split(row, " | ")
	return cells[1] + " " + strings.TrimPrefix(cells[0], "| ")
}

func rightsRow(method, path string, right web.Right, let []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | `%s` | %s |", method, path, right)
	for _, asker := range askers {
		mark := "–"
		if slices.Contains(let, asker) {
			mark = "✓"
		}
		b.WriteString(" " + mark + " |")
	}
	return b.String() + "\n"
}

var rightsHead = "# Who may call what\n\n" +
	"`TestGoldenRights` (app/server_rights_test.go) asks every mounted route as every kind of caller, through the real guard, and\n" +
	"fails when this table says otherwise. `make golden` writes it anew. ✓: the guard lets the caller in. What a route then\n" +
	"gives is narrower still: a key keeps to its app and event, a person to what is theirs.\n\n" +
	"| method | path | right | " + strings.Join(askers, " | ") + " |\n" +
	"|---|---|---|" + strings.Repeat("---|", len(askers)) + "\n"

// A key or session that is worth nothing is worth as much as none.
func TestWorthlessCredentialsOpenNothing(t *testing.T) {
	th := newThrong(t)
	e := th.u.server.http.Handler
	old := time.Now().Add(-100 * 24 * time.Hour)
	th.exec(`UPDATE identity.key SET revoked_at = now() WHERE name = 'manage'`)
	th.exec(`UPDATE identity.key SET expires_at = $1 WHERE name = 'send'`, old)
	th.exec(`UPDATE identity.token SET expires_at = $1`, old)
	for what, secret := range map[string]string{"revoked": th.bearer["key: manage"], "expired": th.bearer["key: send"], "an old token": th.bearer["app token"],
		"a guess": identity.NewKeySecret(), "nonsense": "x"} {
		req := httptest.NewRequest(http.MethodGet, "/v1/apps", nil)
		req.Header.Set("Authorization", "Bearer "+secret)
		rec := httptest.NewRecorder()
		if e.ServeHTTP(rec, req); rec.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", what, rec.Code, rec.Body)
		}
	}
}
