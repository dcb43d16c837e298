package sales

import (
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/webtest"
	"github.com/usherhq/usher/modules/sales/pay"
	"github.com/usherhq/usher/modules/sales/words"
)

// goldenShop is an event with something of everything, at a moment that does not move.
func goldenShop() *shelfEvent {
	doors, ends := goldenStart.Add(-time.Hour), goldenStart.Add(4*time.Hour)
	category := func(n byte, en, de string, c Category) Category {
		c.ID, c.Names = id.ID{15: n}, map[string]Text{"en": {Title: en}, "de": {Title: de}}
		c.MinPerOrder, c.MaxPerOrder = max(c.MinPerOrder, 1), 4
		return c
	}
	e := Event{ID: goldenID, Slug: "jazz", Series: "Blue <hours>", Names: map[string]Text{"en": {Title: "Jazz <night>", Summary: "One evening.", Description: "First.\n\nSecond."}, "de": {Title: "Jazznacht"}},
		Locales: []string{"en", "de"}, Venue: "Hall & bar", Zone: "Europe/Berlin", Currency: "EUR", State: EventPublished, StartsAt: goldenStart, DoorsAt: &doors, EndsAt: &ends,
		Categories: []Category{
			category(1, "Standing", "Stehplatz", Category{PriceMinor: 4900, FeeMinor: 250, Capacity: 500, Free: 300, MinPerOrder: 2}),
			category(2, "Balcony", "Balkon", Category{PriceMinor: 123400, Capacity: 4, Rows: 2, Columns: 2, Free: 3}),
			category(3, "Gone", "Weg", Category{PriceMinor: 100, Capacity: 2}),
			category(4, "Hidden", "Verborgen", Category{PriceMinor: 100, Capacity: 50, Free: 50, Hidden: true}),
		}}
	return &shelfEvent{Event: e, seats: map[id.ID][]Seat{{15: 2}: {{id.ID{15: 21}, 1, 1, true}, {id.ID{15: 22}, 1, 2, false}, {id.ID{15: 23}, 2, 1, true}, {id.ID{15: 24}, 2, 2, true}}}}
}

