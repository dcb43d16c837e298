package web_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/web"
)

var site = fstest.MapFS{
	"templates/layout.html":      {Data: []byte(`<title>{{block "title" .Page}}Usher{{end}}</title>{{template "main" .Page}}`)},
	"templates/hub/_row.html":    {Data: []byte(`{{define "row"}}<li>{{.}}</li>{{end}}`)},
	"templates/hub/list.html":    {Data: []byte(`{{define "title"}}List{{end}}{{define "main"}}<ul>{{template "rows" .}}</ul>{{end}}{{define "rows"}}{{range .}}{{template "row" .}}{{end}}{{end}}`)},
	"templates/hub/empty.html":   {Data: []byte(`{{define "main"}}<img src="{{asset "a.css"}}">{{end}}`)},
	"templates/hub/failing.html": {Data: []byte(`{{define "main"}}sent{{.Nothing.Here}}{{end}}`)},
	"templates/shop/layout.html": {Data: []byte(`<b>{{block "title" .Page}}Shop{{end}}</b>{{template "main" .Page}}`)},
	"templates/shop/list.html":   {Data: []byte(`{{define "title"}}List{{end}}{{define "main"}}{{range .}}{{template "row" .}}{{end}}{{end}}`)},
	"assets/a.css":               {Data: []byte("body{}")},
	"assets/vendor/x.js":         {Data: []byte("export {}")},
	"assets/door-worker.js":      {Data: []byte("self")},
}

func TestRender(t *testing.T) {
	assets, err := web.NewAssets(site)
	if err != nil {
		t.Fatal(err)
	}
	r, err := web.NewRenderer(site, map[string]any{"asset": assets.URL})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"hub/list":      "<title>List</title><ul><li>&lt;b&gt;</li></ul>",
		"hub/list#rows": "<li>&lt;b&gt;</li>",
		"shop/list":     "<b>List</b><li>&lt;b&gt;</li>",
		"hub/empty":     `<title>Usher</title><img src="` + assets.URL("a.css") + `">`,
	} {
		var b bytes.Buffer
		if err := r.Render(&b, name, []string{"<b>"}, nil); err != nil || b.String() != want {
			t.Errorf("%s: %q, %v", name, b.String(), err)
		}
	}
	if err := r.Render(io.Discard, "hub/none", nil, nil); err == nil {
		t.Error("an unknown page was drawn")
	}
	e := house(t, io.Discard, nil, nil, web.Route{Method: "GET", Path: "/", Right: web.Public, Handler: func(c echo.Context) error {
		return c.Render(200, "hub/failing", struct{}{})
	}})
	e.Renderer = r
	if rec := call(e, "GET", "/", ""); rec.Code != 500 || strings.Contains(rec.Body.String(), "sent") {
		t.Errorf("half a page was sent: %d %s", rec.Code, rec.Body)
	}
	if _, err := web.NewRenderer(fstest.MapFS{"templates/layout.html": {Data: []byte("{{")}}, nil); err == nil {
		t.Error("a broken layout was taken")
	}
	if _, err := web.NewRenderer(fstest.MapFS{"templates/layout.html": {Data: []byte("whole")}, "templates/hub/now.html": {Data: []byte("{{")}}, nil); err == nil {
		t.Error("a broken page was taken, for a visitor to find")
	}
}

