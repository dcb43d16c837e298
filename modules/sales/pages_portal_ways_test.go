package sales

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/sales/words"
)

// The links of an answer that tells what is wrong, to other languages and to the sign-in,
// lead to where it was asked, not to a form's own address, where nothing is.
func TestAnAnswerToAFormLeadsOn(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	g := newGuest(t, shopSite(h))
	there := "/shop/events/" + e.Slug
	_, cart := g.holds(e, 0, 2)
	_, order := g.goes(g.ask(cart+"/checkout", atDoor))
	order, _, _ = strings.Cut(order, "?")
	_, cart = g.holds(e, 0, 1)
	german := regexp.MustCompile(`href="([^"]+lang=de)"`)
	for form, says := range map[string]string{
		there + "/cart": "Jazznacht", there + "/waitlist": "Jazznacht", cart + "/checkout": "Ihr Warenkorb", order + "/tickets/2/transfer": "Ihre Tickets",
	} {
		answer := g.ask(form, url.Values{"version": {"1"}, "category": {e.Categories[3].ID.String()}, "qty": {"1"}, "email": {"nobody"}})
		if answer.Code != http.StatusUnprocessableEntity {
			t.Fatal(form, answer.Code, answer.Body)
		}
		link := german.FindStringSubmatch(answer.Body.String())
		if link == nil {
			t.Fatal(form, "has no link to German")
		}
		page, where := g.goes(g.ask(link[1], nil))
		if shows(t, page, 200, `<html lang="de">`, says); strings.Contains(where, "//") {
			t.Errorf("%s leads to %s", form, where)
		}
		delete(g.jar, langCookie)
	}
	for from, to := range map[string]string{cart + "/release": cart, order + "/resend?lang=de&x=y": order + "?lang=de", "/t/x/transfer": "/t/x", "/shop/events/a%2F..%2Fb/cart": "/shop/events/a%2F..%2Fb"} {
		if got := g.ask(from, nil).Header().Get("Location"); got != to {
			t.Errorf("%s leads to %q, not to %s", from, got, to)
		}
	}
}

// Who buys or loses one of two carts still finds the other one.
func TestTheCartOfAnotherTabIsKept(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, other := night(h), night(h, func(e *Event) { e.Slug = "blues" })
	for name, end := range map[string]func(g *guest, cart string) string{
		"bought":     func(g *guest, cart string) string { _, to := g.goes(g.ask(cart+"/checkout", atDoor)); return to },
		"given back": func(g *guest, cart string) string { _, to := g.goes(g.ask(cart+"/release", url.Values{})); return to },
		"over": func(_ *guest, cart string) string {
			h.exec(`UPDATE sales.hold SET expires_at = now() - interval '1 second' WHERE category = $1`, e.Categories[0].ID)
			return cart
		},
	} {
		g := newGuest(t, shopSite(h))
		_, first := g.holds(e, 0, 1)
		_, second := g.holds(other, 0, 1)
		for _, page := range []string{end(g, first), "/shop"} {
			if menu := g.ask(page, nil).Body.String(); !strings.Contains(menu, `class="to-cart" href="`+second+`"`) {
				t.Errorf("%s: %s has lost the way to the other cart", name, page)
			}
		}
		if end(g, second); name != "over" && g.jar[cartCookie] != nil {
			t.Errorf("%s: the browser still remembers the second", name)
		}
	}
}

// Changing a cart leads back to all that filled it: the seats, and the codes without which it
// costs more or is not shown at all.
func TestChangeKeepsCodesAndSeats(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	g := newGuest(t, shopSite(h))
	there := "/shop/events/" + e.Slug
	form := g.form(g.ask(there+"?code=members&code=early", nil).Body.String(), url.Values{"qty_" + e.Categories[4].ID.String(): {"2"}, "code": {"MEMBERS", "EARLY"}})
	_, cart := g.goes(g.ask(there+"/cart", form))
	back, _ := g.goes(g.ask(cart+"/release", url.Values{"then": {"change"}}))
	shows(t, back, 200, "Members", "€18.00", "<option selected>2</option>", `name="code" value="EARLY"`)
	plan := there + "/seats/" + e.Categories[1].ID.String()
	seats, err := h.Seats(t.Context(), e.Categories[1].ID)
	if err != nil {
		t.Fatal(err)
	}
	chosen := seats[9].ID.String()
	_, cart = g.goes(g.ask(there+"/cart", g.form(g.ask(plan+"?code=early", nil).Body.String(), url.Values{"seat": {chosen}})))
	h.shelves.forget(e.ID)
	g.ask(there, nil) // somebody looks: the seat is taken in what is remembered
	back, _ = g.goes(g.ask(cart+"/release", url.Values{"then": {"change"}}))
	shows(t, back, 200, "Seats: Balcony", `value="`+chosen+`" checked`, `name="code" value="EARLY"`)
	h.auditCatalogue()
}

