package app

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/usherhq/usher/modules/identity/oidctest"
)

// tab is a tab of a real Chromium.
type tab struct {
	t   *testing.T
	ctx context.Context
}

func newTab(t *testing.T) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-sync", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return &tab{t: t, ctx: ctx}
}

func (b *tab) open(address string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Navigate(address)); err != nil {
		b.t.Fatal(err)
	}
}

// until waits for an expression to become true, over navigations too.
func (b *tab) until(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		if ok && err == nil {
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText"))
			b.t.Fatalf("%s: %v; the page says:\n%s", expression, err, text)
		}
	}
}

// press presses the button or link with this text.
func (b *tab) press(text string) {
	b.t.Helper()
	const find = `[...document.querySelectorAll("button, a")].find(x => x.textContent.includes(%q))`
	b.until(fmt.Sprintf(`document.readyState === "complete" && !!`+find, text))
	b.until(fmt.Sprintf(`(`+find+`.click(), true)`, text))
}

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

	b := newTab(t)
	b.open(h.url + "/claim#" + secret)
	b.until(`location.pathname === "/sign-in" && document.body.innerText.includes("become the owner")`)
	b.press("The club")
	b.press("Continue as Ana")
	b.until(`location.pathname === "/" && location.origin === ` + fmt.Sprintf("%q", h.url) + ` && document.body.innerText.includes("Ana")`)

	b.press("Sign out")
	b.until(`location.pathname === "/sign-in"`)
	b.open(h.url + "/notifications?app=festival")
	b.until(`location.pathname === "/sign-in"`)
	b.press("The club")
	b.press("Continue as Ana")
	b.until(`location.pathname + location.search === "/notifications?app=festival" && !document.body.innerText.includes("403")`)

	// Somebody else who signs in is a customer: the dashboard is not theirs.
	b.press("Sign out")
	b.until(`location.pathname === "/sign-in"`)
	b.open(h.url + "/notifications")
	b.press("The club")
	b.press("Continue as Ben")
	b.until(`location.pathname === "/notifications" && document.body.innerText.includes("403")`)
}
