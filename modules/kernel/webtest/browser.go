package webtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Browser is a tab of a real Chromium that remembers what went wrong in it.
type Browser struct {
	Ctx  context.Context // for chromedp's own calls
	Base string          // of paths; "" takes whole URLs

	t        testing.TB
	up       string // the way to the root of the tree
	mu       sync.Mutex
	complain []string // console errors, exceptions, refusals of the content policy
}

// Browse serves a site and opens a tab on it, with a network of its own: loopback alone.
func Browse(t testing.TB, site http.Handler) *Browser {
	t.Helper()
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	return NewBrowser(t, server.URL)
}

// NewBrowser opens a tab. Chromium ends with the test, and after four minutes at the most.
// more are further flags of chromedp, such as a camera that is played from a file.
func NewBrowser(t testing.TB, base string, more ...chromedp.ExecAllocatorOption) *Browser {
	t.Helper()
	return NewBrowserUp(t, base, filepath.Join("..", ".."), more...)
}

// NewBrowserUp is NewBrowser for a package elsewhere: up is the way to the root of the tree.
func NewBrowserUp(t testing.TB, base, up string, more ...chromedp.ExecAllocatorOption) *Browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-sync", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(options, more...)...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &Browser{t: t, Ctx: ctx, Base: base, up: up}
	b.Do(chromedp.Steps()) // starts Chromium
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

// Do runs steps and fails the test when one fails.
func (b *Browser) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.Ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// Open goes to a path of Base.
func (b *Browser) Open(path string) { b.t.Helper(); b.Do(chromedp.Navigate(b.Base + path)) }

// Until waits for an expression to become true, over navigations too.
func (b *Browser) Until(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.Ctx, 20*time.Second)
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
			text, _ := chromedp.Run(b.Ctx, chromedp.Evaluate[string]("document.body.innerText"))
			b.t.Fatalf("%s: %v; the page says:\n%s", expression, err, text)
		}
	}
}

// Text is what an expression gives.
func (b *Browser) Text(expression string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.Ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		b.t.Fatal(expression, err)
	}
	return text
}

// Dress sets the width of the window and whether it is "light" or "dark".
func (b *Browser) Dress(width int64, scheme string) {
	b.t.Helper()
	b.Do(chromedp.EmulateViewport(width, 900))
	_, err := chromedp.Call(b.Ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	if err != nil {
		b.t.Fatal(err)
	}
}

// Scripts turns a page's own scripts on or off, from the next page on.
func (b *Browser) Scripts(on bool) {
	b.t.Helper()
	if _, err := chromedp.Call(b.Ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on}); err != nil {
		b.t.Fatal(err)
	}
}

const axeRules = `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r => JSON.stringify(r.violations))`

// violation is a part of what axe-core reports.
type violation struct {
	ID, Help string
	Nodes    []struct{ HTML, FailureSummary string }
}

// Accessible fails when axe-core finds something on the page as it is now.
func (b *Browser) Accessible(where string) {
	b.t.Helper()
	axe, err := os.ReadFile(filepath.Join(b.up, "web", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		b.t.Fatalf("axe-core is missing, run make assets: %v", err)
	}
	b.Do(chromedp.Steps(chromedp.Evaluate[chromedp.Void](string(axe) + ";void 0")))
	report, err := chromedp.Run(b.Ctx, chromedp.Evaluate[string](axeRules, chromedp.EvalAwaitPromise))
	var found []violation
	if err == nil {
		err = json.Unmarshal([]byte(report), &found)
	}
	if err != nil {
		b.t.Fatal(where, err)
	}
	for _, v := range found {
		b.t.Errorf("%s: %s: %s\n%s\n%s", where, v.ID, v.Help, v.Nodes[0].HTML, v.Nodes[0].FailureSummary)
	}
}

// dresses are a phone and a desk, by day and by night.
var dresses = []struct {
	width  int64
	scheme string
}{{390, "light"}, {390, "dark"}, {1280, "light"}, {1280, "dark"}}

// Look opens a page at phone and desktop width, light and dark, and fails when it is wider
// than the window or axe-core finds something. It waits until these expressions are true.
func (b *Browser) Look(path string, until ...string) {
	b.t.Helper()
	for _, d := range dresses {
		b.LookAs(path, d.width, d.scheme, until...)
	}
}

// LookAs is Look at one width, light or dark.
func (b *Browser) LookAs(path string, width int64, scheme string, until ...string) {
	b.t.Helper()
	b.Dress(width, scheme)
	b.Open(path)
	b.Until(`document.readyState === "complete"`)
	for _, expression := range until {
		b.Until(expression)
	}
	b.judge(path, width, scheme)
}

// Inspect is Look for the page that is open, such as the answer to a form.
func (b *Browser) Inspect(what string) {
	b.t.Helper()
	for _, d := range dresses {
		b.Dress(d.width, d.scheme)
		b.judge(what, d.width, d.scheme)
	}
}

// judge looks at the page as it is now. When USHER_PICTURES names a folder, it keeps a
// picture there, for people to look at.
func (b *Browser) judge(what string, width int64, scheme string) {
	b.t.Helper()
	over, err := chromedp.Run(b.Ctx, chromedp.Evaluate[float64](`document.documentElement.scrollWidth - innerWidth`))
	if err != nil || over > 0 {
		b.t.Errorf("%s at %d, %s: %v pixels too wide, %v", what, width, scheme, over, err)
	}
	if dir := os.Getenv("USHER_PICTURES"); dir != "" {
		name := strings.Trim(notInNames.ReplaceAllString(what, "-"), "-")
		b.take(filepath.Join(dir, fmt.Sprintf("%.150s-%d-%s.png", name, width, scheme)), chromedp.FullScreenshot(100))
	}
	b.Accessible(fmt.Sprintf("%s at %d, %s", what, width, scheme))
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// Quiet fails when the console complained since the last call, except of texts that hold
// one of these. Without `make assets` the files of vendor are missing, and the pages must
// do without.
func (b *Browser) Quiet(except ...string) {
	b.t.Helper()
	if !b.Vendored() {
		except = append(except, "/assets/vendor/")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complain {
		if !slices.ContainsFunc(except, func(e string) bool { return strings.Contains(c, e) }) {
			b.t.Error("console: " + c)
		}
	}
	b.complain = nil
}

// Vendored reports whether `make assets` was run: pages have other people's scripts.
func (b *Browser) Vendored() bool {
	_, err := os.Stat(filepath.Join(b.up, "web", "assets", "vendor", "htmx.min.js"))
	return err == nil
}

// Picture writes what is seen to a PNG file, for people to look at.
func (b *Browser) Picture(path string) {
	b.t.Helper()
	b.take(path, chromedp.CaptureScreenshot())
}

func (b *Browser) take(path string, shot chromedp.Action[[]byte]) {
	b.t.Helper()
	png, err := chromedp.Run(b.Ctx, shot)
	if err == nil {
		err = os.WriteFile(path, png, 0o644) //nolint:gosec // G306: a picture for everybody
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