// Who has to pass the waiting room finds what he chose, and his codes, when he is let in.
func TestTheWaitingRoomKeepsTheChoice(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	h.crowded(e, 0.0001)
	g := newGuest(t, shopSite(h))
	there, members := "/shop/events/"+e.Slug, "qty_"+e.Categories[4].ID.String()
	form := g.form(g.ask(there+"?code=members", nil).Body.String(), url.Values{members: {"2"}, "qty_" + e.Categories[0].ID.String(): {"0"}})
	room, where := g.goes(g.ask(there+"/cart", form))
	if shows(t, room, 200, "You have a place", "data-ask=\"", "MEMBERS"); strings.Contains(where, e.Categories[0].ID.String()) {
		t.Error("what was not chosen is kept:", where)
	}
	h.exec(`UPDATE sales.room SET admitted = issued`)
	clear(h.hall.rooms)
	in, _ := g.goes(g.ask(where, nil))
	shows(t, in, 200, "It is your turn", "Members", "<option selected>2</option>")
}

// A name has so many characters, whatever its letters: the input counts the same.
func TestNamesOfEveryLanguageHaveRoom(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	g := newGuest(t, shopSite(h))
	name := strings.Repeat("Ж", maxName-1) + "é"
	for _, bad := range []string{name + "x", "A\u0085na", "Ana\x00", " "} {
		_, cart := g.holds(e, 0, 1)
		form := url.Values{"name": {bad}, "email": {"ana@example.org"}, "method": {"door"}}
		shows(t, g.ask(cart+"/checkout", form), http.StatusUnprocessableEntity, "Please tell us a name")
	}
	_, cart := g.holds(e, 0, 1)
	page, order := g.goes(g.ask(cart+"/checkout", url.Values{"name": {name}, "email": {"ana@example.org"}, "method": {"door"}}))
	shows(t, page, 200, "the tickets are yours")
	order, _, _ = strings.Cut(order, "?")
	handed := g.ask(order+"/tickets/1/transfer", url.Values{"version": {"1"}, "name": {name}, "email": {"ben@example.org"}})
	shows(t, handed, 200, name, ">http://example.com/t/") // the link is whole: it is to be sent on
}

// Nobody is told that there are tickets when the sale is paused.
func TestTheWaitingListTellsThatTheSaleRests(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	g := newGuest(t, shopSite(h))
	form := url.Values{"category": {e.Categories[3].ID.String()}, "qty": {"1"}, "email": {"ana@example.org"}}
	h.exec(`UPDATE sales.event SET state = 'paused' WHERE id = $1`, e.ID)
	h.shelves.forget(e.ID)
	shows(t, g.ask("/shop/events/"+e.Slug+"/waitlist", form), http.StatusConflict, "This is not on sale at this moment", "The sale is paused")
}

// The language that is chosen on tickets is the one of the next page too.
func TestTheLanguageOfTicketsIsKept(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	buyer := newGuest(t, shopSite(h))
	_, cart := buyer.holds(e, 0, 1)
	_, order := buyer.goes(buyer.ask(cart+"/checkout", atDoor))
	order, _, _ = strings.Cut(order, "?")
	g := newGuest(t, shopSite(h)) // with the link of the letter
	shows(t, g.ask(order+"?lang=de", nil), 200, "Ihre Tickets")
	handed := g.ask(order+"/tickets/1/transfer", url.Values{"version": {"1"}, "name": {"Ben"}, "email": {"ben@example.org"}})
	shows(t, handed, 200, `<html lang="de">`, "Weitergegeben an")
	shows(t, g.ask("/shop", nil), 200, `<html lang="de">`)
}

