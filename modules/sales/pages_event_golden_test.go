package sales

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

var (
	goldenID    = id.ID{0x01, 0x98, 0x0c, 15: 7}
	goldenStart = time.Date(2027, 6, 1, 18, 0, 0, 0, time.UTC)
)

// goldenEventPages are the views by "<template>-<state>".
func goldenEventPages() map[string]any {
	pool := Pool{ID: id.ID{15: 3}, Name: "Main floor", Capacity: 600, Protected: []int{100}, Sold: 300, Held: 20}
	e := Event{ID: goldenID, Slug: "jazz", Names: map[string]Text{"en": {Title: "Jazz <night>"}, "de": {Title: "Jazznacht", Description: "Ein Abend.\n\nZwei Bühnen."}}, Locales: []string{"en", "de"},
		Venue: "Hall", Zone: "Europe/Berlin", Currency: "EUR", State: EventPublished, StartsAt: goldenStart, SaleFrom: &goldenStart, Version: 7, Pools: []Pool{pool},
		Categories: []Category{
			{ID: id.ID{15: 1}, Names: map[string]Text{"en": {Title: "Floor"}}, PriceMinor: 4900, FeeMinor: 250, Capacity: 500, MinPerOrder: 1, MaxPerOrder: 10, Pool: &pool.ID, Class: 2, Sold: 300, Held: 20, Free: 180},
			{ID: id.ID{15: 2}, Names: map[string]Text{"en": {Title: "Friends"}}, Capacity: 4, MinPerOrder: 1, MaxPerOrder: 2, Hidden: true, Rows: 2, Columns: 2, Sold: 4},
		}}
	head := eventHead{ID: e.ID, Title: e.Title(), Slug: e.Slug, State: "published", Tab: "overview", Version: 7, When: e.on(&e.StartsAt), Zone: e.Zone}
	tab := func(name string) eventHead { h := head; h.Tab = name; return h }
	wrong := []fault.Field{{Name: "sale_until", Problem: "has passed, so nothing could be sold", Fix: "a moment to come"}}
	overview := eventPage{Head: head, Categories: views(&e), Sold: 304, Held: 20, Left: 180, Revenue: "15450.00 EUR", Event: e, SaleFrom: e.on(e.SaleFrom), Waiting: 2, Actions: stateActions[e.State]}
	draft := overview
	draft.Event.State, draft.Head.State, draft.Missing, draft.Wrong, draft.Categories = EventDraft, EventDraft, wrong, wrong, nil
	over := overview
	over.Event.State, over.Head.State, over.ToRefund, over.Returns, over.ToSend, over.ToJudge, over.Actions, over.Done = EventCancelled, EventCancelled, &Outstanding{Orders: 3}, "78.00 EUR", 2, 1, nil, doneWords["all"]
	row := eventRowView{eventHead: head, Venue: e.Venue, Sold: 304, Capacity: 504, Bar: newStockBar(304, 20, 504)}
	details := head
	refused := eventFormPage{Head: &details, Form: formOfEvent(&e), Wrong: map[string][]fault.Field{"slug": {{Name: "slug", Problem: "is taken by another event", Fix: "choose another"}}}}
	code := codeView{Code: Code{ID: id.ID{15: 4}, Code: "EARLY", Permille: 100, MaxUses: 10, Used: 3, Held: 1}, Does: "10 % off", For: "Floor"}
	waiting := waitingView{Waiting: Waiting{ID: id.ID{15: 5}, Email: "ana@example.org", Qty: 2, State: waitOffered, OfferedQty: 1}, Category: "Friends", Since: e.on(&e.StartsAt), Until: e.on(&e.StartsAt), Link: "/x"}
	v := textView{Locale: "de", Name: "de", Text: e.Names["de"], Categories: []categoryText{{id.ID{15: 1}, "Floor", Text{}}}}
	return map[string]any{
		"events-none":     eventsPage{Empty: true, First: true, Shown: "coming"},
		"events-some":     eventsPage{Rows: []eventRowView{row}, Shown: "all", Next: "c"},
		"event-published": overview,
		"event-refunds":   over,
		"event-draft":     draft,
		"eventform-new":   eventFormPage{Form: eventForm{Zone: "Europe/Berlin"}},
		"eventform-wrong": refused,
		"categories-some": categoriesPage{Head: tab("categories"), Categories: views(&e), Pools: []poolView{{Pool: pool, Levels: "100", Bar: newStockBar(300, 20, 600), Shared: []string{"2: Floor"}}}, Tried: pool.ID.String(), Wrong: map[string][]fault.Field{"protected": {{Name: "protected", Problem: "falls"}}}},
		"category-some":   categoryPage{Head: tab("categories"), ID: e.Categories[0].ID.String(), Form: formOfCategory(&e.Categories[0], &e), Currency: "EUR", Pools: e.Pools, Taken: 320, Prices: []priceView{{"49.00", "2.50", "first price", "ana", e.on(&e.StartsAt)}}},
		"codes-some":      codesPage{Head: tab("codes"), Rows: []codeView{code}, Next: "EARLY", Form: codeForm{Kind: "amount", Value: "x"}, Categories: views(&e), Currency: "EUR", Wrong: map[string][]fault.Field{"permille": {{Name: "permille", Problem: "is no amount in EUR", Fix: "such as 12.50"}}}},
		"waitlist-some":   waitlistPage{Head: tab("waitlist"), Rows: []waitingView{waiting}, First: true, Next: "9"},
		"waitlist-none":   waitlistPage{Head: tab("waitlist")},
		"texts-some":      textsPage{Head: tab("texts"), Languages: []textView{v}, Wrong: wrong},
		"import-first":    importPage{Columns: importColumns},
		"import-wrong":    importPage{Columns: importColumns, Text: "slug\nx", Done: &Imported{Errors: []LineError{{2, "price", `"zwölf" is no amount in EUR`, "such as 12.50"}}}},
	}
}

func TestGoldenEventPages(t *testing.T) { webtest.Golden(t, "sales", goldenEventPages()) }

// The golden files hold what the templates draw, not what was forgotten.
func TestEveryEventTemplateIsTried(t *testing.T) {
	pages := goldenEventPages()
	for _, template := range []string{"events", "event", "eventform", "categories", "category", "codes", "waitlist", "texts", "import"} {
		found := false
		for name := range pages {
			found = found || strings.HasPrefix(name, template+"-")
		}
		if _, err := fs.Stat(webtest.Files(), filepath.Join("templates", "sales", template+".html")); err != nil || !found {
			t.Errorf("%s: tried %v, %v", template, found, err)
		}
	}
}
