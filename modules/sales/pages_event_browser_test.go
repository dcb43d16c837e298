package sales

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/usherhq/usher/modules/kernel/db"
)

// TestBrowserFindsEventPagesAccessible looks at every page of the catalogue on a phone
// and a desk, by day and by night: nothing too wide, nothing that axe-core complains of.
func TestBrowserFindsEventPagesAccessible(t *testing.T) {
	h := newHouse(t)
	site := newSite(t, nil, h.eventPages())
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	e := festival(h)
	b := newEventBrowser(t)
	there := "/events/" + e.ID.String()
	for _, path := range []string{"/events", "/events/new", "/events/import", there, there + "/details", there + "/categories", there + "/categories/new",
		there + "/categories/" + e.Categories[0].ID.String(), there + "/codes", there + "/waitlist?all=yes", there + "/texts"} {
		b.look(server.URL, path)
	}
}

// festival is an event with something of everything.
func festival(h *house) Event {
	h.t.Helper()
	e := h.draft(func(e *Event) {
		e.Slug, e.Venue, e.Series = "summer-festival", "Treptower Park, Berlin", "Summer"
		e.Names = map[string]Text{"en": {Title: "Summer Festival", Summary: "Two stages, one park."}, "de": {Title: "Sommerfestival"}}
	})
	var p Pool
	h.in(func(tx *db.Tx) (err error) {
		p, err = h.AddPool(tx, Pool{Event: e.ID, Name: "Main floor", Capacity: 600, Protected: []int{100}}, nil)
		return err
	})
	h.add(e, Category{Names: named("Standing"), PriceMinor: 4900, FeeMinor: 250, TaxPermille: 190, Capacity: 500, Pool: &p.ID, Class: 2})
	h.add(e, Category{Names: named("Front of stage"), PriceMinor: 8900, Capacity: 200, Pool: &p.ID, Class: 1})
	h.add(e, Category{Names: named("Balcony"), PriceMinor: 12000, Rows: 8, Columns: 12})
	h.add(e, Category{Names: named("Friends"), Capacity: 2, Hidden: true, MaxPerOrder: 2})
	h.code(Code{Code: "early", Permille: 100, MaxUses: 100, Note: "newsletter"})
	h.code(Code{Code: "friends", Opens: true})
	e = h.publish(e)
	for _, w := range []Wanted{{Category: e.Categories[0].ID, Qty: 8}, {Category: e.Categories[2].ID, Qty: 5}} {
		if _, err := h.buy(e, nil, w); err != nil {
			h.t.Fatal(err)
		}
	}
	if _, err := h.buy(e, []string{"friends"}, Wanted{Category: e.Categories[3].ID, Qty: 2}); err != nil {
		h.t.Fatal(err)
	}
	h.in(func(tx *db.Tx) error {
		_, err := h.JoinWaitlist(tx, Waiting{Event: e.ID, Category: e.Categories[3].ID, Qty: 1, Email: "ana@example.org"}, []string{"FRIENDS"})
		return err
	})
	lines, err := h.price(h.t.Context(), e.ID, []Wanted{{Category: e.Categories[1].ID, Qty: 10}}, []string{"early"})
	if err == nil {
		_, _, err = h.Hold(h.t.Context(), Purchase{Event: e.ID, Lines: lines, Currency: "EUR"})
	}
	if err != nil {
		h.t.Fatal(err)
	}
	e, err = h.Event(h.t.Context(), e.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

// eventBrowser is a tab of a real Chromium.
type eventBrowser struct {
	t   *testing.T
	ctx context.Context
	axe string
}

func newEventBrowser(t *testing.T) *eventBrowser {
	t.Helper()
	axe, err := os.ReadFile(filepath.Join("..", "..", "web", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("axe-core is missing, run make assets: %v", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-sync", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return &eventBrowser{t, ctx, string(axe)}
}

// look checks one page in every dress.
func (b *eventBrowser) look(base, path string) {
	b.t.Helper()
	for _, width := range []int64{390, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			b.dress(width, scheme)
			if err := chromedp.Do(b.ctx, chromedp.Navigate(base+path)); err != nil {
				b.t.Fatal(err)
			}
			over, err := chromedp.Run(b.ctx, chromedp.Evaluate[float64](`document.documentElement.scrollWidth - innerWidth`))
			if err != nil || over > 0 {
				b.t.Errorf("%s at %d: %v pixels too wide, %v", path, width, over, err)
			}
			b.judge(fmt.Sprintf("%s at %d, %s", path, width, scheme))
		}
	}
}

func (b *eventBrowser) dress(width int64, scheme string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(width, 900)); err != nil {
		b.t.Fatal(err)
	}
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *eventBrowser) judge(where string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[chromedp.Void](b.axe+";void 0")); err != nil {
		b.t.Fatal(err)
	}
	const rules = `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r => JSON.stringify(r.violations))`
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
		b.t.Errorf("%s: %s: %s\n%s\n%s", where, v.ID, v.Help, v.Nodes[0].HTML, v.Nodes[0].FailureSummary)
	}
}