// A site that embeds the widget in a language leads to the shop in that language.
func TestTheWidgetLeadsOnInItsLanguage(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	g := newGuest(t, shopSite(h))
	shows(t, g.ask("/shop/widget/"+e.Slug+"?lang=de", nil), 200, `href="/shop/events/jazz-night?lang=de"`)
	shows(t, newGuest(t, shopSite(h)).ask("/shop/widget/"+e.Slug, nil), 200, `href="/shop/events/jazz-night"`)
}

// Later events are later events of those that were asked for.
func TestLaterEventsAreOfTheSameSearch(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	h.exec(`INSERT INTO sales.event SELECT (jsonb_populate_record(ev, jsonb_build_object('id', gen_random_uuid(), 'slug', 'n' || n))).* FROM sales.event ev, generate_series(1, 200) n WHERE ev.id = $1`, e.ID)
	g := newGuest(t, shopSite(h))
	page := g.ask("/shop?q=Jazz+N&series=Blue+Hours", nil)
	shows(t, page, 200, "200 events found")
	if next := regexp.MustCompile(`href="(/shop\?cursor=[^"]*)"`).FindStringSubmatch(page.Body.String()); next == nil {
		t.Error("there is no way to later events")
	} else {
		shows(t, g.ask(html.UnescapeString(next[1]), nil), 200, "1 event found", `value="Jazz N"`, "selected>Blue Hours")
	}
}

// The page of an order tells of money whenever its buyer looks: what he is to bring, and his invoices.
func TestTheOrdersPageTellsOfMoney(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	g := newGuest(t, shopSite(h))
	_, cart := g.holds(e, 0, 2)
	_, order := g.goes(g.ask(cart+"/checkout", atDoor))
	order, _, _ = strings.Cut(order, "?")
	page := g.ask(order, nil)
	if shows(t, page, 200, "You pay €103.00 at the door."); strings.Contains(page.Body.String(), "/invoice/") {
		t.Error("there is an invoice of money that has not come")
	}
	p := Payment{ID: h.ids(`SELECT id FROM sales.payment`)[0]}
	h.in(func(tx *db.Tx) error { _, err := h.Receive(tx, p.ID, 10300); return err })
	if page = g.ask(order, nil); strings.Contains(page.Body.String(), "You pay") {
		t.Error("it is paid, and the page asks for it")
	}
	o := *h.payment(p).Order
	if _, err := h.refund(o, Refunding{Tickets: []int{2}, Reason: "ill"}); err != nil {
		t.Fatal(err)
	}
	shows(t, g.ask(order, nil), 200, ">Invoice R-", ">Credit note R-")
	shows(t, g.ask("/pay/"+h.PaymentToken(p.ID)+"?lang=de", nil), 200, ">Rechnung R-", ">Rechnungskorrektur R-")
}

// Nobody is asked for money for what does not take place.
func TestNobodyPaysForACancelledEvent(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	g := newGuest(t, shopSite(h))
	pays := map[string]string{}
	for _, method := range []string{"transfer", "stripe"} {
		_, cart := g.holds(e, 0, 1)
		_, pays[method] = g.goes(g.ask(cart+"/checkout", url.Values{"name": {"Ana"}, "email": {"ana@example.org"}, "method": {method}}))
	}
	_, cart := g.holds(e, 0, 1)
	h.exec(`UPDATE sales.event SET state = 'cancelled' WHERE id = $1`, e.ID)
	h.shelves.forget(e.ID)
	for method, page := range pays {
		got := g.ask(page, nil)
		if shows(t, got, 200, "Cancelled", "send no money any more"); got.Header().Get("Refresh") != "" || strings.Contains(got.Body.String(), "DE02") || strings.Contains(got.Body.String(), "bank.example") {
			t.Errorf("%s still asks for money: %s", method, got.Body)
		}
	}
	page := g.ask(cart, nil)
	if shows(t, page, 200, "This event is cancelled"); strings.Contains(page.Body.String(), `name="method"`) {
		t.Error("the cart still asks how to pay")
	}
}

