package analytics

import (
	"testing"

	"github.com/usherhq/usher/modules/kernel/webtest"
)

func TestBrowserFindsStreamPagesAccessible(t *testing.T) {
	r := newStreamRig(t)
	r.came()
	r.happen(sale("vip", minute(0)), sale("<day>", minute(0)))
	parked := r.parked(2)[0]
	b := webtest.Browse(t, newQuerySite(t, r.Service))
	for _, path := range []string{"/stream", "/stream/listeners", "/stream/listeners/analytics.carts/replay?from=2026-06-01T12:00", "/stream/parked",
		"/stream/parked/" + parked.ID.String(), "/stream/log", factLink(parked.Fact), "/stream/export"} {
		b.Look(path, drawn)
	}
	b.Quiet()
}

// What comes in shows in the page without anybody loading it again.
func TestBrowserSeesEventsComeIn(t *testing.T) {
	r := newStreamRig(t)
	b := webtest.Browse(t, newQuerySite(t, r.Service))
	b.Open("/stream")
	b.Until(`document.querySelector("#numbers").textContent.includes("Nothing came in") && document.querySelector(".uplot") !== null`)
	r.came()
	b.Until(`document.querySelector("#numbers .figures dd").textContent === "150"`)
	b.Until(`[...document.querySelectorAll("#line tbody td:nth-child(2)")].some((c) => c.dataset.v === "120")`)
	b.Quiet()
}
