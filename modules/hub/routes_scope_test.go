package hub

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// callers lets each caller do what its rights say; its name stands in a header.
type callers map[string]struct {
	web.Caller
	manage bool
}

func (g callers) Allow(c echo.Context, r web.Right) error {
	who, ok := g[c.Request().Header.Get("Who")]
	if !ok || r == web.Manage && !who.manage {
		return fault.E("test", fault.Forbidden, "no", nil)
	}
	c.SetRequest(c.Request().WithContext(web.WithCaller(c.Request().Context(), who.Caller)))
	return nil
}

// asked calls the API as one of the callers.
func asked(t *testing.T, r *rig, who, method, path, body string) (int, string) {
	t.Helper()
	e := echo.New()
	e.HTTPErrorHandler = web.ErrorHandler(slog.New(slog.DiscardHandler), nil)
	guard := callers{
		"office":  {web.Caller{Name: "key:office"}, true},
		"device":  {web.Caller{Name: "key:device"}, false},
		"scoped":  {web.Caller{Name: "key:scoped", App: "festival"}, true},
		"till":    {web.Caller{Name: "key:till", Event: "summer"}, true},
		"ana":     {web.Caller{Name: "token:ana", Person: "ana"}, false},
		"another": {web.Caller{Name: "key:another", App: "another"}, true},
	}
	web.Mounter{Echo: e, Guard: guard}.Routes(r.Routes()...)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // of a stream that should have been refused
	defer cancel()
	req := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	req.Header.Set("Who", who)
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	return rec.Code, rec.Body.String()
}

// Every route of the hub keeps a key to its own app, and an event's key out.
func TestAKeyKeepsToItsApp(t *testing.T) {
	r := newRig(t)
	r.phone(push.APNs, 1, "")
	n := r.send(hello)
	if status, body := asked(t, r, "office", "PUT", "/v1/apps/another", `{"name":"Another"}`); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	fill := strings.NewReplacer(":app", "festival", ":id", n.ID.String(), ":installation", "apns-1", ":service", "apns", ":name", "alert")
	for _, route := range r.Routes() {
		path := fill.Replace(route.Path)
		if strings.HasPrefix(route.Path, "/v1/transfers/:id") {
			continue // TestAKeySeesItsOwnTransfersOnly
		}
		for _, who := range []string{"another", "till"} {
			for _, query := range []string{"?app=festival", ""} {
				if query == "" && !strings.Contains(route.Path, ":app") && !strings.HasPrefix(route.Path, "/v1/notifications/:id") && who == "another" {
					continue // names no app: it is about the key's own
				}
				want := http.StatusForbidden
				if query != "" && !slices.ContainsFunc(route.Doc.Query, func(q string) bool { return q == "app" || strings.HasPrefix(q, "app: ") }) {
					want = http.StatusBadRequest // it takes no app there, from nobody
				}
				body := `{"app":"festival","name":"x","template":"alert","kind":"fcm_token","handle":"h"}`
				if status, got := asked(t, r, who, route.Method, path+query, body); status != want {
					t.Errorf("%s %s %s: %d %s", who, route.Method, path+query, status, got)
				}
			}
		}
	}
	for _, path := range []string{"/v1/apps/festival", "/v1/notifications", "/v1/notifications/" + n.ID.String(), "/v1/installations", "/v1/installations/apns-1", "/v1/templates"} {
		if status, body := asked(t, r, "scoped", "GET", path, ""); status != http.StatusOK {
			t.Errorf("its own %s: %d %s", path, status, body)
		}
	}
	if status, body := asked(t, r, "another", "GET", "/v1/notifications", ""); status != http.StatusOK || strings.Contains(body, n.ID.String()) {
		t.Errorf("a list without an app shows another's: %d %s", status, body)
	}
	if status, body := asked(t, r, "another", "POST", "/v1/notifications", `{"app":"festival","template":"alert"}`); status != http.StatusForbidden {
		t.Errorf("an app in the body: %d %s", status, body)
	}
}

func TestAKeySeesItsOwnTransfersOnly(t *testing.T) {
	r := newRig(t)
	done, err := r.Import(t.Context(), "festival", "ndjson", strings.NewReader(""), 0, func(Transfer) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.CreateApp(t.Context(), App{ID: "another", Name: "Another"}); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]int{"scoped": 200, "office": 200, "another": 403, "till": 403} {
		if status, body := asked(t, r, who, "GET", fmt.Sprint("/v1/transfers/", done.ID), ""); status != want {
			t.Errorf("%s: %d %s", who, status, body)
		}
	}
}

// Whose an installation is: the token's person; else whom it belonged to; else who may manage says.
func TestWhoseAnInstallationIs(t *testing.T) {
	r := newRig(t)
	put := func(who, user string) int {
		body := `{"kind":"fcm_token","handle":"handle-7"}`
		if user != "" {
			body = `{"kind":"fcm_token","handle":"handle-7","user":"` + user + `"}`
		}
		status, _ := asked(t, r, who, "PUT", "/v1/installations/seven", body)
		return status
	}
	for _, tc := range []struct {
		who, says string
		status    int
		user      string
	}{
		{"device", "", 201, ""},
		{"device", "ana", 403, ""},
		{"ana", "", 200, "ana"},
		{"ana", "ana", 200, "ana"},
		{"ana", "eve", 403, "ana"},
		{"device", "", 200, "ana"}, // a restart before the token was there
		{"office", "eve", 200, "eve"},
		{"device", "", 200, "eve"},
		{"office", "", 200, ""},
	} {
		status := put(tc.who, tc.says)
		in, err := r.Installation(t.Context(), "festival", "seven")
		if err != nil || status != tc.status || in.User != tc.user {
			t.Errorf("%s says %q: %d, it is %q's, %v; want %d %q", tc.who, tc.says, status, in.User, err, tc.status, tc.user)
		}
	}
}
