package sales

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

// buyAs sells tickets to somebody by name.
func (h *house) buyAs(e Event, name string, qty int) Order {
	h.t.Helper()
	lines, err := h.price(h.t.Context(), e.ID, []Wanted{{Category: e.Categories[0].ID, Qty: qty}}, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	buyer, err := json.Marshal(Buyer{Name: name, Email: strings.ToLower(name) + "@example.org", Locale: "en"})
	if err != nil {
		h.t.Fatal(err)
	}
	o, _, err := h.Order(h.t.Context(), Purchase{Event: e.ID, Lines: lines, Currency: "EUR", Buyer: buyer})
	if err != nil {
		h.t.Fatal(err)
	}
	return o
}

// names are those on a page of the list.
func names(found []Guest) string {
	var out []string
	for _, g := range found {
		out = append(out, fmt.Sprintf("%s/%d", g.Name, g.N))
	}
	return strings.Join(out, " ")
}

func TestDoorListIsSearchedSortedAndPaged(t *testing.T) {
	h := newHouse(t)
	e := h.concert(Category{PriceMinor: 1250, Capacity: 100})
	e, err := h.Event(t.Context(), e.ID)
	if err != nil {
		t.Fatal(err)
	}
	cleo, ana, ben := h.buyAs(e, "Cleo", 1), h.buyAs(e, "Ana", 2), h.buyAs(e, "Ben%_", 1)
	if _, err := h.handTo(ana, 2, 1, "Dora"); err != nil {
		t.Fatal(err)
	}
	h.exec(`UPDATE sales.ticket SET voided_at = now() WHERE order_id = $1`, ben.ID)
	h.report(e.ID, "north", Scan{ID: id.New(), Order: &cleo.ID, N: 1})
	for want, q := range map[string]GuestQuery{
		"Ana/1 Ben%_/1 Cleo/1 Dora/2": {},
		"Cleo/1 Ana/1 Dora/2 Ben%_/1": {By: "order"},
		"Cleo/1":                      {Which: "in"},
		"Ana/1 Dora/2":                {Which: "out"},
		"Ben%_/1":                     {Search: " %_ "},
		"Dora/2":                      {Search: "ben@EXAMPLE"}, // to whom it was handed
		"Ana/1 Dora/2 ":               {Search: strings.ToLower(orderRef(ana.ID))},
		"":                            {Search: "nobody"},
	} {
		q.Limit = 10
		found, next, err := h.Guests(t.Context(), &e, q)
		if err != nil || next != "" || names(found) != strings.TrimSpace(want) {
			t.Errorf("%+v: %s, %v; want %s", q, names(found), err, want)
		}
	}
	for _, place := range []guestPlace{{N: 1 << 40}, {N: -1}, {Name: "a\x00"}} {
		if _, _, err := h.Guests(t.Context(), &e, GuestQuery{Cursor: web.EncodeCursor(place), Limit: 1}); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "cursor") {
			t.Errorf("%+v: %v", place, err)
		}
	}
	for _, by := range []string{"name", "order"} {
		q, all := GuestQuery{By: by, Limit: 1}, []Guest{}
		for range 6 {
			found, next, err := h.Guests(t.Context(), &e, q)
			if err != nil {
				t.Fatal(err)
			}
			all, q.Cursor = append(all, found...), next
			if next == "" {
				break
			}
		}
		if want := map[string]string{"name": "Ana/1 Ben%_/1 Cleo/1 Dora/2", "order": "Cleo/1 Ana/1 Dora/2 Ben%_/1"}[by]; names(all) != want {
			t.Errorf("page by page, by %s: %s", by, names(all))
		}
	}
}

