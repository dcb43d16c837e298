package web_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

func ok(method, path string) web.Route {
	return web.Route{Method: method, Path: path, Right: web.Public, Handler: func(c echo.Context) error { return c.NoContent(204) }}
}

func TestLimiterPerCaller(t *testing.T) {
	clk := clock.At(noon)
	e := house(t, io.Discard, nil, web.NewLimiter(web.LimitConfig{PerSecond: 2, Burst: 3, Callers: 100}, clk),
		ok("GET", "/"), web.Route{Method: "GET", Path: "/send", Right: web.Send, Handler: func(c echo.Context) error { return c.NoContent(204) }})
	e.IPExtractor = func(r *http.Request) string { return r.Header.Get("X-Forwarded-For") }
	from := func(ip string) int { return call(e, "GET", "/", "", "X-Forwarded-For", ip).Code }
	for i := range 3 {
		if got := from("2001:db8:1:2::1"); got != 204 {
			t.Fatalf("request %d: %d", i, got)
		}
	}
	rec := call(e, "GET", "/", "", "X-Forwarded-For", "2001:db8:1:2:ffff::9")
	if p := problem(t, rec); p.Code != fault.Limited {
		t.Errorf("another address of the same /64: %+v", p)
	}
	if rec.Header().Get("Retry-After") != "1" || rec.Header().Get("RateLimit") != `"default";r=0;t=2` ||
		rec.Header().Get("RateLimit-Policy") != `"default";q=3;w=2` {
		t.Errorf("headers %v", rec.Header())
	}
	if got := from("2001:db8:1:3::1"); got != 204 {
		t.Errorf("another /64: %d", got)
	}
	for i := range 3 { // a refused caller pays too
		if rec := call(e, "GET", "/send", "", "X-Forwarded-For", "203.0.113.9"); rec.Code != 401 {
			t.Errorf("guess %d: %d", i, rec.Code)
		}
	}
	if rec := call(e, "GET", "/send", "", "X-Forwarded-For", "203.0.113.9"); rec.Code != 429 {
		t.Errorf("the fourth guess: %d", rec.Code)
	}
	if rec := call(e, "GET", "/send", "", "X-Forwarded-For", "203.0.113.9", "X-Actor", "till"); rec.Code != 204 {
		t.Errorf("a key is not its address: %d", rec.Code)
	}
	clk.Advance(500 * time.Millisecond)
	if got := from("2001:db8:1:2::1"); got != 204 {
		t.Errorf("after half a second: %d", got)
	}
}

func TestLimiterForgetsTheOldest(t *testing.T) {
	l := web.NewLimiter(web.LimitConfig{PerSecond: 1, Burst: 1, Callers: 100}, clock.At(noon))
	for i := range 100 {
		l.Take(fmt.Sprint(i), false)
	}
	if _, wait := l.Take("1", false); wait == 0 {
		t.Error("a caller within the bound was forgotten")
	}
	l.Take("new", false) // 0 is the oldest now
	if _, wait := l.Take("0", false); wait != 0 {
		t.Error("more than 100 callers are held")
	}
	if _, wait := l.Take("1", false); wait == 0 {
		t.Error("a caller seen lately was forgotten before an older one")
	}
}

