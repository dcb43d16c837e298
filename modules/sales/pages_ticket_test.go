package sales

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/kernel/webtest"
	"github.com/usherhq/usher/modules/sales/admission"
	"github.com/usherhq/usher/modules/sales/words"
)

// boughtTickets is an order of so many tickets of a concert, and the site that shows it.
func boughtTickets(t *testing.T, qty int) (*house, *echo.Echo, Order) {
	t.Helper()
	h := newHouse(t)
	e := h.concert(Category{PriceMinor: 1250, Capacity: 100, MaxPerOrder: 100})
	lines, err := h.price(t.Context(), e.ID, []Wanted{{Category: e.Categories[0].ID, Qty: qty}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	o, _, err := h.Order(t.Context(), Purchase{Event: e.ID, Lines: lines, Currency: "EUR", Buyer: json.RawMessage(`{"name":"Ana","email":"ana@example.org","locale":"de-AT"}`)})
	if err != nil {
		t.Fatal(err)
	}
	return h, newSite(t, nil, h.ticketPages()), o
}

// ticket reads one of an order's as it is now.
func (h *house) ticket(order id.ID, n int) Ticket {
	h.t.Helper()
	_, all, err := h.OrderTickets(h.t.Context(), order)
	if err != nil {
		h.t.Fatal(err)
	}
	return all[n-1]
}

func (h *house) handTo(o Order, n, version int, name string) (t Ticket, err error) {
	h.t.Helper()
	e, err := h.Event(h.t.Context(), o.Event)
	if err != nil {
		h.t.Fatal(err)
	}
	err = h.db.InTx(h.t.Context(), func(tx *db.Tx) error {
		t, err = h.Transfer(tx, &e, o.ID, n, version, Holder{Name: name, Email: "ben@example.org"})
		return err
	})
	return t, err
}

// pictureOf is what the page draws for a code.
func pictureOf(t *testing.T, code string) string {
	t.Helper()
	p, err := admission.Draw(code)
	if err != nil {
		t.Fatal(err)
	}
	return p.Path
}

func TestBuyerSeesHisTicketsInHisLanguage(t *testing.T) {
	h, site, o := boughtTickets(t, 2)
	there := "/o/" + h.OrderToken(o.ID)
	first, second := h.ticket(o.ID, 1), h.ticket(o.ID, 2)
	shows(t, visit(site, there, nil), 200, "Ihre Tickets", "Ticket 2 von 2", "25,00 €", " Uhr", pictureOf(t, h.Code(&first)), pictureOf(t, h.Code(&second)))
	shows(t, visit(site, there+"?lang=en", nil), 200, "Your tickets", "Ticket 2 of 2", "€25.00")
}

func TestLargeOrderIsShownPageByPage(t *testing.T) {
	h, site, o := boughtTickets(t, ticketsShown+1)
	there := "/o/" + h.OrderToken(o.ID)
	rec := visit(site, there, nil)
	shows(t, rec, 200, "Ticket 20 von 21", there+"?from=21")
	if strings.Contains(rec.Body.String(), "Ticket 21 von") {
		t.Error("the first page shows all")
	}
	shows(t, visit(site, there+"?from=21", nil), 200, "Ticket 21 von 21", there+"?from=1")
}

// Who hands one of his tickets on, or fails to, still sees the others.
func TestTheOtherTicketsAreStillThere(t *testing.T) {
	h, site, o := boughtTickets(t, 3)
	h.mails()
	there := "/o/" + h.OrderToken(o.ID)
	form := url.Values{"version": {"1"}, "name": {"Ben"}, "email": {"ben"}}
	shows(t, visit(site, there+"/tickets/3/transfer", form), 422, "Ticket 1 von 3", "Ticket 3 von 3")
	form.Set("email", "ben@example.org")
	handed := visit(site, there+"/tickets/3/transfer", form)
	shows(t, visit(site, handed.Header().Get("Location"), nil), 200, "Ticket 1 von 3", "Ticket 3 von 3", "Ticket 3: Es wurde weitergegeben")
	if said := visit(site, there+"?handed=2", nil).Body.String(); strings.Contains(said, "Es wurde weitergegeben") {
		t.Error("the page says that a ticket was handed on which is the buyer's")
	}
	h.exec(`UPDATE sales.event SET starts_at = $2, ends_at = NULL WHERE id = $1`, o.Event, h.db.Now().Add(-25*time.Hour))
	if strings.Contains(visit(site, there, nil).Body.String(), "/transfer") {
		t.Error("a ticket of yesterday seems to be one to hand on")
	}
}

// A calendar entry speaks as the page it stands on, whose language its reader chose.
func TestCalendarEntrySpeaksAsItsPage(t *testing.T) {
	h, site, o := boughtTickets(t, 1) // by somebody who speaks German
	h.exec(`UPDATE sales.event SET doors_at = starts_at WHERE id = $1`, o.Event)
	bens, err := h.handTo(o, 1, 1, "Ben")
	if err != nil {
		t.Fatal(err)
	}
	g := newGuest(t, site)
	order, ticket := "/o/"+h.OrderToken(o.ID), "/t/"+h.HolderToken(&bens)
	shows(t, g.ask(order+"/event.ics", nil), 200, "Einlass: ")
	shows(t, g.ask(ticket+"/event.ics", nil), 200, "Doors: ")
	g.ask(order+"?lang=en", nil)
	shows(t, g.ask(order+"/event.ics", nil), 200, "Doors: ")
}

func TestOrderIsFoundByItsLinkOrItsBuyerAlone(t *testing.T) {
	h, site, o := boughtTickets(t, 1)
	token := h.OrderToken(o.ID)
	flipped := []byte(token)
	flipped[30] ^= 1
	for _, stranger := range []string{o.ID.String(), string(flipped), signedID(h.offerKey, o.ID), h.OrderToken(id.New()), "x"} {
		shows(t, visit(site, "/o/"+stranger, nil), 404)
	}
	ana, ben := id.New(), id.New()
	h.exec(`UPDATE sales.orders SET person = $2 WHERE id = $1`, o.ID, ana)
	for person, status := range map[id.ID]int{ana: 200, ben: 404} {
		signed := newSite(t, nil, nil)
		signed.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				c.SetRequest(c.Request().WithContext(web.WithCaller(c.Request().Context(), web.Caller{Person: person.String()})))
				return next(c)
			}
		})
		for _, r := range h.ticketPages() {
			signed.Add(r.Method, r.Path, r.Handler)
		}
		shows(t, visit(signed, "/o/"+o.ID.String(), nil), status)
	}
}