// Nobody at a door types accents, and lists are sorted as people read them.
func TestDoorListMindsNoAccents(t *testing.T) {
	h := newHouse(t)
	e := h.concert(Category{PriceMinor: 1250, Capacity: 100})
	e, err := h.Event(t.Context(), e.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Zoe", "Özdemir", "Ana Müller", "ändy", "Олег"} {
		h.buyAs(e, name, 1)
	}
	for want, search := range map[string]string{"Ana Müller/1 ändy/1 Özdemir/1 Zoe/1 Олег/1": "", "Ana Müller/1": "MULLER", "Ana Müller/1 ": "mu\u0308ll", "Özdemir/1": "ozd", "Олег/1": "олЕГ"} {
		found, _, err := h.Guests(t.Context(), &e, GuestQuery{Search: search, Limit: 10})
		if err != nil || names(found) != strings.TrimSpace(want) {
			t.Errorf("%s: %s, %v; want %s", search, names(found), err, want)
		}
	}
	if found, _, err := h.Guests(t.Context(), &e, GuestQuery{Search: "\u0301", Limit: 10}); err != nil || len(found) != 5 {
		t.Errorf("%s, %v", names(found), err)
	}
}

func TestDoorLetsInByHandWithoutJavaScript(t *testing.T) {
	h, _, o := boughtTickets(t, 2)
	site := newSite(t, nil, h.doorPages())
	there := "/events/" + o.Event.String() + "/door"
	shows(t, visit(site, there, nil), 200, "Ana", "Let in", "of 2", orderRef(o.ID))
	admit := there + "/" + o.ID.String() + "/1"
	shows(t, visit(site, admit, url.Values{"q": {"ana"}}), 200, "✓ Ticket 1 of "+orderRef(o.ID)+": let in.", `value="ana"`)
	shows(t, visit(site, admit, url.Values{}), 200, "✕ Ticket 1", "was used already, at ", "by ana.")
	shows(t, visit(site, admit, url.Values{"cursor": {web.EncodeCursor(guestPlace{Name: "ana", Order: o.ID, N: 1})}}), 200, `name="cursor"`, "ticket 2")
	shows(t, visit(site, there+"/"+o.ID.String()+"/x", url.Values{}), 404)
	shows(t, visit(site, there+"/"+id.New().String()+"/1", url.Values{}), 200, "is not known here")
	shows(t, visit(site, there+"/print", nil), 200, "✓", "☐", "Ana")
	shows(t, visit(site, there+"?which=nobody", nil), 400)
	shows(t, visit(site, "/events/"+o.Event.String()+"/doubles", nil), 200, "one person at most")
}

// Somebody pressed the wrong button: it is taken back, and seen afterwards.
func TestDoorUndoesWithoutJavaScript(t *testing.T) {
	h, _, o := boughtTickets(t, 2)
	site := newSite(t, nil, h.doorPages())
	there := "/events/" + o.Event.String() + "/door"
	admit, undo := there+"/"+o.ID.String()+"/1", there+"/"+o.ID.String()+"/1/undo"
	shows(t, visit(site, undo, url.Values{}), 409, "✕ Ticket 1", "nobody is in with it")
	shows(t, visit(site, admit, url.Values{}), 200, "let in.", undo, "Undo")
	shows(t, visit(site, undo, url.Values{"q": {"ana"}}), 200, "✓ Ticket 1 of "+orderRef(o.ID)+": not in any more.", `value="ana"`, "/doubles#undone")
	shows(t, visit(site, admit, url.Values{}), 200, "✓ Ticket 1", "let in.")
	shows(t, visit(site, there+"/"+o.ID.String()+"/x/undo", url.Values{}), 404)
	shows(t, visit(site, there+"/"+id.New().String()+"/1/undo", url.Values{}), 404)
	shows(t, visit(site, "/events/"+o.Event.String()+"/doubles", nil), 200, "Undone", "Taken back", "by <bdi>ana</bdi>")
}

