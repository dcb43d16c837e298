package analytics

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// queryTab is a tab of a real Chromium on the query pages.
type queryTab struct {
	t    *testing.T
	ctx  context.Context
	base string

	mu       sync.Mutex
	complain []string // console errors, exceptions, refusals of the content policy
}

func newQueryTab(t *testing.T, s *Service) *queryTab {
	t.Helper()
	server := httptest.NewServer(newQuerySite(t, s, nil))
	t.Cleanup(server.Close)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-sync", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &queryTab{t: t, ctx: ctx, base: server.URL}
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

func (b *queryTab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// until waits for an expression to become true.
func (b *queryTab) until(expression string) {
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

// quiet fails when the console complained.
func (b *queryTab) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complain {
		b.t.Error("console:", c)
	}
}

// look checks a page in both colour schemes, on a phone and on a desk: nothing
// reaches beyond the window, and axe-core finds nothing against WCAG 2.2 AA.
func (b *queryTab) look(axe, path string) {
	b.t.Helper()
	const rules = `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r => JSON.stringify(r.violations))`
	for _, width := range []int64{390, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			b.do(chromedp.EmulateViewport(width, 900))
			if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}); err != nil {
				b.t.Fatal(err)
			}
			b.do(chromedp.Navigate(b.base + path))
			b.until(`document.readyState === "complete"`)
			b.until(`document.querySelector("[data-live]") === null || document.querySelector(".uplot") !== null || document.querySelectorAll("#line tbody tr").length < 2`)
			over, err := chromedp.Run(b.ctx, chromedp.Evaluate[float64](`document.documentElement.scrollWidth - innerWidth`))
			if err != nil || over > 0 {
				b.t.Errorf("%s at %d: %v pixels too wide, %v", path, width, over, err)
			}
			if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[chromedp.Void](axe+";void 0")); err != nil {
				b.t.Fatal(err)
			}
			report, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](rules, chromedp.EvalAwaitPromise))
			if err != nil {
				b.t.Fatal(err)
			}
			var found []struct {
				ID, Help string
				Nodes    []struct{ HTML, FailureSummary string }
			}
			if err := json.Unmarshal([]byte(report), &found); err != nil {
				b.t.Fatal(err)
			}
			for _, v := range found {
				b.t.Errorf("%s at %d, %s: %s: %s\n%s\n%s", path, width, scheme, v.ID, v.Help, v.Nodes[0].HTML, v.Nodes[0].FailureSummary)
			}
		}
	}
}

func TestBrowserFindsQueryPagesAccessible(t *testing.T) {
	axe, err := os.ReadFile(filepath.Join("..", "..", "web", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("axe-core is missing, run make assets: %v", err)
	}
	b := newQueryTab(t, busyQueries(t).Service)
	for _, path := range []string{"/queries", "/queries/sales-by-category", "/queries/new"} {
		b.look(string(axe), path)
	}
	b.quiet()
}

// A fact that happens shows in the page within seconds, and becomes final there.
func TestBrowserSeesAWindowGrowAndBecomeFinal(t *testing.T) {
	r := newQueryRig(t)
	q := r.create(sales("sales"))
	r.run(r.Service)
	b := newQueryTab(t, r.Service)
	b.do(chromedp.Navigate(b.base + "/queries/sales"))
	b.until(`document.querySelector("#open td").textContent === "No window is open."`)
	r.clock.Advance(time.Second)
	r.happen(sale("a", r.clock.Now()), sale("b", r.clock.Now()))
	b.until(`document.querySelector("#open [data-label=Value]")?.textContent === "2"`)
	b.until(`document.querySelector("#line tbody tr")?.dataset.state === "provisional"`)
	r.settled()
	r.finalsAt(q, minute(3))
	b.until(`document.querySelector("#line tbody tr")?.dataset.state === "final"`)
	b.quiet()
}
