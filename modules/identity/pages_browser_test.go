package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/web"
)

// browser is a tab of a real Chromium that remembers what went wrong in it.
type browser struct {
	t    *testing.T
	ctx  context.Context
	base string

	mu       sync.Mutex
	complain []string // console errors, exceptions, refusals of the content policy
}

// newBrowser opens a tab on a site with a network of its own: loopback alone.
func newBrowser(t *testing.T, h *house) *browser {
	t.Helper()
	server := httptest.NewServer(newSite(t, h))
	t.Cleanup(server.Close)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-sync", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, base: server.URL}
	b.do(chromedp.Steps()) // starts Chromium
	console := chromedp.Console(ctx)
	go func() {
		for m, err := range console {
			if err != nil {
				return
			}
			if m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleException {
				b.mu.Lock()
				b.complain = append(b.complain, m.Text+" "+m.URL)
				b.mu.Unlock()
			}
		}
	}()
	return b
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) open(path string) { b.t.Helper(); b.do(chromedp.Navigate(b.base + path)) }

// until waits for an expression to become true, over navigations too.
func (b *browser) until(expression string) {
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
			text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
			b.t.Fatalf("%s: %v; the page says:\n%s", expression, err, text)
		}
	}
}

// dressed sets the width of the window and whether it is dark.
func (b *browser) dressed(width int64, scheme string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, 900))
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	if err != nil {
		b.t.Fatal(err)
	}
}

// enter gives the browser a session of the caller's.
func (b *browser) enter(h *house, c web.Caller) {
	b.t.Helper()
	var secret string
	h.must(func(tx *db.Tx) (err error) {
		secret, err = h.OpenSession(tx, Opening{Person: c.Person, Provider: "claim", Agent: "Chromium"})
		return err
	})
	if _, err := chromedp.Call(b.ctx, network.SetCookie, network.SetCookieParams{Name: cookieSession, Value: secret, URL: b.base, HTTPOnly: new(true)}); err != nil {
		b.t.Fatal(err)
	}
}

// quiet fails when the console complained of anything but the pages that are
// meant to have an error's status.
func (b *browser) quiet(refused ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complain {
		meant := strings.Contains(c, "/assets/vendor/")
		for _, path := range refused {
			meant = meant || strings.Contains(c, path)
		}
		if !meant {
			b.t.Error("console:", c)
		}
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
	b.open(link)
	b.until(`location.pathname === "/" && document.querySelector(".who summary").innerText.includes("Owner")`)
	b.open("/people")
	b.until(`document.querySelector("table.rows").innerText.includes("you")`)
	b.do(chromedp.Click(chromedp.CSS(".who summary")))
	b.until(`document.querySelector(".who").open`)
	b.do(chromedp.Click(chromedp.CSS(".who-menu form[action='/sign-out'] button")))
	b.until(`location.pathname === "/sign-in"`)
	b.open(link)
	b.until(`document.querySelector("[role=alert]") !== null && !location.hash`)
	b.quiet("/claim")
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
		b.look(path)
	}
	b.enter(h, ana)
	for _, path := range []string{"/account/sessions", "/account/data", "/people?q=cleo", "/keys", "/scanners", "/audit", "/audit?actor=nobody"} {
		b.look(path)
	}
	b.posted("/people", `form[action="/people/invites"] button`, ".once")
	b.posted("/audit", `form[action="/audit/check"] button`, ".once")
	b.open("/keys")
	b.do(chromedp.SendKeys(chromedp.CSS("#name"), "till"))
	b.posted("", `form[action="/keys"] button`, ".once")
	b.open("/scanners")
	b.do(chromedp.SendKeys(chromedp.CSS("#name"), "Gate B"), chromedp.SendKeys(chromedp.CSS("#event"), "summer"))
	b.posted("", `form[action="/scanners"] button`, ".qr")
	b.open("/account/data")
	b.do(chromedp.Click(chromedp.CSS(".who summary")))
	b.inspect("the menu, open")
	b.within("the menu", ".who-menu")
	b.quiet()
}

// posted sends a form and looks at the page that answers.
func (b *browser) posted(path, button, then string) {
	b.t.Helper()
	if path != "" {
		b.open(path)
	}
	b.do(chromedp.Click(chromedp.CSS(button)))
	b.until(`document.querySelector("` + then + `") !== null && document.readyState === "complete"`)
	b.inspect("after " + button)
}

// inDresses looks as a phone and as a desk, by day and by night.
func (b *browser) inDresses(look func(width int64, scheme string)) {
	for _, width := range []int64{390, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			b.dressed(width, scheme)
			look(width, scheme)
		}
	}
}

// look opens a page in every dress and inspects it.
func (b *browser) look(path string) {
	b.t.Helper()
	b.inDresses(func(width int64, scheme string) {
		b.open(path)
		b.until(`document.readyState === "complete"`)
		b.check(path, width, scheme)
	})
}

// inspect looks at the page that is open in every dress.
func (b *browser) inspect(what string) {
	b.t.Helper()
	b.inDresses(func(width int64, scheme string) { b.check(what, width, scheme) })
}

// within fails when a part of the page lies outside the window, at any width.
func (b *browser) within(what, part string) {
	b.t.Helper()
	for _, width := range []int64{320, 390, 600, 780, 900, 1280} {
		b.dressed(width, "light")
		inside, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](`(r => r.left >= 0 && r.right <= innerWidth)(document.querySelector("`+part+`").getBoundingClientRect())`))
		if err != nil || !inside {
			b.t.Errorf("%s lies outside the window at %d, %v", what, width, err)
		}
	}
}

// picture writes what people see into a folder, for somebody to look at.
func (b *browser) picture(dir, what string, width int64, scheme string) {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	name := fmt.Sprintf("%s-%d-%s.png", strings.Trim(notInNames.ReplaceAllString(what, "-"), "-"), width, scheme)
	if err := os.WriteFile(filepath.Join(dir, name), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

func (b *browser) check(what string, width int64, scheme string) {
	b.t.Helper()
	over, err := chromedp.Run(b.ctx, chromedp.Evaluate[float64](`document.documentElement.scrollWidth - innerWidth`))
	if err != nil || over > 0 {
		b.t.Errorf("%s at %d: %v pixels too wide, %v", what, width, over, err)
	}
	if dir := os.Getenv("USHER_PICTURES"); dir != "" {
		b.picture(dir, what, width, scheme)
	}
	axe, err := os.ReadFile(filepath.Join("..", "..", "web", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		b.t.Fatalf("axe-core is missing, run make assets: %v", err)
	}
	b.judge(string(axe), what, width, scheme)
}

// violation is a part of what axe-core reports.
type violation struct {
	ID, Help string
	Nodes    []struct {
		HTML           string
		FailureSummary string
	}
}

func (b *browser) judge(axe, path string, width int64, scheme string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[chromedp.Void](axe+";void 0")); err != nil {
		b.t.Fatal(err)
	}
	const rules = `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r => JSON.stringify(r.violations))`
	report, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](rules, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	var found []violation
	if err := json.Unmarshal([]byte(report), &found); err != nil {
		b.t.Fatal(err)
	}
	for _, v := range found {
		b.t.Errorf("%s at %d, %s: %s: %s\n%s\n%s", path, width, scheme, v.ID, v.Help, v.Nodes[0].HTML, v.Nodes[0].FailureSummary)
	}
}