func TestAssets(t *testing.T) {
	assets, err := web.NewAssets(site)
	if err != nil {
		t.Fatal(err)
	}
	e := house(t, io.Discard, nil, nil, assets.Route())
	rec := call(e, "GET", assets.URL("a.css"), "")
	if rec.Body.String() != "body{}" || rec.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" || rec.Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("by hash: %s %v", rec.Body, rec.Header())
	}
	plain := call(e, "GET", "/assets/vendor/x.js", "")
	if plain.Code != 200 || plain.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("by name: %d %v", plain.Code, plain.Header())
	}
	if again := call(e, "GET", "/assets/vendor/x.js", "", "If-None-Match", plain.Header().Get("ETag")); again.Code != 304 {
		t.Errorf("known already: %d", again.Code)
	}
	worker := call(e, "GET", "/assets/door-worker.js", "")
	if worker.Header().Get("Service-Worker-Allowed") != "/" || plain.Header().Get("Service-Worker-Allowed") != "" {
		t.Errorf("only a worker may serve pages outside /assets/: %v", worker.Header())
	}
	if old := call(e, "GET", "/assets/a.css?v=older", ""); old.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("an old hash must not pin the new content: %v", old.Header())
	}
	for _, path := range []string{"/assets/none.css", "/assets/../templates/layout.html", "/assets/%2e%2e/templates/layout.html"} {
		if rec := call(e, "GET", path, ""); rec.Code != 404 {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
}

// streaming serves fn as a live stream on a real connection.
func streaming(t *testing.T, closing <-chan struct{}, fn func(ctx context.Context, send func(string, any) error) error) *bufio.Reader {
	t.Helper()
	e := house(t, io.Discard, nil, nil, web.Route{Method: "GET", Path: "/", Right: web.Public, Timeout: -1, Handler: func(c echo.Context) error {
		return web.Stream(c, func(send func(string, any) error) error { return fn(c.Request().Context(), send) })
	}})
	srv := httptest.NewUnstartedServer(e)
	srv.Config.BaseContext = func(net.Listener) context.Context { return web.WithClosing(context.Background(), closing) }
	srv.Start()
	t.Cleanup(srv.Close)
	res, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("Content-Type %q", res.Header.Get("Content-Type"))
	}
	return bufio.NewReader(res.Body)
}

func TestStream(t *testing.T) {
	seen := make(chan struct{})
	body := streaming(t, nil, func(_ context.Context, send func(string, any) error) error {
		if err := send("a\nb", 1); err == nil {
			return errors.New("a name of two lines was sent")
		}
		if err := send("sold", map[string]int{"n": 1}); err != nil {
			return err
		}
		<-seen // the event arrives before the stream ends
		return send("sold", "two\nlines")
	})
	if got := until(t, body, "data: "); got != `data: {"n":1}` {
		t.Errorf("first event %q", got)
	}
	close(seen)
	if got := until(t, body, "data: "); got != `data: "two\nlines"` {
		t.Errorf("second event %q", got)
	}
	if _, err := io.ReadAll(body); err != nil {
		t.Errorf("the stream did not end well: %v", err)
	}
}

func TestStreamEndsWhenTheServerCloses(t *testing.T) {
	closing := make(chan struct{})
	body := streaming(t, closing, func(ctx context.Context, send func(string, any) error) error {
		if err := send("hello", 1); err != nil {
			return err
		}
		<-ctx.Done()
		if send("late", 2) == nil {
			return errors.New("sent after the end")
		}
		return ctx.Err()
	})
	until(t, body, "data: ")
	close(closing)
	if rest, err := io.ReadAll(body); err != nil || strings.Contains(string(rest), "late") {
		t.Errorf("rest %q, %v", rest, err)
	}
}

func until(t *testing.T, r *bufio.Reader, prefix string) string {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, prefix) {
			return strings.TrimSuffix(line, "\n")
		}
	}
}

// A long import outlives the deadlines that the server sets for ordinary requests.
func TestARouteOutlivesTheServersDeadlines(t *testing.T) {
	e := house(t, io.Discard, nil, nil, web.Route{Method: "POST", Path: "/", Right: web.Public, Timeout: -1, Handler: func(c echo.Context) error {
		body, err := io.ReadAll(c.Request().Body)
		if err != nil {
			return err
		}
		return c.Blob(200, "text/plain", body)
	}})
	srv := httptest.NewUnstartedServer(e)
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	srv.Start()
	t.Cleanup(srv.Close)
	body, upload := io.Pipe()
	go func() {
		_, _ = io.WriteString(upload, "slow")
		time.Sleep(200 * time.Millisecond) // well past the deadlines; being later only makes the test stricter
		_, _ = io.WriteString(upload, "ly")
		_ = upload.Close()
	}()
	res, err := http.Post(srv.URL, "text/plain", body)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(res.Body); err != nil || string(got) != "slowly" {
		t.Errorf("%d %q %v", res.StatusCode, got, err)
	}
}
