package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/usherhq/usher/modules/identity"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// doorman knows secrets by heart. What the rights of keys and roles are is identity's
// own test.
type doorman map[string]identity.Asking

func (d doorman) Authenticate(_ context.Context, shown identity.Shown) (identity.Asking, error) {
	if a, ok := d[shown.Bearer+shown.Session]; ok {
		return a, nil
	}
	return identity.Asking{}, fault.E("test", fault.Unauthenticated, "who are you?", nil)
}

func (doorman) SessionCookie() string { return "usher" }

const (
	listenSecret = "listen-secret-0123456789"
	manageSecret = "manage-secret-0123456789"
	staffSecret  = "staff-secret-01234567890"
)

var someDoor = doorman{
	listenSecret: {Caller: web.Caller{Name: "key:phone"}, Rights: []web.Right{web.Listen}},
	manageSecret: {Caller: web.Caller{Name: "key:till"}, Rights: []web.Right{web.Listen, web.Send, web.Manage}},
	staffSecret:  {Caller: web.Caller{Name: "person:ana", Person: "ana"}, Rights: []web.Right{web.Self, web.Staff}},
}

var everyRight = []web.Right{web.Public, web.Listen, web.Send, web.Manage, web.Scan, web.Self, web.Staff, web.Admin, web.Owner}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func says(c echo.Context) error {
	return c.String(http.StatusOK, "hello "+web.Actor(c.Request().Context()))
}

// site has one route for each right.
func site(checks ...Check) Site {
	s := Site{Metrics: NewMetrics(), Door: someDoor, Clock: clock.System{}, Checks: checks}
	for _, right := range everyRight {
		s.Routes = append(s.Routes, web.Route{Method: "GET", Path: "/v1/" + string(right), Right: right, Handler: says})
	}
	return s
}

