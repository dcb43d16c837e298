package identity

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

// newSite serves all of identity as the house does.
func newSite(t *testing.T, h *house) *echo.Echo {
	t.Helper()
	personal := h.PersonalData()
	doors := h.Doors(h.shop)
	home := web.Route{Method: "GET", Path: "/", Right: web.Staff, Handler: h.pageSessions}
	return webtest.NewSite(t, testGuard{h.Service}, slices.Concat(h.Pages(), personal.Pages(), doors.Pages(), []web.Route{home}),
		slices.Concat(h.Routes(), personal.Routes(), doors.Routes()), CallbackPattern)
}

// guest is a browser at the site, on this machine unless from says otherwise.
type guest struct {
	t       *testing.T
	site    http.Handler
	cookies map[string]string
	from    string // peer
	headers map[string]string
}

func newGuest(t *testing.T, site http.Handler) *guest {
	t.Helper()
	return &guest{t: t, site: site, cookies: map[string]string{}, from: "127.0.0.1:4711", headers: map[string]string{}}
}

// signedInGuest is the browser of a caller.
func (h *house) signedInGuest(site http.Handler, c web.Caller) *guest {
	h.t.Helper()
	g := newGuest(h.t, site)
	h.must(func(tx *db.Tx) (err error) {
		g.cookies[cookieSession], err = h.OpenSession(tx, Opening{Person: c.Person, Provider: "test", Agent: "Firefox"})
		return err
	})
	return g
}

// visit asks for a page; form is posted when it is not nil.
func (g *guest) visit(target string, form url.Values) *httptest.ResponseRecorder {
	g.t.Helper()
	req := httptest.NewRequest(http.MethodGet, target, nil)
	if form != nil {
		req = httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	req.Host, req.RemoteAddr = "localhost:8080", g.from
	for name, value := range g.headers {
		if req.Header.Set(name, value); name == "Host" {
			req.Host = value
		}
	}
	for name, value := range g.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	req.Header.Set("Accept", "text/html")
	rec := httptest.NewRecorder()
	g.site.ServeHTTP(rec, req)
	for _, c := range rec.Result().Cookies() {
		if g.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(g.cookies, c.Name)
		}
	}
	return rec
}

// shows fails unless the answer has the status and all the texts.
func shows(t *testing.T, rec *httptest.ResponseRecorder, status int, texts ...string) {
	t.Helper()
	if rec.Code != status {
		t.Fatalf("status %d, want %d: %s", rec.Code, status, rec.Body)
	}
	for _, text := range texts {
		if !strings.Contains(rec.Body.String(), text) {
			t.Errorf("the page does not show %q:\n%s", text, rec.Body)
		}
	}
}

// between is the text after one mark and before another.
func between(t *testing.T, s, after, before string) string {
	t.Helper()
	_, s, ok := strings.Cut(s, after)
	s, _, ok2 := strings.Cut(s, before)
	if !ok || !ok2 {
		t.Fatalf("no %q … %q", after, before)
	}
	return s
}

