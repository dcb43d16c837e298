package app

import (
	"fmt"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/identity/oidctest"
)

// A fresh usher, in a browser: the claim link, a true OpenID provider, and the
// owner's dashboard, without any password. Then out, and in again to the page
// that was asked.
func TestBrowserFromTheClaimLinkToTheDashboard(t *testing.T) {
	provider, err := oidctest.Start(oidctest.Config{ClientID: "usher", ClientSecret: "a-secret-of-the-test", Users: []oidctest.User{{Subject: "ana", Name: "Ana"}, {Subject: "ben", Name: "Ben"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(provider.Close)
	h := newHouse(t, "identity.providers=[{name: club, kind: oidc, label: The club, issuer: '"+provider.Issuer()+"', client_id: usher, client_secret: a-secret-of-the-test}]")
	provider.Register(h.url + "/auth/club/callback")
	h.festival(0)
	line, err := h.said.ReadString('\n')
	h.must(err)
	_, secret, ok := strings.Cut(strings.TrimSpace(line), "/claim#")
	if !ok {
		t.Fatalf("no claim link: %q", line)
	}

	b := h.visitor(false)
	b.Open("/claim#" + secret)
	b.Until(`location.pathname === "/sign-in" && document.body.innerText.includes("become the owner")`)
	b.press("Continue with The club")
	b.press("Continue as Ana")
	b.Until(`location.pathname === "/" && location.origin === ` + fmt.Sprintf("%q", h.url) + ` && document.body.innerText.includes("Ana")`)

	b.press("Signed in as Ana")
	b.press("Sign out")
	b.Until(`location.pathname === "/sign-in"`)
	b.Open("/notifications?app=festival")
	b.Until(`location.pathname === "/sign-in"`)
	b.press("Continue with The club")
	b.press("Continue as Ana")
	b.Until(`location.pathname + location.search === "/notifications?app=festival" && !document.body.innerText.includes("403")`)

	// Somebody else who signs in is a customer: the dashboard is not theirs.
	b.press("Signed in as Ana")
	b.press("Sign out")
	b.Until(`location.pathname === "/sign-in"`)
	b.Open("/notifications")
	b.press("Continue with The club")
	b.press("Continue as Ben")
	b.Until(`location.pathname === "/notifications" && document.body.innerText.includes("403")`)
}