var holderLink = regexp.MustCompile(`/t/[^"<]+`)

func TestTicketHandedOnBelongsToItsHolder(t *testing.T) {
	h, site, o := boughtTickets(t, 2)
	there := "/o/" + h.OrderToken(o.ID)
	sold := h.ticket(o.ID, 1)
	to := url.Values{"version": {"1"}, "name": {"Ben <b>"}, "email": {"ben@example.org"}}
	rec := visit(site, there+"/tickets/1/transfer", to)
	shows(t, rec, 200, "Weitergegeben an", "Ben &lt;b&gt;", "Der bisherige Code gilt nicht mehr")
	link := holderLink.FindString(rec.Body.String())
	again := visit(site, there+"/tickets/1/transfer", to)
	shows(t, again, 422, "dieses Ticket wurde schon weitergegeben", "nur wer es jetzt hat, kann es weitergeben")
	now := h.ticket(o.ID, 1)
	if now.Version != 2 || *now.Holder != (Holder{"Ben <b>", "ben@example.org"}) {
		t.Fatalf("%+v", now)
	}
	page := visit(site, there, nil)
	shows(t, page, 200, "Weitergegeben an", "Ben &lt;b&gt;", "Nur wer es jetzt hat")
	for _, code := range []string{h.Code(&sold), h.Code(&now)} {
		if strings.Contains(page.Body.String()+rec.Body.String()+again.Body.String(), pictureOf(t, code)) {
			t.Error("the buyer still sees a code of the ticket he handed on")
		}
	}
	shows(t, visit(site, link, nil), 200, "Ben &lt;b&gt;", pictureOf(t, h.Code(&now)))

	passed := visit(site, link+"/transfer", url.Values{"version": {"2"}, "name": {"Cleo"}, "email": {"cleo@example.org"}})
	shows(t, passed, 200, "Handed on to", "Cleo")
	shows(t, visit(site, link, nil), 404)
	shows(t, visit(site, holderLink.FindString(passed.Body.String()), nil), 200, "Cleo")
}

