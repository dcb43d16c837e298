package sales

import (
	"testing"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

// TestBrowserFindsEventPagesAccessible looks at every page of the catalogue on a phone
// and a desk, by day and by night: nothing too wide, nothing that axe-core complains of.
func TestBrowserFindsEventPagesAccessible(t *testing.T) {
	h := newHouse(t)
	e := festival(h)
	b := webtest.Browse(t, newSite(t, nil, h.eventPages()))
	there := "/events/" + e.ID.String()
	for _, path := range []string{"/events", "/events/new", "/events/import", there, there + "/details", there + "/categories", there + "/categories/new",
		there + "/categories/" + e.Categories[0].ID.String(), there + "/codes", there + "/waitlist?all=yes", there + "/texts"} {
		b.Look(path)
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