func TestClaimOnThisMachineOpensTheHouse(t *testing.T) {
	h := newHouse(t)
	site := newSite(t, h)
	g := newGuest(t, site)
	shows(t, g.visit("/people", nil), 401)
	shows(t, g.visit("/claim", nil), 200, `data-secret-link`, "secret-link.js")
	link, err := h.NewClaim(t.Context(), "http://localhost:8080")
	if err != nil {
		t.Fatal(err)
	}
	shows(t, g.visit("/claim", url.Values{"secret": {link}}), 303) // pasted whole, without JavaScript
	shows(t, g.visit("/people", nil), 200, "Owner", "Invite somebody", "Sign out")
	eve := newGuest(t, site)
	shows(t, eve.visit("/claim", url.Values{"secret": {link}}), 403, "does not work, or no longer")
	shows(t, eve.visit("/people", nil), 401)
	// The session is lost: the command line lets the same owner in again.
	token, _, err := MakeInvite(h.key, RoleOwner, "command line", h.clock.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	back := newGuest(t, site)
	shows(t, back.visit("/invite", url.Values{"secret": {token}}), 303)
	shows(t, back.visit("/people", nil), 200, "Invite somebody")
	if team, err := h.listTeam(t.Context()); err != nil || len(team) != 1 {
		t.Errorf("a recovery made somebody else: %+v %v", team, err)
	}
	shows(t, newGuest(t, site).visit("/invite", url.Values{"secret": {token}}), 403)
}

// Where no provider is configured, a link opens the house on this machine alone.
func TestClaimFromElsewhereOpensNothing(t *testing.T) {
	h := newHouse(t)
	site := newSite(t, h)
	for what, change := range map[string]func(*guest){
		"another machine":                func(g *guest) { g.from = "192.0.2.7:1" },
		"another machine that lies":      func(g *guest) { g.from, g.headers["X-Forwarded-For"] = "192.0.2.7:1", "127.0.0.1" },
		"a proxy here":                   func(g *guest) { g.headers["X-Forwarded-For"] = "192.0.2.7" },
		"a terse proxy here":             func(g *guest) { g.headers["X-Forwarded-Proto"] = "https" },
		"a standard proxy here":          func(g *guest) { g.headers["Forwarded"] = "for=192.0.2.7" },
		"a foreign name that is our own": func(g *guest) { g.headers["Host"] = "rebind.evil.example" },
	} {
		link, err := h.NewClaim(t.Context(), "http://localhost:8080")
		if err != nil || link == "" {
			t.Fatalf("%s: there is an owner already, %v", what, err)
		}
		g := newGuest(t, site)
		change(g)
		shows(t, g.visit("/claim", url.Values{"secret": {link}}), 403, "only in a browser on the machine")
		token, _, _ := MakeInvite(h.key, RoleOwner, "command line", h.clock.Now(), time.Hour)
		shows(t, g.visit("/invite", url.Values{"secret": {token}}), 403)
		if len(g.cookies) > 0 {
			t.Errorf("%s: got a cookie", what)
		}
	}
}

// A link of a lower role must not open what its person has become since.
func TestInviteHereDoesNotOpenAHigherRole(t *testing.T) {
	h := newHouse(t)
	site := newSite(t, h)
	staff := func() string {
		token, _, err := MakeInvite(h.key, RoleStaff, "command line", h.clock.Now(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	shows(t, newGuest(t, site).visit("/invite", url.Values{"secret": {staff()}}), 303)
	h.behind(`UPDATE identity.person SET role = 'owner'`)
	g := newGuest(t, site)
	shows(t, g.visit("/invite", url.Values{"secret": {staff()}}), 403)
	if len(g.cookies) > 0 {
		t.Error("a staff's invite opened an owner's session")
	}
}

func TestWithProvidersALinkLeadsToTheSignIn(t *testing.T) {
	h := newHouse(t, func(c *Config) {
		c.Providers = []Provider{{Name: "club", Kind: "oidc", Issuer: "https://club.example", ClientID: "x", Label: "The club"}}
	})
	site := newSite(t, h)
	link, _ := h.NewClaim(t.Context(), "http://localhost:8080")
	g := newGuest(t, site)
	rec := g.visit("/claim", url.Values{"secret": {link}})
	if shows(t, rec, 303); rec.Header().Get("Location") != "/sign-in" || g.cookies[cookieSession] != "" {
		t.Errorf("to %s with %v", rec.Header().Get("Location"), g.cookies)
	}
	shows(t, g.visit("/sign-in", nil), 200, "Continue with The club", "become the owner")
	h.person(RoleOwner, "Ana")
	if rec := g.visit("/sign-in", nil); strings.Contains(rec.Body.String(), "become the owner") {
		t.Error("a dead link still promises")
	}
}

func TestKeyPageShowsASecretOnce(t *testing.T) {
	h := newHouse(t)
	g := h.signedInGuest(newSite(t, h), h.person(RoleAdmin, "Adam"))
	rec := g.visit("/keys", url.Values{"name": {"till"}, "right": {"send"}, "app": {"festival"}, "days": {"7"}})
	shows(t, rec, 200, "Secret of till")
	secret := between(t, rec.Body.String(), `tabindex="0">`, "</pre>")
	if !knows(h, secret) {
		t.Error("the secret does not work")
	}
	if body := g.visit("/keys", nil).Body.String(); strings.Contains(body, secret) {
		t.Error("it is shown again")
	}
	shows(t, g.visit("/keys", url.Values{"name": {"till"}, "right": {"send"}}), 422, "a living key of this name", `value="till"`)
	shows(t, g.visit("/keys", url.Values{"name": {"b"}, "right": {"send"}, "days": {"soon"}}), 422, "whole number", `value="soon"`)
	list, err := h.Keys(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	shows(t, g.visit("/keys/"+list[0].ID.String()+"/rotate", url.Values{}), 200, "Secret of till")
	shows(t, g.visit("/keys/"+list[0].ID.String()+"/revoke", url.Values{}), 303)
	if knows(h, secret) {
		t.Error("it works although it is revoked")
	}
	shows(t, g.visit("/keys/nonsense/revoke", url.Values{}), 404)
}

func TestPeoplePageChangesRoles(t *testing.T) {
	h := newHouse(t)
	site := newSite(t, h)
	ana, cleo := h.person(RoleOwner, "Ana"), h.person(RoleCustomer, "Cleo")
	owner, admin := h.signedInGuest(site, ana), h.signedInGuest(site, h.person(RoleAdmin, "Adam"))
	shows(t, owner.visit("/people?q=cle", nil), 200, "Cleo", "Erase", `value="staff"`)
	if body := admin.visit("/people", nil).Body.String(); strings.Contains(body, "Invite somebody") || strings.Contains(body, "/role") {
		t.Error("an admin is offered what only owners may")
	}
	shows(t, owner.visit("/people/"+cleo.Person+"/role", url.Values{"role": {"staff"}}), 303)
	if h.roleOf(cleo) != RoleStaff {
		t.Error(h.roleOf(cleo))
	}
	shows(t, owner.visit("/people/"+ana.Person+"/role", url.Values{"role": {"admin"}}), 422, "this is the last owner")
	rec := owner.visit("/people/invites", url.Values{"role": {"scanner"}})
	shows(t, rec, 200, "Invite for one scanner", "Open invites")
	token := pasted(between(t, rec.Body.String(), `tabindex="0">`, "</pre>"))
	if err := h.join(token, h.person(RoleCustomer, "Ben")); err != nil {
		t.Error(err)
	}
	shows(t, owner.visit("/people/invites", url.Values{"role": {"customer"}}), 422)
}

func TestScannerPageLeadsToAKey(t *testing.T) {
	h := newHouse(t)
	g := h.signedInGuest(newSite(t, h), h.person(RoleStaff, "Stan"))
	rec := g.visit("/scanners", url.Values{"name": {"Gate A"}, "event": {"summer"}})
	shows(t, rec, 200, "Enrol", `class="qr"`)
	if _, err := h.enrol(between(t, rec.Body.String(), `tabindex="0">`, "</pre>")); err != nil {
		t.Error(err)
	}
	shows(t, g.visit("/scanners", nil), 200, "Gate A", "summer")
	shows(t, g.visit("/scanners", url.Values{"name": {"Gate B"}}), 422, "is missing", `value="Gate B"`)
}

func TestMyPagesAreMine(t *testing.T) {
	h := newHouse(t)
	site := newSite(t, h)
	cleo, ben := h.person(RoleCustomer, "Cleo"), h.person(RoleCustomer, "Ben")
	g, other := h.signedInGuest(site, cleo), h.signedInGuest(site, ben)
	phone := h.signedInGuest(site, cleo)
	shows(t, g.visit("/account/sessions", nil), 200, "this one", "Sign out everywhere else")
	sessions, err := h.Sessions(t.Context(), cleo.Person)
	if err != nil {
		t.Fatal(err)
	}
	shows(t, other.visit("/account/sessions/"+sessions[0].ID+"/revoke", url.Values{}), 404)
	shows(t, g.visit("/account/sessions/revoke-others", url.Values{}), 303)
	shows(t, phone.visit("/account/data", nil), 401)
	shows(t, g.visit("/account/data", nil), 200, "Cleo", cleo.Person)
	file := g.visit("/account/data.ndjson", nil)
	if shows(t, file, 200, `"section":"person"`); !strings.Contains(file.Header().Get("Content-Disposition"), "attachment") {
		t.Error(file.Header())
	}
	shows(t, g.visit("/people/"+ben.Person+"/data.ndjson", nil), 403)
	shows(t, g.visit("/account/erase", url.Values{}), 422, "is not ticked")
	shows(t, g.visit("/account/erase", url.Values{"confirm": {"yes"}}), 200, "You are being forgotten")
	shows(t, g.visit("/account/data", nil), 401)
}

func TestAuditPageFiltersAndChecks(t *testing.T) {
	h := newHouse(t)
	h.log(60)
	g := h.signedInGuest(newSite(t, h), h.person(RoleAdmin, "Adam"))
	shows(t, g.visit("/audit", nil), 200, "thing:59", "Older entries")
	shows(t, g.visit("/audit?object=thing:7", nil), 200, "thing:7")
	shows(t, g.visit("/audit?before=x", nil), 400)
	shows(t, g.visit("/audit/check", url.Values{}), 200, "All 60 entries are what was written")
	if lines := strings.Count(g.visit("/audit.ndjson", nil).Body.String(), "\n"); lines != 60 {
		t.Errorf("%d lines", lines)
	}
	h.behind(`UPDATE identity.audit SET actor = 'x' WHERE no = 9`)
	shows(t, g.visit("/audit/check", url.Values{}), 200, "Entry 9 is bad")
}

// What another site makes a browser do changes nothing here.
func TestForeignFormsAreRefused(t *testing.T) {
	h := newHouse(t)
	g := h.signedInGuest(newSite(t, h), h.person(RoleOwner, "Ana"))
	g.headers["Sec-Fetch-Site"] = "cross-site"
	for _, path := range []string{"/keys", "/people/invites", "/scanners", "/account/erase", "/audit/check", "/claim", "/invite", "/sign-out"} {
		shows(t, g.visit(path, url.Values{"name": {"x"}, "right": {"manage"}, "role": {"owner"}, "confirm": {"yes"}}), 403)
	}
}

// The API says in JSON what the pages say.
func TestAPIOfKeysAndPeople(t *testing.T) {
	h := newHouse(t)
	site := newSite(t, h)
	ana, cleo := h.person(RoleOwner, "Ana"), h.person(RoleCustomer, "Cleo")
	g := h.signedInGuest(site, ana)
	call := func(method, path, body string) *httptest.ResponseRecorder {
		req := httptest.NewRequest(method, path, strings.NewReader(body))
		req.Host, req.RemoteAddr = "localhost:8080", "127.0.0.1:4711"
		req.AddCookie(&http.Cookie{Name: cookieSession, Value: g.cookies[cookieSession]})
		rec := httptest.NewRecorder()
		site.ServeHTTP(rec, req)
		return rec
	}
	made := call("POST", "/v1/keys", `{"name":"till","right":"send"}`)
	shows(t, made, 201, `"secret":"usher_`)
	key := between(t, made.Body.String(), `"id":"`, `"`)
	shows(t, call("POST", "/v1/keys", `{"name":"x","right":"owner"}`), 400, "must be one of listen, send, manage")
	shows(t, call("GET", "/v1/keys", ""), 200, `"name":"till"`)
	shows(t, call("POST", "/v1/keys/"+key+"/rotate", `{"overlap":"soon"}`), 400)
	shows(t, call("POST", "/v1/keys/"+key+"/rotate", `{"overlap":"1h"}`), 200, `"secret":"usher_`)
	shows(t, call("DELETE", "/v1/keys/"+key, ""), 204)
	code := between(t, call("POST", "/v1/scanners", `{"name":"Gate A","event":"summer"}`).Body.String(), `"code":"`, `"`)
	scanner := call("POST", "/v1/scanners/enrol", `{"code":"`+code+`"}`)
	shows(t, scanner, 201, `"right":"scan"`, `"event":"summer"`)
	shows(t, call("GET", "/v1/scanners", ""), 200, `"name":"Gate A"`)
	shows(t, call("DELETE", "/v1/scanners/"+between(t, scanner.Body.String(), `"id":"`, `"`), ""), 204)
	shows(t, call("PUT", "/v1/people/"+cleo.Person+"/role", `{"role":"staff"}`), 204)
	shows(t, call("GET", "/v1/people", ""), 200, `"role":"staff"`)
	invite := call("POST", "/v1/invites", `{"role":"admin","for":"1h"}`)
	shows(t, invite, 201, `"link":"http://localhost:8080/invite#`)
	shows(t, call("GET", "/v1/invites", ""), 200, `"role":"admin"`)
	shows(t, call("DELETE", "/v1/invites/"+between(t, invite.Body.String(), `"id":"`, `"`), ""), 204)
	shows(t, call("GET", "/v1/audit?action=invite.", ""), 200, `"invite.revoked"`)
	shows(t, call("GET", "/v1/audit/check", ""), 200, `"entries":`)
	shows(t, call("GET", "/v1/people/"+cleo.Person+"/export", ""), 200, `"section":"person"`)
	shows(t, call("GET", "/v1/people/nobody/export", ""), 404)
	shows(t, call("POST", "/v1/people/"+cleo.Person+"/erase", `{"confirm":"x"}`), 400)
	shows(t, call("POST", "/v1/people/"+cleo.Person+"/erase", `{"confirm":"`+cleo.Person+`"}`), 202)
	shows(t, call("GET", "/v1/me/export", ""), 200, ana.Person)
}