// Who sold his ticket must not sell it again: the first taker would be refused at the door.
func TestBuyerHasNoSayInATicketHeHandedOn(t *testing.T) {
	for _, mails := range []bool{false, true} {
		h, site, o := boughtTickets(t, 2)
		if mails {
			h.mails()
		}
		there := "/o/" + h.OrderToken(o.ID)
		form := func(version, name string) url.Values {
			return url.Values{"version": {version}, "name": {name}, "email": {name + "@example.org"}}
		}
		handed := visit(site, there+"/tickets/1/transfer", form("1", "Ben"))
		if link := holderLink.FindString(handed.Body.String()); (link == "") != mails {
			t.Errorf("letters are sent: %t, the answer's link: %q", mails, link)
		}
		if strings.Contains(handed.Body.String(), "lang=en") {
			t.Error("the page that alone shows the link leads to itself in another language, without it")
		}
		if mails {
			shows(t, visit(site, handed.Header().Get("Location"), nil), 200, "Der bisherige Code gilt nicht mehr", "per E-Mail")
		}
		bens := h.ticket(o.ID, 1)
		page := visit(site, there+"?handed=1", nil).Body.String()
		if strings.Contains(page, h.HolderToken(&bens)) || strings.Contains(page, there+"/tickets/1/transfer") || !strings.Contains(page, there+"/tickets/2/transfer") {
			t.Error("the buyer's page keeps the link or the form of a ticket that is Ben's, or takes it from his own:", page)
		}
		for _, version := range []string{"1", "2", "3"} {
			refused := visit(site, there+"/tickets/1/transfer", form(version, "Cleo"))
			shows(t, refused, 422, "dieses Ticket wurde schon weitergegeben")
			if holderLink.MatchString(refused.Body.String()) {
				t.Error("the refusal shows Ben's link")
			}
		}
		h.says(h.report(o.Event, "north", Scan{ID: id.New(), Code: h.Code(&bens)}), admission.Admitted)
	}
}

// Two forms of one giver, sent at once, the second for the version that the first will make.
func TestGiverHandsOnWhatHeSawAndNothingLater(t *testing.T) {
	h, site, o := boughtTickets(t, 1)
	seen := h.ticket(o.ID, 1)
	if _, err := h.handTo(o, 1, 1, "Ben"); err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest("POST", "/", strings.NewReader("version=2"))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, err := h.handOn(site.NewContext(req, httptest.NewRecorder()), o, seen, Holder{"Cleo", "cleo@example.org"})
	if now := h.ticket(o.ID, 1); !fault.Is(err, fault.Conflict) || now.Holder.Name != "Ben" {
		t.Errorf("it is %s’s now: %v", now.Holder.Name, err)
	}
}

// With a letter on its way nobody but the new holder sees the link, also when a holder hands on.
func TestHolderWhoHandsOnSeesNoLinkThatIsMailed(t *testing.T) {
	h, site, o := boughtTickets(t, 1)
	bens, err := h.handTo(o, 1, 1, "Ben")
	if err != nil {
		t.Fatal(err)
	}
	h.mails()
	passed := visit(site, "/t/"+h.HolderToken(&bens)+"/transfer", url.Values{"version": {"2"}, "name": {"Cleo"}, "email": {"cleo@example.org"}})
	shows(t, passed, 200, "Cleo", "by e-mail")
	if cleos := h.ticket(o.ID, 1); strings.Contains(passed.Body.String(), h.HolderToken(&cleos)) {
		t.Error("Ben sees the link of Cleo")
	}
}

func TestHandingOnRefusesWhatMakesNoSense(t *testing.T) {
	h, site, o := boughtTickets(t, 2)
	there := "/o/" + h.OrderToken(o.ID)
	shows(t, visit(site, there+"/tickets/1/transfer", url.Values{"version": {"1"}, "name": {" "}, "email": {"Ben <ben@example.org>"}}), 422, "fehlt, ist zu lang oder hat einen Zeilenumbruch", "ist keine E-Mail-Adresse", "Ben &lt;ben@example.org&gt;")
	shows(t, visit(site, there+"/tickets/3/transfer", url.Values{"version": {"1"}}), 404)
	h.exec(`UPDATE sales.ticket SET voided_at = now() WHERE order_id = $1 AND n = 2`, o.ID)
	if _, err := h.handTo(o, 2, 1, "Ben"); !fault.Is(err, fault.Conflict) {
		t.Error("a void ticket was handed on:", err)
	}
	shows(t, visit(site, there, nil), 200, "Dieses Ticket ist ungültig")
	h.exec(`UPDATE sales.event SET starts_at = $2 WHERE id = $1`, o.Event, h.db.Now().Add(-25*time.Hour))
	if _, err := h.handTo(o, 1, 1, "Ben"); !fault.Is(err, fault.Conflict) {
		t.Error("a ticket of yesterday was handed on:", err)
	}
	if now := h.ticket(o.ID, 1); now.Version != 1 || now.Holder != nil {
		t.Errorf("%+v", now)
	}
}

