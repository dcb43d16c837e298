package identity

import (
	"net/http"
	"strings"
	"testing"
)

// Spoofed headers: where a provider sends people back to is not up to a request.
func TestHeadersDoNotMoveTheCallback(t *testing.T) {
	d := newDoorway(t)
	v := d.visitor()
	to := v.begin("/auth/one", "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https", "Forwarded", "host=evil.example", "X-Forwarded-Prefix", "/x", "X-Original-Url", "/evil")
	if got := valueOf(to, "redirect_uri"); got != d.base+"/auth/one/callback" {
		t.Errorf("the provider would send to %s", got)
	}
	for _, host := range []string{"evil.example", "localhost.evil.example", "127.0.0.1.evil.example"} {
		if status, to, _ := v.ask("/auth/one", nil, "Host", host); status < 400 {
			t.Errorf("called %s, we lead to %s", host, to)
		}
	}
	d.site = Site{PublicURL: "https://tickets.example.org", Secure: true}
	to = v.begin("/auth/one", "Host", "evil.example")
	if got := valueOf(to, "redirect_uri"); got != "https://tickets.example.org/auth/one/callback" {
		t.Errorf("the provider would send to %s", got)
	}
	d.site = Site{PublicURL: "http://tickets.example.org"}
	if status, _, body := v.ask("/auth/one", nil); status < 400 || !strings.Contains(body, "http.public_url") {
		t.Errorf("over plain http: %d %s", status, body)
	}
}

// Cookies over TLS are bound to this host and out of scripts' reach.
func TestCookiesAreBound(t *testing.T) {
	d := newDoorway(t)
	d.site = Site{PublicURL: "https://tickets.example.org", Secure: true}
	res, err := d.visitor().http.Get(d.base + "/auth/one")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	k := res.Cookies()[0]
	if k.Name != "__Host-usher-sign-in" || !k.Secure || !k.HttpOnly || k.Path != "/" || k.Domain != "" || k.SameSite != http.SameSiteLaxMode {
		t.Errorf("the cookie is %v", k)
	}
	if d.SessionCookie() != "__Host-usher" {
		t.Errorf("the session's cookie is %s", d.SessionCookie())
	}
}
