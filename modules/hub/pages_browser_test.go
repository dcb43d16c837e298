package hub

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/usherhq/usher/modules/hub/push"
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
func newBrowser(t *testing.T, s *Service) *browser {
	t.Helper()
	server := httptest.NewServer(newSite(t, s))
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

// quiet fails when the console complained. Without `make assets` the files of
// vendor are missing, and the pages must do without.
func (b *browser) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complain {
		if strings.Contains(c, "/assets/vendor/") && !vendored() {
			continue
		}
		b.t.Error("console:", c)
	}
}

func vendored() bool {
	_, err := os.Stat("../../web/assets/vendor/htmx.min.js")
	return err == nil
}

func TestBrowserSeesProgressMove(t *testing.T) {
	r := newRig(t)
	for i := range 30 {
		r.phone(push.Services[i%3], i, "", tagged("fan"))
	}
	n := r.send(hello)
	b := newBrowser(t, r.Service)
	b.open("/notifications/" + n.ID.String())
	b.until(`document.querySelector("#progress progress").value === 0 && document.querySelector("[data-live]") !== null`)
	r.clock.Advance(3 * time.Second)
	b.until(`document.querySelector("#progress").innerText.includes("3.0 s")`) // an event arrived
	r.work()
	b.until(`document.querySelector("#progress progress").value === 30`)
	b.until(`document.querySelector("#said").textContent.startsWith("Finished")`)
	b.until(`document.querySelector("#progress .state").textContent === "done" && !document.querySelector("#cancel")`)
	b.quiet()
}

func TestBrowserCountsTheAudienceWhileTyping(t *testing.T) {
	if !vendored() {
		t.Log("web/assets/vendor is missing: the count is told by the preview alone")
	}
	r := newRig(t)
	r.phone(push.APNs, 1, "", tagged("fan"))
	r.phone(push.FCM, 2, "", tagged("fan", "vip"))
	b := newBrowser(t, r.Service)
	b.open("/notifications/new")
	b.until(`document.querySelector("#audience").innerText.startsWith("2 ")`)
	if vendored() {
		b.do(chromedp.SendKeys(chromedp.CSS("#tags"), "vip"))
		b.until(`document.querySelector("#audience").innerText.startsWith("1 installation")`)
	}
	b.do(chromedp.SendKeys(chromedp.CSS("#title-0"), "Doors open\r")) // Enter previews, it does not send
	b.until(`document.querySelector("#preview .phone") !== null`)
	b.quiet()
}

// Every page, in both colour schemes, on a phone and on a desk: nothing reaches
// beyond the window, and axe-core finds nothing against WCAG 2.2 AA.
func TestBrowserFindsPagesAccessible(t *testing.T) {
	r := newRig(t)
	b := newBrowser(t, r.Service)
	b.look("/reach")
	for i := range 9 {
		r.phone(push.Services[i%3], i, "", speaks([]string{"de", "ar", "en"}[i/3]), tagged("fan", "stage:main"))
	}
	r.phone(push.APNs, 10, "dead4101")
	r.phone(push.APNs, 11, "dead4002")
	r.phone(push.FCM, 12, "badpayload-")
	n := r.send(hello)
	r.work()
	at := r.clock.Now().Add(time.Hour)
	later := r.send(Draft{Template: "alert", SendAt: &at, Properties: map[string]any{"title": "Later"}})
	r.must(r.pauseCredential(t.Context(), "festival", push.FCM, "SENDER_ID_MISMATCH"))
	for _, path := range []string{"/reach", "/notifications", "/notifications/" + n.ID.String() + "?installation=apns-0", "/notifications/" + later.ID.String(),
		"/notifications/new", "/installations", "/installations?tags=%26", "/installations/festival/apns-0", "/nothing-here"} {
		b.look(path)
	}
	b.complain = b.withoutRefusals()
	b.quiet()
}

// withoutRefusals leaves out that an error page has an error's status.
func (b *browser) withoutRefusals() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var rest []string
	for _, c := range b.complain {
		if !strings.Contains(c, "/nothing-here") && !strings.Contains(c, "tags=%26") {
			rest = append(rest, c)
		}
	}
	return rest
}

// look checks one page in every dress.
func (b *browser) look(path string) {
	b.t.Helper()
	axe, err := os.ReadFile(filepath.Join("..", "..", "web", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		b.t.Fatalf("axe-core is missing, run make assets: %v", err)
	}
	for _, width := range []int64{390, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			b.dressed(width, scheme)
			b.open(path)
			b.until(`document.readyState === "complete"`)
			over, err := chromedp.Run(b.ctx, chromedp.Evaluate[float64](`document.documentElement.scrollWidth - innerWidth`))
			if err != nil || over > 0 {
				b.t.Errorf("%s at %d: %v pixels too wide, %v", path, width, over, err)
			}
			b.judge(string(axe), path, width, scheme)
		}
	}
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
