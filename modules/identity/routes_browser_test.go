package identity

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/identity/oidctest"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/seal"
	"github.com/usherhq/usher/modules/kernel/web"
)

// doorway is a running identity with two true OpenID providers beside it.
type doorway struct {
	*house
	one, two  *oidctest.Provider
	base      string
	transport http.RoundTripper // of visitors; nil: the usual one
}

var strangers = []oidctest.User{{Subject: "ana", Name: "Ana", Email: "ana@example.org"}, {Subject: "eve", Name: "Eve", Email: "eve@example.org"}}

// namesakes are others who have the address, or the subject, of one of strangers.
var namesakes = []oidctest.User{{Subject: "mallory", Name: "Mallory", Email: "ana@example.org"}, {Subject: "ana", Name: "Another Ana", Email: "another@example.org"}}

// secretOf is long enough to sign with, for the attack that does.
func secretOf(client string) string { return "secret-of-" + client + "-and-32-bytes-at-least" }

func newProvider(t *testing.T, clientID string, users []oidctest.User) *oidctest.Provider {
	t.Helper()
	p, err := oidctest.Start(oidctest.Config{ClientID: clientID, ClientSecret: secretOf(clientID), Users: users})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func newDoorway(t *testing.T) *doorway {
	t.Helper()
	d := &doorway{one: newProvider(t, "usher-1", strangers), two: newProvider(t, "usher-2", namesakes)}
	d.house = &house{t: t, clock: clock.At(clock.System{}.Now())} // the providers go by the machine's time
	var err error
	if d.key, err = seal.Parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="); err != nil {
		t.Fatal(err)
	}
	cfg := Defaults()
	cfg.Providers = []Provider{
		{Name: "one", Kind: "oidc", Issuer: d.one.Issuer(), ClientID: "usher-1", ClientSecret: secretOf("usher-1"), AppIDs: []string{"app-1"}},
		{Name: "two", Kind: "oidc", Issuer: d.two.Issuer(), ClientID: "usher-2", ClientSecret: secretOf("usher-2")},
	}
	d.Service = New(cfg, dbtest.New(t, dbtest.WithClock(d.clock)), d.key, Site{}, slog.New(slog.DiscardHandler))
	server := httptest.NewServer(mountedDoor(t, d.Service))
	t.Cleanup(server.Close)
	d.base = server.URL
	d.one.Register(d.base + "/auth/one/callback")
	d.two.Register(d.base + "/auth/two/callback")
	return d
}

// whenever makes ID tokens that last, for tests that move the clock.
func (d *doorway) whenever() {
	for _, p := range []*oidctest.Provider{d.one, d.two} {
		p.Lie(map[string]any{"exp": d.clock.Now().AddDate(2, 0, 0).Unix()})
	}
}

// testGuard asks identity for each request, as app does.
type testGuard struct{ *Service }

func (g testGuard) Allow(c echo.Context, r web.Right) error {
	shown := Shown{Session: g.cookie(c, cookieSession), Bearer: strings.TrimPrefix(c.Request().Header.Get("Authorization"), "Bearer ")}
	a, err := g.Authenticate(c.Request().Context(), shown)
	if err == nil {
		c.SetRequest(c.Request().WithContext(web.WithCaller(c.Request().Context(), a.Caller)))
	}
	switch {
	case r == web.Public || err == nil && a.May(r):
		return nil
	case err == nil:
		return fault.E("test", fault.Forbidden, "no", nil)
	}
	return err
}

// mountedDoor serves identity, and a page that tells who is there.
func mountedDoor(t *testing.T, s *Service) *echo.Echo {
	t.Helper()
	e := echo.New()
	e.HTTPErrorHandler = web.ErrorHandler(slog.New(slog.DiscardHandler), nil)
	sameOrigin, err := web.SameOrigin([]string{CallbackPattern})
	if err != nil {
		t.Fatal(err)
	}
	e.Use(web.Identify, web.Recover, web.Secure, sameOrigin)
	m := web.Mounter{Echo: e, Guard: testGuard{s}}
	m.Pages(s.signInRoutes()...)
	m.Routes(s.tokenRoutes()...)
	m.Routes(web.Route{Method: "GET", Path: "/who", Right: web.Self, Handler: func(c echo.Context) error {
		return c.String(http.StatusOK, web.CallerOf(c.Request().Context()).Name)
	}})
	return e
}