func mounted(t *testing.T, yaml string, s Site) *echo.Echo {
	t.Helper()
	e, err := newEcho(load(t, yaml).Config, s, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// ask calls as a program on this machine does; headers are pairs, Host and Peer are not true headers.
func ask(e http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, path, nil)
	req.RemoteAddr, req.Host = "127.0.0.1:4711", "localhost:8080"
	for i := 0; i < len(headers); i += 2 {
		switch headers[i] {
		case "Host":
			req.Host = headers[i+1]
		case "Peer":
			req.RemoteAddr = headers[i+1]
		default:
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	return rec
}

// Nothing that a request says of where it comes from opens a door: there is no
// trust in this machine, in a name, or in what a proxy adds.
func TestNothingButASecretCounts(t *testing.T) {
	for _, yaml := range []string{"", "http: {public_url: https://tickets.example.org}\n", "http: {trusted_proxies: [127.0.0.0/8]}\n"} {
		e := mounted(t, yaml, site())
		for _, headers := range [][]string{
			nil,
			{"Peer", "[::1]:4711", "Host", "[::1]:8080"},
			{"Host", "tickets.example.org"},
			{"Peer", "192.0.2.7:4711", "X-Forwarded-For", "127.0.0.1"},
			{"X-Forwarded-For", "127.0.0.1", "X-Real-Ip", "127.0.0.1", "X-Forwarded-Host", "localhost", "X-Forwarded-Proto", "https"},
			{"Forwarded", "for=127.0.0.1;host=localhost;proto=https"},
			{"Remote-User", "ana", "X-Forwarded-User", "ana"},
		} {
			for _, right := range everyRight {
				want := http.StatusUnauthorized
				if right == web.Public {
					want = http.StatusOK
				}
				if rec := ask(e, "/v1/"+string(right), headers...); rec.Code != want {
					t.Errorf("%q, %v, %s: %d, want %d", yaml, headers, right, rec.Code, want)
				}
			}
		}
	}
}

func TestSecretsOpenWhatTheyMay(t *testing.T) {
	e := mounted(t, "", site())
	for _, tc := range []struct {
		name, header, value string
		right               web.Right
		status              int
		body                string
	}{
		{"nothing", "Authorization", "", web.Listen, 401, ""},
		{"nothing, on a public route", "Authorization", "", web.Public, 200, "hello "},
		{"listen may listen", "Authorization", "Bearer " + listenSecret, web.Listen, 200, "hello key:phone"},
		{"listen is known on public routes", "Authorization", "Bearer " + listenSecret, web.Public, 200, "hello key:phone"},
		{"listen may not send", "Authorization", "Bearer " + listenSecret, web.Send, 403, ""},
		{"manage may manage, whatever the case of the scheme", "Authorization", "bearer " + manageSecret, web.Manage, 200, "hello key:till"},
		{"manage opens nothing of people", "Authorization", "Bearer " + manageSecret, web.Staff, 403, ""},
		{"a guess", "Authorization", "Bearer listen-secret-012345678", web.Listen, 401, ""},
		{"a guess on a public route", "Authorization", "Bearer guess", web.Public, 200, "hello "},
		{"another scheme", "Authorization", "Basic " + listenSecret, web.Listen, 401, ""},
		{"an empty key", "Authorization", "Bearer ", web.Listen, 401, ""},
		{"a session opens pages", "Cookie", "usher=" + staffSecret, web.Staff, 200, "hello person:ana"},
		{"another cookie does not", "Cookie", "usher2=" + staffSecret, web.Staff, 401, ""},
		{"a session without the right", "Cookie", "usher=" + staffSecret, web.Owner, 403, ""},
	} {
		rec := ask(e, "/v1/"+string(tc.right), tc.header, tc.value)
		if rec.Code != tc.status || tc.status == 200 && rec.Body.String() != tc.body {
			t.Errorf("%s: %d %s, want %d %s", tc.name, rec.Code, rec.Body, tc.status, tc.body)
		}
	}
}

// A browser that asks for a page is sent to sign in, and comes back to it; a
// program is told what to send.
func TestPagesAskPeopleToSignIn(t *testing.T) {
	s := site()
	s.Files = fstest.MapFS{
		"templates/layout.html":    {Data: []byte(`{{template "main" .Page}}`)},
		"templates/app/error.html": {Data: []byte(`{{define "main"}}{{.Status}}{{end}}`)},
		"assets/a.css":             {Data: []byte("body{}")},
	}
	for _, method := range []string{"GET", "POST"} {
		s.Pages = append(s.Pages, web.Route{Method: method, Path: "/orders", Right: web.Staff, Handler: says})
	}
	e := mounted(t, "", s)
	for _, tc := range []struct {
		name, path, accept string
		status             int
		location           string
	}{
		{"a browser", "/orders?page=2&x=a%26b", "text/html,*/*", 303, "/sign-in?return=%2Forders%3Fpage%3D2%26x%3Da%2526b"},
		{"a program", "/orders", "application/json", 401, ""},
		{"a browser on the API", "/v1/send", "text/html", 401, ""},
	} {
		rec := ask(e, tc.path, "Accept", tc.accept)
		if rec.Code != tc.status || rec.Header().Get("Location") != tc.location {
			t.Errorf("%s: %d %q", tc.name, rec.Code, rec.Header().Get("Location"))
		}
		if tc.status == 401 && rec.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: answered with %s", tc.name, rec.Header().Get("Content-Type"))
		}
	}
	if rec := ask(e, "/orders", "Accept", "text/html", "Cookie", "usher="+staffSecret); rec.Code != 200 {
		t.Errorf("signed in: %d", rec.Code)
	}
	post := httptest.NewRequest(http.MethodPost, "/orders", nil)
	post.Header.Set("Accept", "text/html")
	rec := httptest.NewRecorder()
	if e.ServeHTTP(rec, post); rec.Code != 401 {
		t.Errorf("what was posted cannot be repeated after signing in: %d", rec.Code)
	}
}

func TestHealthAndReadiness(t *testing.T) {
	var down error
	e := mounted(t, "", site(
		Check{"database", func(context.Context) error { return nil }},
		Check{"queue", func(context.Context) error { return down }}))
	if rec := ask(e, "/readyz"); rec.Code != 200 || rec.Body.String() != `{"status":"ok","checks":[{"name":"database","ok":true},{"name":"queue","ok":true}]}`+"\n" {
		t.Errorf("ready: %d %s", rec.Code, rec.Body)
	}
	for cause, problem := range map[error]string{
		fault.E("x", fault.Transient, "Redis is away", errors.New("canary")): "Redis is away",
		errors.New("canary"): "does not answer",
	} {
		down = cause
		rec := ask(e, "/readyz", "Peer", "192.0.2.7:1")
		if rec.Code != 503 || !strings.Contains(rec.Body.String(), `{"name":"queue","ok":false,"problem":"`+problem+`"}`) || strings.Contains(rec.Body.String(), "canary") {
			t.Errorf("not ready: %d %s", rec.Code, rec.Body)
		}
	}
	if rec := ask(e, "/healthz", "Peer", "192.0.2.7:1"); rec.Code != 200 {
		t.Errorf("health must not depend on the neighbours: %d", rec.Code)
	}
}

func TestMetrics(t *testing.T) {
	s := site()
	s.Metrics = NewMetrics(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "usher_test_lag", Help: "For this test."}, func() float64 { return 7 }))
	e := mounted(t, "", s)
	ask(e, "/v1/send", "Authorization", "Bearer "+manageSecret)
	ask(e, "/no/such/canary")
	if rec := ask(e, "/metrics", "Peer", "192.0.2.7:1"); rec.Code != 401 {
		t.Errorf("metrics for everyone: %d", rec.Code)
	}
	body := ask(e, "/metrics", "Authorization", "Bearer "+manageSecret).Body.String()
	for _, want := range []string{
		`usher_http_request_duration_seconds_count{method="GET",route="/v1/send",status="200"} 1`,
		`usher_http_request_duration_seconds_count{method="GET",route="unmatched",status="404"} 1`,
		"usher_test_lag 7", "go_goroutines",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(body, "canary") {
		t.Error("an address became a label")
	}
}

func TestPagesAssetsAndErrorPage(t *testing.T) {
	s := site()
	s.Files = fstest.MapFS{
		"templates/layout.html":    {Data: []byte(`{{template "main" .Page}}`)},
		"templates/app/error.html": {Data: []byte(`{{define "main"}}<h1>{{.Status}} {{.Detail}}</h1>{{end}}`)},
		"templates/hub/now.html":   {Data: []byte(`{{define "main"}}<link href="{{asset "a.css"}}">{{end}}`)},
		"assets/a.css":             {Data: []byte("body{}")},
	}
	s.Pages = []web.Route{{Method: "GET", Path: "/", Right: web.Staff, Handler: func(c echo.Context) error { return c.Render(200, "hub/now", nil) }}}
	e := mounted(t, "", s)
	page := ask(e, "/", "Cookie", "usher="+staffSecret).Body.String()
	_, href, _ := strings.Cut(page, `href="`)
	href, _, _ = strings.Cut(href, `"`)
	if rec := ask(e, href); rec.Code != 200 || rec.Body.String() != "body{}" {
		t.Errorf("asset %q: %d %s", href, rec.Code, rec.Body)
	}
	if rec := ask(e, "/nowhere", "Accept", "text/html"); rec.Code != 404 || !strings.HasPrefix(rec.Body.String(), "<h1>404 ") {
		t.Errorf("error page: %d %s", rec.Code, rec.Body)
	}
}

func TestServerServesAndStops(t *testing.T) {
	cfg := load(t, "http: {listen: '127.0.0.1:0'}\n").Config
	started, finish := make(chan struct{}), make(chan struct{})
	s := site()
	s.Routes = append(s.Routes, web.Route{Method: "GET", Path: "/slow", Right: web.Public, Handler: func(c echo.Context) error {
		close(started)
		<-finish
		return c.String(200, "finished")
	}}, web.Route{Method: "GET", Path: "/live", Right: web.Public, Timeout: -1, Handler: func(c echo.Context) error {
		return web.Stream(c, func(func(string, any) error) error { <-c.Request().Context().Done(); return nil })
	}})
	server, err := NewServer(cfg, s, quiet())
	if err != nil {
		t.Fatal(err)
	}
	taken := cfg
	taken.HTTP.Listen = strings.TrimPrefix(server.URL(), "http://")
	if _, err := NewServer(taken, s, quiet()); !fault.Is(err, fault.Conflict) {
		t.Errorf("a taken port: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- server.Run(ctx) }()
	if err := askHealth(t.Context(), taken.HTTP); err != nil {
		t.Error(err)
	}
	live, err := http.Get(server.URL() + "/live")
	if err != nil {
		t.Fatal(err)
	}
	defer live.Body.Close()
	slow := make(chan string)
	go func() {
		res, err := http.Get(server.URL() + "/slow")
		if err != nil {
			slow <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		slow <- string(body)
	}()
	<-started
	cancel()
	if _, err := io.ReadAll(live.Body); err != nil { // ends by itself, and well
		t.Errorf("the live stream was cut: %v", err)
	}
	close(finish)
	if got := <-slow; got != "finished" {
		t.Errorf("a request in flight got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if err := askHealth(t.Context(), taken.HTTP); !fault.Is(err, fault.Transient) {
		t.Errorf("health of a stopped server: %v", err)
	}
}
