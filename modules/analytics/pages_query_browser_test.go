package analytics

import (
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/webtest"
)

// drawn is true when a page's live line is drawn, or has too little to draw.
const drawn = `document.querySelector("[data-live]") === null || document.querySelector(".uplot") !== null || document.querySelectorAll("#line tbody tr").length < 2`

func TestBrowserFindsQueryPagesAccessible(t *testing.T) {
	b := webtest.Browse(t, newQuerySite(t, busyQueries(t).Service))
	for _, path := range []string{"/queries", "/queries/sales-by-category", "/queries/new"} {
		b.Look(path, drawn)
	}
	b.Quiet()
}

// A fact that happens shows in the page within seconds, and becomes final there.
func TestBrowserSeesAWindowGrowAndBecomeFinal(t *testing.T) {
	r := newQueryRig(t)
	q := r.create(sales("sales"))
	r.run(r.Service)
	b := webtest.Browse(t, newQuerySite(t, r.Service))
	b.Open("/queries/sales")
	b.Until(`document.querySelector("#open td").textContent === "No window is open."`)
	r.clock.Advance(time.Second)
	r.happen(sale("a", r.clock.Now()), sale("b", r.clock.Now()))
	b.Until(`document.querySelector("#open [data-label=Value]")?.textContent === "2"`)
	b.Until(`document.querySelector("#line tbody tr")?.dataset.state === "provisional"`)
	r.settled()
	r.finalsAt(q, minute(3))
	b.Until(`document.querySelector("#line tbody tr")?.dataset.state === "final"`)
	b.Quiet()
}