// visitor is a browser: it keeps cookies, and shows where it is sent instead of going.
type visitor struct {
	t    *testing.T
	base string
	http *http.Client
}

func (d *doorway) visitor() *visitor {
	jar, _ := cookiejar.New(nil) // fails for options alone
	return &visitor{t: d.t, base: d.base, http: &http.Client{Jar: jar, Transport: d.transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// ask sends a request; form is posted when it is not nil, headers are pairs.
func (v *visitor) ask(address string, form url.Values, headers ...string) (status int, location, body string) {
	v.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = v.base + address
	}
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, address, nil)
	if form != nil {
		req, err = http.NewRequestWithContext(v.t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	}
	if err != nil {
		v.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		if req.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	res, err := v.http.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	if to := res.Header.Get("Location"); to != "" {
		u, err := req.URL.Parse(to)
		if err != nil {
			v.t.Fatal(err)
		}
		location = u.String()
	}
	return res.StatusCode, location, string(text)
}

// begin starts a sign-in and returns the provider's address.
func (v *visitor) begin(path string, headers ...string) string {
	v.t.Helper()
	status, to, body := v.ask(path, nil, headers...)
	if status != http.StatusSeeOther {
		v.t.Fatalf("%s: %d %s", path, status, body)
	}
	return to
}

var requestID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// pick follows a provider's address, picks a person there, and returns the
// address at which the provider sends the browser back to us.
func (v *visitor) pick(address, user string) string {
	v.t.Helper()
	back, said := v.picked(address, user)
	if !strings.HasPrefix(back, v.base) {
		v.t.Fatalf("the provider sends to %q: %s", back, said)
	}
	return back
}

// picked is how the provider answers to a picked person: an address to go to, or a page.
func (v *visitor) picked(address, user string) (back, page string) {
	v.t.Helper()
	_, login, body := v.ask(address, nil)
	if login == "" {
		v.t.Fatalf("the provider refuses %s: %s", address, body)
	}
	_, _, page = v.ask(login, nil)
	found := requestID.FindStringSubmatch(page)
	if found == nil {
		v.t.Fatalf("no page to pick from: %s", page)
	}
	_, next, _ := v.ask(login, url.Values{"id": {found[1]}, "user": {user}})
	_, back, page = v.ask(next, nil)
	return back, page
}

// signIn goes all the way.
func (v *visitor) signIn(provider, user string) {
	v.t.Helper()
	if status, _, body := v.ask(v.pick(v.begin("/auth/"+provider), user), nil); status != http.StatusSeeOther {
		v.t.Fatalf("not signed in: %d %s", status, body)
	}
}

// who is the caller that this browser is; "" when it is signed in as nobody.
func (v *visitor) who() string {
	v.t.Helper()
	status, _, body := v.ask("/who", nil)
	if status != http.StatusOK {
		return ""
	}
	return body
}

// secret is what the browser's session cookie holds.
func (v *visitor) secret() string {
	base, _ := url.Parse(v.base)
	for _, c := range v.http.Jar.Cookies(base) {
		if c.Name == cookieSession {
			return c.Value
		}
	}
	return ""
}

// refused fails the test when an answer signs anybody in.
func (v *visitor) refused(what, callback string) {
	v.t.Helper()
	before := v.secret()
	status, to, _ := v.ask(callback, nil)
	if status < 400 || v.secret() != before {
		v.t.Errorf("%s: answered %d %s, the session went from %q to %q", what, status, to, before, v.secret())
	}
}

// with changes one value of an address.
func with(address, name, value string) string {
	u, _ := url.Parse(address) // one of ours
	q := u.Query()
	if q.Set(name, value); value == "" {
		q.Del(name)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

func valueOf(address, name string) string {
	u, _ := url.Parse(address) // one of ours
	return u.Query().Get(name)
}