// Each code costs a look at the database: an address full of them is not looked through.
func TestAnAddressHoldsNoEndOfCodes(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	g := newGuest(t, shopSite(h))
	page := g.ask("/shop/events/"+e.Slug+"?"+url.Values{"code": append(slices.Repeat([]string{"nonsense"}, maxCodes+1), "early")}.Encode(), nil)
	if shows(t, page, 200, "codes at a time"); strings.Contains(page.Body.String(), "€46.60") {
		t.Error("the last of many codes was tried")
	}
}

func TestACodeSaysForHowManyItIsGood(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	h.code(Code{Code: "pair", Permille: 500, MaxPerOrder: 2})
	g := newGuest(t, shopSite(h))
	there := "/shop/events/" + e.Slug
	form := g.form(g.ask(there+"?code=pair", nil).Body.String(), url.Values{"qty_" + e.Categories[0].ID.String(): {"3"}})
	shows(t, g.ask(there+"/cart", form), http.StatusConflict, "PAIR is good for at most 2 in one order", "<option selected>3</option>")
}

// Who waits for a hidden category still sees it, and that he waits.
func TestWaitingKeepsTheCode(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	g := newGuest(t, shopSite(h))
	h.exec(`UPDATE sales.stock SET capacity = 0 WHERE id = $1`, e.Categories[4].ID)
	h.shelves.forget(e.ID)
	form := url.Values{"category": {e.Categories[4].ID.String()}, "qty": {"1"}, "email": {"ana@example.org"}, "code": {"members"}}
	joined, _ := g.goes(g.ask("/shop/events/"+e.Slug+"/waitlist", form))
	shows(t, joined, 200, "You are on the waiting list", "<h3>Members</h3>")
}

// When the sale ends while somebody looks, the live prices say why nothing can be chosen any more.
func TestLivePricesSayThatTheSaleEnded(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	h.exec(`UPDATE sales.event SET state = 'paused' WHERE id = $1`, e.ID)
	h.shelves.forget(e.ID)
	shelf, err := h.snapshot(t.Context(), e.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range shelf.prices(words.In("de"), nil, h.db.Now()) {
		if p.Open || p.Note == "" {
			t.Errorf("%+v", p)
		}
	}
	// There the page lets nobody choose any more; that is not why there is no cart.
	shows(t, visit(shopSite(h), "/shop/events/"+e.Slug+"/cart?lang=en", url.Values{}), http.StatusUnprocessableEntity, "This is not on sale at this moment")
}

// Where no e-mail is sent nobody is promised one: whoever sells sees the link that his people are to get.
func TestAWaitingListWithoutMailPromisesNone(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	site := shopSite(h)
	g, there := newGuest(t, site), "/shop/events/"+e.Slug
	form := url.Values{"category": {e.Categories[3].ID.String()}, "qty": {"1"}, "email": {"ana@example.org"}}
	joined, _ := g.goes(g.ask(there+"/waitlist", form))
	page := joined.Body.String()
	if shows(t, joined, 200, "Nobody stands before you. The organiser tells you", "the organiser offers them"); strings.Contains(page, "We write to you") || strings.Contains(page, "by e-mail in the order") {
		t.Error("an e-mail is promised")
	}
	h.exec(`UPDATE sales.stock SET capacity = 9 WHERE id = $1`, e.Categories[3].ID)
	if err := h.ServeWaitlists(t.Context()); err != nil {
		t.Fatal(err)
	}
	list := visit(newSite(t, nil, h.Pages()), "/events/"+e.ID.String()+"/waitlist", nil)
	offer := regexp.MustCompile(`href="(/shop/offers/[^"]+)">Link to send them`).FindStringSubmatch(list.Body.String())
	if offer == nil {
		t.Fatal("nobody gets at what is kept: ", list.Body)
	}
	cart, _ := g.goes(g.ask(offer[1], nil))
	shows(t, cart, 200, "Your cart", "Meet the band")
	h.mails()
	h.exec(`UPDATE sales.stock SET capacity = sold + held WHERE id = $1`, e.Categories[3].ID)
	g = newGuest(t, site)
	joined, _ = g.goes(g.ask(there+"/waitlist", form))
	shows(t, joined, 200, "We write to you as soon as tickets come back.")
}