// Who lets in is told what to take, and records it on the list.
func TestDoorListTakesWhatIsDueWithoutJavaScript(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	o, p := h.dueOrder(e, two)
	site := newSite(t, nil, h.doorPages())
	there := "/events/" + e.ID.String() + "/door"
	shows(t, visit(site, there, nil), 200, "€52.00 to pay", there+"/"+o.ID.String()+"/received", "Received")
	shows(t, visit(site, there+"/print", nil), 200, "€52.00 to pay")
	shows(t, visit(site, there+"/"+o.ID.String()+"/1", url.Values{}), 200, "✓ Ticket 1", "let in.", "<strong>€52.00 to pay.</strong>")
	take := there + "/" + o.ID.String() + "/received"
	shows(t, visit(site, take, url.Values{"amount_minor": {"2600"}}), 422, "✕ "+orderRef(o.ID), "another amount is due by now; take 52.00 EUR; give back")
	h.becomes(p, PaymentDue, "")
	rec := visit(site, take, url.Values{"amount_minor": {"5200"}, "q": {"ana"}})
	shows(t, rec, 200, "✓ €52.00 received for "+orderRef(o.ID), `value="ana"`)
	if strings.Contains(rec.Body.String(), "to pay") {
		t.Error("a ticket of the order still owes what was received for it")
	}
	shows(t, visit(site, take, url.Values{"amount_minor": {"5200"}}), 422, "the money was received already")
	shows(t, visit(site, take, url.Values{"amount_minor": {"x"}}), 404)
	h.becomes(p, PaymentSettled, "")
	h.auditMoney()
}

func TestDoublesPageTellsBothUses(t *testing.T) {
	h, _, o := boughtTickets(t, 1)
	ticket := h.ticket(o.ID, 1)
	at := h.db.Now().Add(-time.Hour).Truncate(time.Second)
	late := at.Add(time.Minute)
	h.report(o.Event, "north", Scan{ID: id.New(), Code: h.Code(&ticket), Offline: true, LetIn: true, ScannedAt: &late})
	h.report(o.Event, "south", Scan{ID: id.New(), Code: h.Code(&ticket), Offline: true, LetIn: true, ScannedAt: &at})
	site := newSite(t, nil, h.doorPages())
	in := at.In(berlin(t)).Format("2 Jan 15:04:05")
	shows(t, visit(site, "/events/"+o.Event.String()+"/doubles", nil), 200, in+" by <bdi>south</bdi>", late.In(berlin(t)).Format("15:04:05")+" by <bdi>north</bdi>", "offline")
	shows(t, visit(site, "/events/"+o.Event.String()+"/door", nil), 200, "2 times", "/doubles")
}

// A scanner's key opens its own door's list alone.
func TestDoorOfAnotherEventIsClosedToAScanner(t *testing.T) {
	h, _, o := boughtTickets(t, 1)
	other := h.concert(Category{Capacity: 1})
	site := webtest.NewSite(t, doorkeeper{o.Event}, h.doorPages(), h.scanRoutes())
	for path, code := range map[string]int{"/events/" + o.Event.String() + "/door": 200, "/events/" + other.ID.String() + "/door": 403, "/v1/scans/guests?event=" + other.ID.String(): 403,
		"/v1/scans/guests?event=" + o.Event.String(): 200, "/v1/scans/door": 200, "/events/" + o.Event.String() + "/doubles": 401} {
		req := httptest.NewRequest(http.MethodGet, path, nil)
		req.Header.Set("Authorization", "Bearer key-of-north")
		rec := httptest.NewRecorder()
		site.ServeHTTP(rec, req)
		if rec.Code != code {
			t.Errorf("%s: %d, want %d", path, rec.Code, code)
		}
		if strings.HasPrefix(path, "/v1/") && strings.Contains(rec.Body.String(), "@example.org") {
			t.Errorf("%s tells an address: %s", path, rec.Body)
		}
	}
}

