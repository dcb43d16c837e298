package analytics

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestBrowserFindsStreamPagesAccessible(t *testing.T) {
	axe, err := os.ReadFile(filepath.Join("..", "..", "web", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("axe-core is missing, run make assets: %v", err)
	}
	r := newStreamRig(t)
	r.came()
	r.happen(sale("vip", minute(0)), sale("<day>", minute(0)))
	parked := r.parked(2)[0]
	b := newQueryTab(t, r.Service)
	for _, path := range []string{"/stream", "/stream/listeners", "/stream/listeners/analytics.carts/replay?from=2026-06-01T12:00", "/stream/parked",
		"/stream/parked/" + parked.ID.String(), "/stream/log", factLink(parked.Fact), "/stream/export"} {
		b.look(string(axe), path)
	}
	b.quiet()
}

// What comes in shows in the page without anybody loading it again.
func TestBrowserSeesEventsComeIn(t *testing.T) {
	r := newStreamRig(t)
	b := newQueryTab(t, r.Service)
	b.do(chromedp.Navigate(b.base + "/stream"))
	b.until(`document.querySelector("#numbers").textContent.includes("Nothing came in") && document.querySelector(".uplot") !== null`)
	r.came()
	b.until(`document.querySelector("#numbers .figures dd").textContent === "150"`)
	b.until(`[...document.querySelectorAll("#line tbody td:nth-child(2)")].some((c) => c.dataset.v === "120")`)
	b.quiet()
}