// goldenPortal are the portal's pages in their states, by "<template>-<state>".
func goldenPortal(t *words.Tongue) map[string]any {
	e, now := goldenShop(), goldenStart.AddDate(0, -1, 0)
	v := e.shown(t, now)
	f := frame{Tongue: t, Title: v.Title, Seller: "Usher e. V.", SignIn: "/sign-in?return=%2Fshop"}
	codes := []Code{{ID: id.ID{15: 9}, Code: "EARLY", Permille: 500, Categories: []id.ID{{15: 1}}}}
	rows := e.rows(t, nil, map[id.ID]int{{15: 1}: 2}, now)
	page := eventShopPage{frame: f, E: v, Key: "k", Rows: rows, HoldMinutes: 10, Sellable: true, Asks: true, Live: "/live", Anew: "/shop/events/jazz-night", Waiting: &waitingForm{Why: t.Say("wait.why"), Categories: rows[2:3], Qty: 1}}
	coded, refused, closed, rising := page, page, page, page
	first := &e.Categories[0]
	e.rises = rises{first.ID: {PriceMinor: first.PriceMinor, Chance: .62, Until: now.AddDate(0, 0, 3), GoodUntil: now.Add(time.Hour)}}
	rising.Rows, e.rises = e.rows(t, nil, nil, now), nil
	coded.Codes, coded.CodeWrong, coded.Rows = []string{"EARLY"}, t.Say("code.unknown"), e.rows(t, codes, nil, now)
	refused.Notice, refused.Room = &said{Kind: "warn", Title: t.Say("said.moved"), Text: t.Say("said.moved.fix"), More: []string{"x"}}, true
	refused.Waiting = &waitingForm{Why: t.Say("wait.why"), Categories: rows[2:3], Qty: 9, Email: "ana", Wrong: map[string][]string{"qty": {t.Say("wait.between", 1, 4)}, "email": {t.Say("form.email.wrong")}}}
	e.State = EventCancelled
	closed.E, closed.Rows, closed.Sellable, closed.Asks, closed.Waiting, closed.Live = e.shown(t, now), e.rows(t, nil, nil, now), false, false, nil, ""
	e.State = EventPublished
	month := calendarPage{frame: f, Name: t.Month(goldenStart), Before: &link{"/b", "B"}, After: &link{"/a", "A"}}
	month.fill([]Event{e.Event}, t, time.Date(2027, 6, 1, 0, 0, 0, 0, time.UTC), goldenStart)
	list := listPage{frame: f, SeriesNames: []string{"Blue"}, Series: "Blue", Query: "<q>", Filtered: true, Next: "/shop?cursor=c"}
	list.add(&e.Event, t, now)
	q := Quote{Lines: []Line{{Category: id.ID{15: 1}, Qty: 2, UnitMinor: 5150}, {Category: id.ID{15: 2}, Qty: 2, UnitMinor: 123400, Seats: []id.ID{{15: 21}, {15: 24}}}}}
	cart := cartPage{frame: f, E: v, Mails: true, Self: "/shop/cart/x", Seconds: 600, Left: t.Span(10 * time.Minute), Total: t.Money(q.Total(), "EUR"), Taxes: []string{"T."}, Methods: []methodView{{"door", t.Say("pay.door"), t.Say("pay.door.about")}}}
	for i := range q.Lines {
		cart.Lines = append(cart.Lines, e.line(t, &q.Lines[i]))
	}
	again, free := cart, cart
	again.Notice, again.Form, again.Wrong = &said{Kind: "bad", Title: t.Say("said.form")}, buyerForm{"", "ana", "door"}, map[string]string{"name": t.Say("form.name.wrong"), "email": t.Say("form.email.wrong"), "method": t.Say("pay.choose")}
	free.Free, free.Mails, free.Methods, free.Person = true, false, nil, "Ana"
	pays := paymentPage{frame: f, E: v, Due: t.Money(5150, "EUR"), Lines: cart.Lines, Heading: "H", Text: "T", Link: &link{"/l", "L"}}
	settled, transfer := pays, pays
	settled.Good, settled.Invoices = true, []invoiceLink{{t.Say("pay.invoice", "R 1"), "/invoice/x"}}
	transfer.Account, transfer.Ref, transfer.Until, transfer.Other, transfer.Back = []string{"Usher", "DE02"}, "REF", t.Moment(goldenStart), &link{"/o", "O"}, "/pay/x/release"
	waiting := roomPage{frame: f, E: v, Ticket: "/room", Ahead: t.Say("number", 1200), Wait: t.Span(3 * time.Minute), Again: t.Span(9 * time.Second), Seconds: 9}
	plan := seatsPage{frame: f, E: v, Back: "/shop/events/jazz?code=EARLY", ID: id.ID{15: 2}, Category: "Balcony", Price: t.Money(123400, "EUR"), Unit: 123400, Max: 4, Key: "k", Codes: []string{"EARLY"},
		Rows: []seatRow{{"A", []seatView{{id.ID{15: 21}, "A1", 1, true, true}, {id.ID{15: 22}, "A2", 2, false, false}}}}}
	mine := minePage{frame: f, Mails: true, Orders: []shownEvent{v}}
	mine.Person = "Ana"
	none := minePage{frame: mine.frame}
	return map[string]any{
		"list-some": list, "list-none": listPage{frame: f}, "calendar-some": month, "event-sale": page, "event-codes": coded, "event-refused": refused, "event-rising": rising, "event-cancelled": closed,
		"seats-some": plan, "cart-open": cart, "cart-refused": again, "cart-free": free,
		"over-cart": cartOverPage{frame: f, E: v, Heading: t.Say("over.title"), Text: t.Say("over.text"), Text2: t.Say("over.again"), Link: link{v.URL, t.Say("over.choose")}},
		"room-new":  roomPage{frame: f, E: v, Self: v.URL + "/room"}, "room-waiting": waiting, "payment-settled": settled, "payment-transfer": transfer,
		"mine-some": mine, "mine-none": none, "mine-stranger": minePage{frame: f}, "wrong-fault": wrongPage{frame: f, Heading: "H", Text: "T", Reference: "r"},
		"widget-sale": widgetPage{frame: f, E: v, Rows: rows, Sellable: true},
	}
}

func TestGoldenPortalPages(t *testing.T) {
	webtest.Golden(t, "portal", goldenPortal(words.In("en")))
	german := map[string]any{}
	for name, page := range goldenPortal(words.In("de")) {
		german[name+"-de"] = page
	}
	webtest.Golden(t, "portal", german)
}

func TestGoldenInvoices(t *testing.T) {
	pages := map[string]any{}
	for _, lang := range []string{"en", "de"} {
		bill := Bill{Currency: "EUR", GrossMinor: 5200, Lines: []BillLine{{Title: "Standing", Qty: 2, UnitMinor: 2500, GrossMinor: 5000, TaxPermille: 190},
			{Kind: billFee, Title: "Standing", Qty: 2, UnitMinor: 100, GrossMinor: 200, TaxPermille: 77}}, Taxes: []TaxSum{{Permille: 190, NetMinor: 4202, TaxMinor: 798}, {Permille: 77, NetMinor: 186, TaxMinor: 14}}}
		i := Invoice{Kind: kindInvoice, Series: "R", Year: 2027, Number: 42, Mode: pay.Live, Document: Document{Seller: Seller{"Night GmbH", "Gasse 1\n1010 Wien", "ATU123", "night@example.org"},
			Buyer: Buyer{Name: "Ana", Email: "ana@example.org", Locale: lang}, Title: "Night", Starts: time.Date(2027, 6, 1, 18, 0, 0, 0, time.UTC), Zone: "Europe/Vienna", Date: "2027-05-02", Bill: bill}}
		pages["invoice-"+lang] = i.page()
		i.Kind, i.Document.Of, i.Mode = kindCredit, "R-2027-000041", pay.Sandbox
		pages["invoice-credit-"+lang] = i.page()
	}
	webtest.Golden(t, "sales", pages)
}
