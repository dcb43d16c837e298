package identity

import (
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

// browser is one at identity's pages.
type browser struct {
	*webtest.Browser
	t *testing.T
}

func newBrowser(t *testing.T, h *house) browser {
	t.Helper()
	return browser{webtest.Browse(t, newSite(t, h)), t}
}

// enter gives the browser a session of the caller's.
func (b browser) enter(h *house, c web.Caller) {
	b.t.Helper()
	var secret string
	h.must(func(tx *db.Tx) (err error) {
		secret, err = h.OpenSession(tx, Opening{Person: c.Person, Provider: "claim", Agent: "Chromium"})
		return err
	})
	if _, err := chromedp.Call(b.Ctx, network.SetCookie, network.SetCookieParams{Name: cookieSession, Value: secret, URL: b.Base, HTTPOnly: new(true)}); err != nil {
		b.t.Fatal(err)
	}
}

// The link's script sends the secret and takes it out of the address; the page that
// follows is the dashboard.
func TestBrowserFollowsAClaimLink(t *testing.T) {
	h := newHouse(t)
	b := newBrowser(t, h)
	link, err := h.NewClaim(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	b.Open(link)
	b.Until(`location.pathname === "/" && document.querySelector(".who summary").innerText.includes("Owner")`)
	b.Open("/people")
	b.Until(`document.querySelector("table.rows").innerText.includes("you")`)
	b.Do(chromedp.Click(chromedp.CSS(".who summary")))
	b.Until(`document.querySelector(".who").open`)
	b.Do(chromedp.Click(chromedp.CSS(".who-menu form[action='/sign-out'] button")))
	b.Until(`location.pathname === "/sign-in"`)
	b.Open(link)
	b.Until(`document.querySelector("[role=alert]") !== null && !location.hash`)
	b.Quiet("/claim")
}

// Every page, in both colour schemes, on a phone and on a desk: nothing reaches
// beyond the window, and axe-core finds nothing against WCAG 2.2 AA.
func TestBrowserFindsPagesAccessible(t *testing.T) {
	h := newHouse(t, func(c *Config) {
		c.Providers = []Provider{{Name: "google", Kind: "google", ClientID: "x", ClientSecret: "y"}, {Name: "club", Kind: "oidc", Issuer: "https://club.example", ClientID: "x", Label: "The members' club of the festival"}}
	})
	ana := h.person(RoleOwner, "Anastasia Longname-Featherstonehaugh")
	h.person(RoleAdmin, "Adam")
	h.person(RoleCustomer, "Cleo")
	h.signedIn(ana)
	h.invite(RoleStaff)
	ends := h.clock.Now().Add(day)
	k := h.newKey(KeyDraft{Name: "a-machine-with-a-long-name-at-the-bar", Right: web.Send, App: "festival", Event: "summer-2026", ExpiresAt: &ends})
	h.must(func(tx *db.Tx) error { _, err := h.RotateKey(tx, k.ID, day); return err })
	if _, err := h.enrol(h.enrolment("Gate A").Code); err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, h)
	for _, path := range []string{"/sign-in", "/claim", "/invite"} {
		b.Look(path)
	}
	b.enter(h, ana)
	for _, path := range []string{"/account/sessions", "/account/data", "/people?q=cleo", "/keys", "/scanners", "/audit", "/audit?actor=nobody"} {
		b.Look(path)
	}
	b.posted("/people", `form[action="/people/invites"] button`, ".once")
	b.posted("/audit", `form[action="/audit/check"] button`, ".once")
	b.Open("/keys")
	b.Do(chromedp.SendKeys(chromedp.CSS("#name"), "till"))
	b.posted("", `form[action="/keys"] button`, ".once")
	b.Open("/scanners")
	b.Do(chromedp.SendKeys(chromedp.CSS("#name"), "Gate B"), chromedp.SendKeys(chromedp.CSS("#event"), "summer"))
	b.posted("", `form[action="/scanners"] button`, ".qr")
	b.Open("/account/data")
	b.Do(chromedp.Click(chromedp.CSS(".who summary")))
	b.Inspect("the menu, open")
	b.within("the menu", ".who-menu")
	b.Quiet()
}

// posted sends a form and looks at the page that answers.
func (b browser) posted(path, button, then string) {
	b.t.Helper()
	if path != "" {
		b.Open(path)
	}
	b.Do(chromedp.Click(chromedp.CSS(button)))
	b.Until(`document.querySelector("` + then + `") !== null && document.readyState === "complete"`)
	b.Inspect("after " + button)
}

// within fails when a part of the page lies outside the window, at any width.
func (b browser) within(what, part string) {
	b.t.Helper()
	for _, width := range []int64{320, 390, 600, 780, 900, 1280} {
		b.Dress(width, "light")
		inside, err := chromedp.Run(b.Ctx, chromedp.Evaluate[bool](`(r => r.left >= 0 && r.right <= innerWidth)(document.querySelector("`+part+`").getBoundingClientRect())`))
		if err != nil || !inside {
			b.t.Errorf("%s lies outside the window at %d, %v", what, width, err)
		}
	}
}
