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

// The statement of who holds readers back may be one long word.
func TestBrowserShowsWhoHoldsReadersBack(t *testing.T) {
	r := newStreamRig(t)
	tx, err := r.db.Pool().Begin(t.Context())
	r.must(err)
	defer func() { _ = tx.Rollback(t.Context()) }()
	_, err = tx.Exec(t.Context(), `CREATE TEMP TABLE a_table_whose_name_is_as_long_as_postgresql_takes_names_to_be (n int)`)
	r.must(err)
	r.happen(sale("vip", minute(0)))
	b := webtest.Browse(t, newQuerySite(t, r.Service))
	b.Look("/stream/listeners", `document.querySelector(".alert dd code") !== null`)
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
