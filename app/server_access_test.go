package app

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/usherhq/usher/modules/identity"
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