// Buyers behind one address have a measure of their own in the shop; a refused caller
// has not, so that keys cannot be guessed there any faster.
func TestTheShopHasItsOwnMeasure(t *testing.T) {
	limits := web.LimitConfig{PerSecond: 1, Burst: 1, Callers: 100, Shop: web.Rate{PerSecond: 10, Burst: 5}}
	buy, sell := ok("GET", "/buy"), ok("GET", "/sell")
	buy.Shop, sell.Shop, sell.Right = true, true, web.Send
	e := house(t, io.Discard, nil, web.NewLimiter(limits, clock.At(noon)), ok("GET", "/"), buy, sell)
	codes := func(n int, path string, headers ...string) (all []int) {
		for range n {
			all = append(all, call(e, "GET", path, "", headers...).Code)
		}
		return all
	}
	if got := codes(6, "/buy"); !slices.Equal(got, []int{204, 204, 204, 204, 204, 429}) {
		t.Errorf("in the shop: %v", got)
	}
	if got := codes(2, "/"); !slices.Equal(got, []int{204, 429}) {
		t.Errorf("elsewhere: %v", got)
	}
	if got := codes(2, "/sell", "X-Actor", "till"); !slices.Equal(got, []int{204, 204}) {
		t.Errorf("a till's key: %v", got)
	}
	if got := codes(1, "/sell"); !slices.Equal(got, []int{429}) {
		t.Errorf("a guess after the address has spent its own measure: %v", got)
	}
	if rec := call(e, "GET", "/buy", ""); rec.Header().Get("RateLimit-Policy") != `"shop";q=5;w=1` {
		t.Errorf("headers %v", rec.Header())
	}
}

func TestBrowserSafety(t *testing.T) {
	e := house(t, io.Discard, nil, nil, ok("POST", "/"), ok("POST", "/answer"), ok("GET", "/"))
	h := call(e, "GET", "/", "").Header()
	if csp := h.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; script-src 'self'") || strings.Contains(csp, "unsafe") {
		t.Errorf("CSP %q", csp)
	}
	if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") == "" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", h)
	}
	for _, tc := range []struct {
		name    string
		status  int
		headers []string
	}{
		{"program", 204, nil},
		{"own page", 204, []string{"Sec-Fetch-Site", "same-origin"}},
		{"own page behind a proxy", 204, []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://tickets.example.org"}},
		{"another site", 403, []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}},
		{"another site, old browser", 403, []string{"Origin", "https://evil.example"}},
	} {
		if rec := call(e, "POST", "/", "", tc.headers...); rec.Code != tc.status {
			t.Errorf("%s: %d, want %d", tc.name, rec.Code, tc.status)
		}
	}
	foreign := []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://provider.example"}
	if rec := call(e, "POST", "/answer", "", foreign...); rec.Code != 204 {
		t.Errorf("what checks by itself is not open: %d", rec.Code)
	}
	if _, err := web.SameOrigin(nil, "tickets.example.org"); !fault.Is(err, fault.Invalid) {
		t.Errorf("an origin without scheme: %v", err)
	}
}

func TestLogHoldsNoAddressAndNoToken(t *testing.T) {
	var log strings.Builder
	e := house(t, &log, nil, nil, ok("GET", "/claims/:code"), ok("GET", "/"))
	call(e, "GET", "/claims/canary-code?token=canary-token", "", "Authorization", "Bearer canary-key", "Cookie", "s=canary-cookie", "X-Request-Id", "trace-0001")
	call(e, "GET", "/canary-path", "")
	if strings.Contains(log.String(), "canary") {
		t.Errorf("the log tells: %s", &log)
	}
	for _, want := range []string{"http.route=/claims/:code", "http.status=204", "http.request_id=trace-0001", "http.route=unmatched", "http.status=404"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s: %s", want, &log)
		}
	}
	if rid := call(e, "GET", "/", "", "X-Request-Id", "bad id\twith space").Header().Get("X-Request-Id"); strings.Contains(rid, "bad") || rid == "" {
		t.Errorf("request id %q", rid)
	}
}

func TestPanicIsAnInternalProblem(t *testing.T) {
	var log strings.Builder
	e := house(t, &log, nil, nil, web.Route{Method: "GET", Path: "/", Right: web.Public, Handler: func(echo.Context) error { panic("canary") }})
	rec := call(e, "GET", "/", "")
	if p := problem(t, rec); p.Code != fault.Internal || strings.Contains(rec.Body.String(), "canary") {
		t.Errorf("got %s", rec.Body)
	}
	if !strings.Contains(log.String(), "canary") || !strings.Contains(log.String(), "middleware_test.go") {
		t.Errorf("no stack in the log: %s", &log)
	}
}