func TestCalendarEntryIsOnTheVenuesClock(t *testing.T) {
	h, site, o := boughtTickets(t, 1)
	h.exec(`UPDATE sales.event SET starts_at = '2027-06-01 18:00Z', venue = 'Hall, Köln' WHERE id = $1`, o.Event)
	rec := visit(site, "/o/"+h.OrderToken(o.ID)+"/event.ics", nil)
	shows(t, rec, 200, "DTSTART;TZID=Europe/Berlin:20270601T200000\r\n", `LOCATION:Hall\, Köln`)
	if got := rec.Header().Get("Content-Type"); got != "text/calendar; charset=utf-8" {
		t.Error(got)
	}
}

// Doors that open on another day say on which.
func TestDoorsOfTheDayBeforeSaySo(t *testing.T) {
	h, _, o := boughtTickets(t, 1)
	site := newSite(t, nil, h.buyerPages())
	e, err := h.Event(t.Context(), o.Event)
	if err != nil {
		t.Fatal(err)
	}
	for doors, says := range map[string]string{"2027-06-01 16:00Z": "18:00", "2027-05-31 16:00Z": "Monday, 31 May 2027, 18:00"} {
		h.exec(`UPDATE sales.event SET starts_at = '2027-06-01 18:00Z', doors_at = $2 WHERE id = $1`, o.Event, doors)
		h.shelves.forget(e.ID)
		shows(t, visit(site, "/shop/events/"+e.Slug+"?lang=en", nil), 200, "<dt>Doors</dt><dd>"+says+"</dd>")
		shows(t, visit(site, "/o/"+h.OrderToken(o.ID)+"/event.ics?lang=en", nil), 200, "DESCRIPTION:Doors: "+strings.ReplaceAll(says, ",", `\,`)+"\r\n")
	}
}

func TestWordsFollowWhatIsAskedFor(t *testing.T) {
	for wanted, lang := range map[string]string{"": "en", "de": "de", "de_CH": "de", "fr": "en", "fr;q=1, de;q=0.5": "de", "en-GB, de": "en", "\x00;;": "en", strings.Repeat("de,", 100): "en"} {
		if got := wordsFor(wanted).Lang; got != lang {
			t.Errorf("%q: %s, want %s", wanted, got, lang)
		}
	}
}

func TestGoldenTicketPages(t *testing.T) {
	e := Event{ID: goldenID, Names: map[string]Text{"en": {Title: "Jazz <night>"}, "de": {Title: "Jazznacht"}}, Locales: []string{"en", "de"}, Venue: "Hall", Zone: "Europe/Berlin", StartsAt: goldenStart, DoorsAt: &goldenStart, State: EventPublished}
	h := &Service{}
	own := ticketView{N: 1, Version: 1, Category: "Floor", Seat: "C12", Action: "/o/x/tickets/1/transfer", Code: "USHER", Picture: admission.Picture{Side: 29, Path: "M4 4h1v1h-1z"}}
	page := h.ticketPage(&e, "de")
	page.Base, page.Total, page.Count, page.Next, page.Handed, page.Tried = "/o/x", page.W.amount(2500, "EUR"), 3, 21, 2, 1
	page.Link = "/t/2.x"
	page.Form, page.Wrong = Holder{Name: "Ben"}, map[string][]fault.Field{"email": {{Name: "email", Problem: "is no e-mail address"}}}
	page.Tickets = []ticketView{own, {N: 2, Category: "Floor", Handed: true, HandedTo: "Ben"}, {N: 3, Category: "Floor", Void: true}}
	page.frame = frame{Tongue: words.In("de")}
	webtest.Golden(t, "portal", map[string]any{"ticket-order": page})
	e.State, e.Sandbox = EventCancelled, true
	alone := h.ticketPage(&e, "en")
	alone.Base, alone.Count, alone.Tickets = "/t/1.x", 1, []ticketView{{N: 1, Category: "Floor", Void: true}}
	alone.frame = frame{Tongue: words.In("en")}
	webtest.Golden(t, "portal", map[string]any{"ticket-cancelled": alone})
}

// TestBrowserFindsTicketPagesAccessible looks at an order and at a ticket that was handed on.
func TestBrowserFindsTicketPagesAccessible(t *testing.T) {
	h, site, o := boughtTickets(t, 3)
	handed, err := h.handTo(o, 2, 1, "Ben")
	if err != nil {
		t.Fatal(err)
	}
	h.exec(`UPDATE sales.ticket SET voided_at = now() WHERE order_id = $1 AND n = 3`, o.ID)
	b := webtest.Browse(t, site)
	b.Look("/o/" + h.OrderToken(o.ID) + "?handed=1")
	b.Look("/t/" + h.HolderToken(&handed))
}
