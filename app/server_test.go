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

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

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

func TestPagesDoNotAdviseCallsOfTheAPI(t *testing.T) {
	p := web.Problem{Fix: "PUT /v1/venue-events/:event says where it does", Errors: []fault.Field{{Name: "a", Fix: "GET /v1/apps lists them"}, {Name: "b", Fix: "digits only"}}}
	told := forPeople(p)
	if told.Fix != "" || told.Errors[0].Fix != "" || told.Errors[1].Fix != "digits only" || p.Errors[0].Fix == "" {
		t.Errorf("%+v, of %+v", told, p)
	}
	if told := forPeople(web.Problem{Fix: "GET in touch"}); told.Fix == "" {
		t.Error("words are advice")
	}
}
