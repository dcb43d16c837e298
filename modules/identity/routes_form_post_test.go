package identity

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/usherhq/usher/modules/identity/oidctest"
)

// newOrchard is a doorway over TLS with a provider that does as Apple: it answers by
// a POST from its own page, and takes a client secret that our key signed.
func newOrchard(t *testing.T) (*doorway, *oidctest.Provider) {
	t.Helper()
	d := newDoorway(t)
	key, pemKey := appleKey(t)
	fruit, err := oidctest.Start(oidctest.Config{ClientID: "usher-3", Users: strangers, SecretOf: func(given string) bool {
		signed, err := jose.ParseSigned(given, []jose.SignatureAlgorithm{jose.ES256})
		if err == nil {
			_, err = signed.Verify(&key.PublicKey)
		}
		return err == nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fruit.Close)
	d.cfg.Providers = append(d.cfg.Providers, Provider{Name: "fruit", Kind: kindApple, Issuer: fruit.Issuer(), ClientID: "usher-3", ClientSecret: pemKey, TeamID: "TEAM", KeyID: "KEY"})
	d.providers = newProviders(d.cfg.Providers, d.db, newProviderClient())
	d.site = Site{Secure: true}
	server := httptest.NewTLSServer(mountedDoor(t, d.Service))
	t.Cleanup(server.Close)
	d.base, d.transport = server.URL, server.Client().Transport
	fruit.Register(d.base + "/auth/fruit/callback")
	return d, fruit
}

var (
	formAction = regexp.MustCompile(`action="([^"]+)"`)
	formInput  = regexp.MustCompile(`name="([^"]+)" value="([^"]*)"`)
)

// formOf is the form that the provider's page would post to us.
func (v *visitor) formOf(address, user string) (action string, form url.Values) {
	v.t.Helper()
	_, page := v.picked(address, user)
	found := formAction.FindStringSubmatch(page)
	if found == nil {
		v.t.Fatalf("no form to post: %s", page)
	}
	form = url.Values{}
	for _, input := range formInput.FindAllStringSubmatch(page, -1) {
		form.Add(input[1], html.UnescapeString(input[2]))
	}
	return html.UnescapeString(found[1]), form
}

// The one request that another site may have a browser post: the answer of a
// provider, in the browser that began.
func TestAProviderAnswersFromItsOwnPage(t *testing.T) {
	d, fruit := newOrchard(t)
	v := d.visitor()
	res, err := v.http.Get(d.base + "/auth/fruit?return=/orders")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if k := res.Cookies()[0]; k.Name != "__Host-usher-sign-in" || !k.Secure || !k.HttpOnly || k.SameSite != http.SameSiteNoneMode {
		t.Errorf("the cookie would not come along: %v", k)
	}
	theirs := []string{"Origin", fruit.Issuer(), "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}
	action, form := v.formOf(res.Header.Get("Location"), "ana")
	if status, to, body := v.ask(action+"?error=access_denied&state=other", form, theirs...); status != http.StatusSeeOther || to != d.base+"/orders" || v.who() == "" {
		t.Fatalf("not signed in: %d %s %s", status, to, body)
	}
	ana := v.who()
	if status, _, _ := v.ask("/sign-out", url.Values{}, theirs...); status != http.StatusForbidden || v.who() != ana {
		t.Errorf("their page signs people out: %d", status)
	}
	for what, spoil := range map[string]func(url.Values){
		"in another browser": func(f url.Values) {
			eve := d.visitor()
			_, hers := eve.formOf(eve.begin("/auth/fruit"), "eve")
			f.Set("state", hers.Get("state"))
			f.Set("code", hers.Get("code"))
		},
		"a second state": func(f url.Values) { f.Add("state", "other") },
		"a second code":  func(f url.Values) { f.Add("code", "other") },
		"no state":       func(f url.Values) { f.Del("state") },
	} {
		other := d.visitor()
		action, form := other.formOf(other.begin("/auth/fruit"), "ana")
		spoil(form)
		if status, _, _ := other.ask(action, form, theirs...); status < 400 || other.who() != "" {
			t.Errorf("%s: %d, signed in as %q", what, status, other.who())
		}
	}
	if status, _, _ := v.ask(action, form, theirs...); status != http.StatusUnauthorized {
		t.Errorf("the same answer again: %d", status)
	}
}