func TestGoldenDoorPages(t *testing.T) {
	e := Event{ID: goldenID, Slug: "jazz", Names: map[string]Text{"en": {Title: "Jazz <night>"}}, Locales: []string{"en"}, Zone: "Europe/Berlin", StartsAt: goldenStart, State: EventPublished}
	head := eventHead{ID: e.ID, Title: e.Title(), State: "published", Tab: "door", When: e.on(&e.StartsAt), Zone: e.Zone}
	guests := []guestView{{Guest{Order: id.ID{15: 9}, N: 1, Name: "Ana <b>", Title: "Floor", Seat: "C12", Owed: Owed{5200, "EUR"}}, moment{}}, {Guest{Order: id.ID{15: 9}, N: 2, Title: "Floor", Uses: 2, Device: "north"}, e.on(&goldenStart)}, {Guest{Order: id.ID{15: 8}, N: 1, Name: "Ben", Void: true}, moment{}}, {Guest{Order: id.ID{15: 8}, N: 2, Name: "Ben", Void: true, Uses: 1, Device: "south"}, e.on(&goldenStart)}}
	p := doorPage{Head: head, Counts: DoorCounts{Valid: 2, In: 1, Refused: 3, Double: 1, Overpaid: 1, Invalid: 1, Undone: 1}, Guests: guests, Search: "a", Which: "out", By: "order", Next: "?cursor=x", Print: "/print", Staff: true, Exports: exportsOffered(), First: true, Done: &doneByHand{Good: true, Text: web.T("let in."), Due: "€52.00"}}
	none := doorPage{Head: head, Print: "/print", Done: &doneByHand{Text: web.T("is void"), Fix: "take nothing"}}
	doubles := doublesPage{Head: head, Rows: []doubleView{{N: 1, Ref: "00000009", Uses: []useView{{Device: "north", Offline: true, Exactly: "1 Jun 20:00:00"}, {Device: "south", Exactly: "1 Jun 20:01:00"}}}},
		Overpaid: []overpaidView{{"00000009", []takenView{{"north <1>", "€52.00", false, "1 Jun 20:00:00"}, {"south", "€52.00", true, "1 Jun 20:01:00"}}}},
		Invalid:  []invalidView{{2, "00000009", web.T("handed on"), useView{Device: "north <1>", Offline: true, Exactly: "1 Jun 20:00:00"}}},
		Undone:   []undoneView{{3, "00000009", useView{Device: "north", Exactly: "1 Jun 20:00:00"}, useView{Device: "Cleo <2>", Exactly: "1 Jun 20:02:00"}}}}
	webtest.Golden(t, "sales", map[string]any{"door-some": p, "door-none": none, "door_print-some": p, "doubles-some": doubles, "doubles-none": doublesPage{Head: head}})
}

func TestBrowserFindsDoorPagesAccessible(t *testing.T) {
	h, _, o := boughtTickets(t, 3)
	e, err := h.Event(t.Context(), o.Event)
	if err != nil {
		t.Fatal(err)
	}
	h.buyAs(e, "Benedikt-Maximilian von und zu Hohenlohe-Waldenburg", 1)
	h.takesMoney()
	h.dueOrder(e, Wanted{Category: e.Categories[0].ID, Qty: 1})
	ticket, at := h.ticket(o.ID, 1), h.db.Now().Add(-time.Hour)
	for _, device := range []string{"north", "south"} {
		at = at.Add(time.Minute)
		h.report(o.Event, device, Scan{ID: id.New(), Code: h.Code(&ticket), Offline: true, LetIn: true, ScannedAt: &at})
	}
	void := h.ticket(o.ID, 2)
	h.exec(`UPDATE sales.ticket SET voided_at = now() WHERE order_id = $1 AND n = 2`, o.ID)
	h.report(o.Event, "north", Scan{ID: id.New(), Code: h.Code(&void), Offline: true, LetIn: true, ScannedAt: &at}, Scan{ID: id.New(), Order: &o.ID, N: 3})
	if _, err := h.undo(o.Event, o.ID, 3); err != nil {
		t.Fatal(err)
	}
	p := phone{webtest.Browse(t, newSite(t, nil, h.doorPages())), t}
	for _, path := range []string{"/door", "/door/print", "/doubles"} {
		p.Look("/events/" + o.Event.String() + path)
		p.keep(strings.Trim(strings.ReplaceAll(path, "/", "-"), "-") + "-page-wide")
		p.Dress(390, "light")
		p.keep(strings.Trim(strings.ReplaceAll(path, "/", "-"), "-") + "-page")
	}
	p.Quiet()
}
