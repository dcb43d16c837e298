package sales

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

// atDoor is a checkout that is paid when people come.
var orderLink = regexp.MustCompile(`/o/[^"?]+`)

var atDoor = url.Values{"name": {"Ana"}, "email": {"ana@example.org"}, "method": {"door"}}

func TestGuestBuysWithoutScripts(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	g := newGuest(t, shopSite(h))
	shows(t, g.ask("/shop", nil), 200, "Jazz Night", "from €51.50", `lang="en"`)
	cart, there := g.holds(e, 0, 2)
	shows(t, cart, 200, "€103.00", "€51.50 each", "At the door", `http-equiv="refresh"`, "10 minutes")
	tickets, _ := g.goes(g.ask(there+"/checkout", atDoor))
	shows(t, tickets, 200, "Thank you, the tickets are yours", "You pay €103.00 at the door", "Ticket 2 of 2", "<svg class=\"ticket-code\"")
	// The same form once more, and the cart's own address, lead to the same tickets.
	again, _ := g.goes(g.ask(there+"/checkout", atDoor))
	shows(t, again, 200, "Ticket 2 of 2")
	if n := h.number(`SELECT count(*) FROM sales.orders WHERE qty = 2 AND total_minor = 10300`); n != 1 {
		t.Errorf("%d orders", n)
	}
	h.audit()
}

func TestFreeTicketsAreTakenWithoutPayment(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	g := newGuest(t, shopSite(h))
	cart, there := g.holds(e, 2, 1)
	shows(t, cart, 200, "These tickets cost nothing", "Get the tickets")
	tickets, _ := g.goes(g.ask(there+"/checkout", url.Values{"name": {"Ana"}, "email": {"ana@example.org"}}))
	shows(t, tickets, 200, "Ticket 1")
}

// Who cannot pay is told before tickets are held for him; what is free is his.
func TestNothingIsHeldThatNobodyCanPay(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	g := newGuest(t, newSite(t, nil, h.buyerPages()))
	page := "/shop/events/" + e.Slug
	looked := g.ask(page, nil)
	shows(t, looked, 200, "The organiser takes no payments for this event yet.", "Not to be bought at this moment", "qty_"+e.Categories[2].ID.String())
	if strings.Contains(looked.Body.String(), `name="qty_`+e.Categories[0].ID.String()) {
		t.Error("a ticket that nobody can pay can be chosen")
	}
	form := g.form(looked.Body.String(), url.Values{"qty_" + e.Categories[0].ID.String(): {"1"}})
	shows(t, g.ask(page+"/cart", form), 409, "These tickets cannot be paid")
	if now, err := h.Event(t.Context(), e.ID); err != nil || now.Categories[0].Held != 0 {
		t.Errorf("%d are held", now.Categories[0].Held)
	}
	step := func() bool {
		g, err := h.Glance(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		return g.Steps[1].Done
	}
	staff := newSite(t, nil, h.Pages())
	if shows(t, visit(staff, "/events/"+e.ID.String(), nil), 200, "Nobody can pay yet"); step() {
		t.Error("the step is done")
	}
	found, err := CheckPayable(t.Context(), h.cfg.Payment, h.db)
	if err != nil || len(found.Unpaid) != 1 {
		t.Errorf("%+v %v", found, err)
	}
	h.takesMoney()
	if found, err = CheckPayable(t.Context(), h.cfg.Payment, h.db); err != nil || len(found.Unpaid) != 0 || !step() {
		t.Errorf("%+v %v", found, err)
	}
}

// The seam of this test is the provider's page: the bank stands in for it.
func TestCardIsPaidOnAnotherSiteAndLeadsBack(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	g := newGuest(t, shopSite(h))
	_, there := g.holds(e, 0, 1)
	going, pay := g.goes(g.ask(there+"/checkout", url.Values{"name": {"Ana"}, "email": {"ana@example.org"}, "method": {"stripe"}}))
	shows(t, going, 200, "We take you to the payment", "https://bank.example/")
	if to := going.Header().Get("Refresh"); !strings.HasPrefix(to, "0;url=https://bank.example/") {
		t.Errorf("it leads to %q", to)
	}
	pay, _, _ = strings.Cut(pay, "?")
	shows(t, g.ask(pay, nil), 200, "We wait for your payment", "Pay in another way")
	var p Payment
	for _, x := range h.ids(`SELECT id FROM sales.payment`) {
		p.ID = x
	}
	p = h.payment(p)
	h.heard(told(p))
	shows(t, g.ask(pay, nil), 200, "Your payment has come")
	h.settleAll()
	done := g.ask(pay+"?lang=de", nil)
	shows(t, done, 200, "Danke, es ist bezahlt", `lang="de"`, "51,50 €")
	if done.Header().Get("Refresh") != "" {
		t.Error("the page still looks again")
	}
	shows(t, g.ask(strings.TrimSuffix(orderLink.FindString(done.Body.String()), `"`), nil), 200, "Ihre Tickets")
	back, _ := g.goes(g.ask(there, nil))
	shows(t, back, 200, "Ihre Tickets")
}

// When its prices are promised no more, a cart is there for the payment that was begun.
func TestCartThatIsKeptForAPaymentLeadsToIt(t *testing.T) {
	at := clock.At(time.Now())
	h := houseOn(t, dbtest.New(t, dbtest.WithClock(at)))
	h.takesMoney()
	e := night(h)
	g := newGuest(t, shopSite(h))
	_, there := g.holds(e, 0, 1)
	_, pay := g.goes(g.ask(there+"/checkout", url.Values{"name": {"Ana"}, "email": {"ana@example.org"}, "method": {"stripe"}}))
	shows(t, g.ask(there, nil), 200, "How would you like to pay?")
	pay, _, _ = strings.Cut(pay, "?")
	at.Advance(h.cfg.Hold + time.Minute)
	for _, form := range []url.Values{nil, {"name": {"Ana"}, "email": {"anna@example.org"}, "method": {"transfer"}}} {
		ask := there
		if form != nil {
			ask += "/checkout"
		}
		page, to := g.goes(g.ask(ask, form))
		shows(t, page, 200, "We wait for your payment", "https://bank.example/")
		if to != pay {
			t.Errorf("it leads to %s, not to %s", to, pay)
		}
		if strings.Contains(page.Body.String(), "Pay in another way") {
			t.Error("another way is offered that there is not")
		}
	}
}

func TestTransferSaysWhatToSend(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	h.cfg.Seller.Name, h.cfg.Seller.Address = "Night GmbH", "Gasse 1\n1010 Wien\n" // as YAML's | has it
	h.cfg.Payment.Transfer.Account += "\n"
	e := night(h)
	g := newGuest(t, shopSite(h))
	_, there := g.holds(e, 0, 1)
	page, _ := g.goes(g.ask(there+"/checkout", url.Values{"name": {"Ana"}, "email": {"ana@example.org"}, "method": {"transfer"}}))
	shows(t, page, 200, "Please send €51.50", "DE02 1203 0000 0000 2020 51</dd>", "<code>", "<bdi>1010 Wien</bdi></p>")
}

func TestPriceSeenIsNeverExceeded(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	g := newGuest(t, shopSite(h))
	page := "/shop/events/" + e.Slug
	standing := e.Categories[0].ID.String()
	form := g.form(g.ask(page, nil).Body.String(), url.Values{"qty_" + standing: {"2"}})
	h.reprice(e, 0, 5400)
	moved := g.ask(page+"/cart", form)
	shows(t, moved, http.StatusConflict, "The price has moved", "Standing costs €56.50 now, no longer €51.50", "<option selected>2</option>")
	if n := h.number(`SELECT count(*) FROM sales.hold`); n != 0 {
		t.Error("something was held at a price nobody saw")
	}
	cart, there := g.goes(g.ask(page+"/cart", g.form(moved.Body.String(), url.Values{"qty_" + standing: {"2"}})))
	shows(t, cart, 200, "€113.00")
	h.reprice(e, 0, 9900) // the cart keeps what it was quoted
	shows(t, g.ask(there, nil), 200, "€113.00")
	h.reprice(e, 0, 1000)
	form.Set("key", id.New().String())
	cheaper, _ := g.goes(g.ask(page+"/cart", form))
	shows(t, cheaper, 200, "€25.00")
}

func TestHoldThatEndedIsSaidKindly(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	g := newGuest(t, shopSite(h))
	_, there := g.holds(e, 0, 2)
	h.exec(`UPDATE sales.hold SET expires_at = now() - interval '1 second'`)
	if _, err := h.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, rec := range []string{"", "/checkout", "/release"} {
		var form url.Values
		if rec != "" {
			form = atDoor
		}
		shows(t, g.ask(there+rec, form), http.StatusGone, "Your time is over", "Nothing was bought", "/shop/events/jazz-night")
	}
	if g.jar[cartCookie] != nil {
		t.Error("the browser still remembers the cart")
	}
}

func TestSameFormTwiceIsOneCart(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	g := newGuest(t, shopSite(h))
	page := "/shop/events/" + e.Slug
	form := g.form(g.ask(page, nil).Body.String(), url.Values{"qty_" + e.Categories[1].ID.String(): {"3"}})
	_, first := g.goes(g.ask(page+"/cart", form))
	_, second := g.goes(g.ask(page+"/cart", form))
	if first != second || h.number(`SELECT sum(qty) FROM sales.hold`) != 3 {
		t.Errorf("%s, %s", first, second)
	}
	// Gone back and chosen otherwise: it replaces the first.
	form.Set("qty_"+e.Categories[1].ID.String(), "2")
	_, third := g.goes(g.ask(page+"/cart", form))
	if third == first || h.number(`SELECT sum(qty) FROM sales.hold`) != 2 {
		t.Errorf("%s holds beside %s", third, first)
	}
	h.auditCatalogue()
}

func TestChangeLeadsBackWithTheChoice(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	g := newGuest(t, shopSite(h))
	_, there := g.holds(e, 0, 3)
	back, _ := g.goes(g.ask(there+"/release", url.Values{"then": {"change"}}))
	shows(t, back, 200, "<option selected>3</option>")
	if n := h.number(`SELECT count(*) FROM sales.hold`); n != 0 {
		t.Error("the cart still holds")
	}
	_, there = g.holds(e, 0, 1)
	left, _ := g.goes(g.ask(there+"/release", url.Values{"then": {"leave"}}))
	shows(t, left, 200, "Given back")
}

func TestWhatCannotBeBoughtIsSaidKindly(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	g := newGuest(t, shopSite(h))
	page := "/shop/events/" + e.Slug
	field := func(i int) string { return "qty_" + e.Categories[i].ID.String() }
	post := func(more url.Values) string {
		return g.ask(page+"/cart", g.form(g.ask(page, nil).Body.String(), more)).Body.String()
	}
	for name, c := range map[string]struct {
		form url.Values
		says string
	}{
		"nothing":  {url.Values{}, "No tickets chosen yet"},
		"too many": {url.Values{field(0): {"9"}}, "Standing: 1 to 8 tickets an order"},
		"sold out": {url.Values{field(3): {"1"}}, "Not so many are left"},
		"hidden":   {url.Values{field(4): {"1"}}, "not on sale at this moment"},
		"code":     {url.Values{field(2): {"1"}, "code": {"EARLY"}}, "A code does not fit"},
	} {
		if got := post(c.form); !strings.Contains(got, c.says) {
			t.Errorf("%s does not say %q:\n%s", name, c.says, got)
		}
	}
	if n := h.number(`SELECT count(*) FROM sales.hold`); n != 0 {
		t.Error("something was held")
	}
}

func TestCodesOpenAndDiscount(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	g := newGuest(t, shopSite(h))
	page := "/shop/events/" + e.Slug
	if strings.Contains(g.ask(page, nil).Body.String(), "Members") {
		t.Error("the hidden category is shown to everybody")
	}
	with := g.ask(page+"?code=members&code=early", nil)
	shows(t, with, 200, "Members", "€46.60", ">€51.50</s>", "€18.00")
	shows(t, g.ask(page+"?code=nonsense", nil), 200, "This code is not one of this event")
	cart, _ := g.goes(g.ask(page+"/cart", g.form(with.Body.String(), url.Values{"qty_" + e.Categories[4].ID.String(): {"1"}, "code": {"MEMBERS", "EARLY"}})))
	shows(t, cart, 200, "€18.00")
}

func TestSeatsAreChosenByRow(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	g := newGuest(t, shopSite(h))
	there := "/shop/events/" + e.Slug
	plan := there + "/seats/" + e.Categories[1].ID.String()
	page := g.ask(plan, nil)
	shows(t, page, 200, "Row D", `Seat D8</span><span aria-hidden="true">8</span>`)
	seats, err := h.Seats(t.Context(), e.Categories[1].ID)
	if err != nil {
		t.Fatal(err)
	}
	chosen := url.Values{"seat": {seats[0].ID.String(), seats[9].ID.String()}}
	form := g.form(page.Body.String(), chosen)
	cart, _ := g.goes(g.ask(there+"/cart", form))
	shows(t, cart, 200, "seats A1, B2", "€150.00")
	other := newGuest(t, shopSite(h))
	chosen.Set("key", id.New().String())
	taken := other.ask(there+"/cart", other.form(page.Body.String(), chosen))
	shows(t, taken, http.StatusConflict, "A seat you chose has just been taken", "Row A", "taken")
}

func TestWaitingListIsJoined(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	g := newGuest(t, shopSite(h))
	there := "/shop/events/" + e.Slug
	shows(t, g.ask(there, nil), 200, "Join the waiting list", "Sold out")
	form := url.Values{"category": {e.Categories[3].ID.String()}, "qty": {"1"}, "email": {"ana@example.org"}}
	joined, _ := g.goes(g.ask(there+"/waitlist", form))
	shows(t, joined, 200, "You are on the waiting list", "Nobody stands before you")
	form.Set("email", "nobody")
	form.Set("qty", "9")
	shows(t, g.ask(there+"/waitlist", form), http.StatusUnprocessableEntity, `aria-describedby="wait-qty-wrong"`, `aria-describedby="wait-email-wrong"`, "This is no e-mail address", "a number from 1 to 2", `value="nobody"`)
	form = url.Values{"category": {e.Categories[0].ID.String()}, "qty": {"1"}, "email": {"ana@example.org"}}
	shows(t, g.ask(there+"/waitlist", form), http.StatusConflict, "nobody has to wait")
}

func TestCheckoutAsksForWhatIsMissing(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h, func(e *Event) { e.StartsAt, e.DoorsAt, e.EndsAt = h.db.Now().Add(30*time.Hour), nil, nil })
	g := newGuest(t, shopSite(h))
	g.lang = "de"
	_, there := g.holds(e, 0, 1)
	shows(t, g.ask(there+"/checkout", url.Values{"name": {" "}, "email": {"ana"}}), http.StatusUnprocessableEntity, "Das ist keine E-Mail-Adresse", "Bitte nennen Sie einen Namen", "Bitte wählen Sie, wie Sie zahlen möchten", `value="ana"`)
	soon := url.Values{"name": {"Ana"}, "email": {"ana@example.org"}, "method": {"transfer"}}
	shows(t, g.ask(there+"/checkout", soon), http.StatusConflict, "Für eine Überweisung ist es zu knapp", "Wählen Sie eine andere Zahlungsart")
	if h.number(`SELECT count(*) FROM sales.hold`) != 1 {
		t.Error("the cart was lost")
	}
}

func TestLanguageIsKeptAndTimesAreTheVenues(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	g := newGuest(t, shopSite(h))
	there := "/shop/events/" + e.Slug
	shows(t, g.ask(there+"?lang=de", nil), 200, `<html lang="de">`, "Jazznacht", "51,50 €", "Stehplatz", "In den Warenkorb", "20:00 Uhr")
	shows(t, g.ask("/shop", nil), 200, `<html lang="de">`, "ab 51,50 €")
	shows(t, g.ask("/shop/events/none", nil), 404, "Hier ist nichts", `<html lang="de">`)
	shows(t, g.ask("/shop/cart/none", nil), 404, "Hier ist nichts")
	shows(t, g.ask("/shop/nowhere/at/all", nil), 404, "Hier ist nichts", `<html lang="de">`)
	shows(t, g.ask("/shop?q=insel&lang=en", nil), 200, "1 event found", "Jazz Night")
	shows(t, g.ask("/shop?q=opera", nil), 200, "No event fits", "Nothing found")
	shows(t, g.ask("/shop/calendar?month="+e.StartsAt.Format("2006-01"), nil), 200, "1 event this month", "Jazz Night")
}

// A festival stands on each of its days, also in the month after it began, as the venue's
// clock has them; a night belongs to the day before it.
func TestTheCalendarShowsWhatGoesOn(t *testing.T) {
	h := newHouse(t)
	next := time.Date(h.db.Now().Year(), h.db.Now().Month()+1, 1, 0, 0, 0, 0, time.UTC)
	after := next.AddDate(0, 1, 0)
	berlin := berlin(t)
	on := func(title string, from, until time.Time) {
		e := h.draft(func(e *Event) {
			e.Names, e.StartsAt, e.EndsAt = map[string]Text{"en": {Title: title}}, from, &until
		})
		h.add(e, Category{Capacity: 5})
		h.publish(e)
	}
	at := func(month time.Time, day, hour int) time.Time {
		return time.Date(month.Year(), month.Month(), day, hour, 0, 0, 0, berlin)
	}
	on("Festival", at(after, -1, 16), at(after, 3, 2)) // from the day before the last one to the night after the 2nd
	on("Last Night", at(after, 0, 22), at(after, 1, 4))
	g := newGuest(t, shopSite(h))
	for _, c := range []struct {
		month         time.Time
		festival, gig int // days, and the card
	}{{next, 2 + 1, 1 + 1}, {after, 2 + 1, 0}} {
		page := g.ask("/shop/calendar?month="+c.month.Format("2006-01"), nil).Body.String()
		if festival, gig := strings.Count(page, "<bdi>Festival</bdi>"), strings.Count(page, "<bdi>Last Night</bdi>"); festival != c.festival || gig != c.gig {
			t.Errorf("%s: the festival %d times, want %d; the night %d, want %d", c.month.Format("2006-01"), festival, c.festival, gig, c.gig)
		}
	}
}

// The house refuses before a page of the portal is reached: the page it shows is the
// portal's all the same, in the language that was chosen there.
func TestWhatTheHouseRefusesIsSaidByThePortal(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	site := newSite(t, nil, nil)
	m := web.Mounter{Echo: site, Guard: webtest.Everyone{}, Limiter: web.NewLimiter(web.LimitConfig{Callers: 100, Shop: web.Rate{PerSecond: 0.01, Burst: 2}}, clock.System{})}
	m.Pages(h.buyerPages()...)
	g := newGuest(t, site)
	shows(t, g.ask("/shop/events/"+e.Slug+"?lang=de", nil), 200, `<html lang="de">`)
	g.ask("/shop", nil)
	for _, page := range []string{"/shop", "/o/none", "/pay/none"} {
		shows(t, g.ask(page, nil), http.StatusTooManyRequests, `<html lang="de">`, "Bitte langsamer", "Warten Sie einen Moment", "/shop/calendar")
	}
}

// What goes on for days is shown until it ends, not until a day after it began.
func TestAFestivalIsListedUntilItEnds(t *testing.T) {
	h := newHouse(t)
	now := h.db.Now()
	events := map[string]id.ID{}
	listed := func(slug string, begun, length time.Duration) {
		start, end := now.Add(-begun), now.Add(length-begun)
		e := h.draft(func(e *Event) {
			e.Slug, e.StartsAt, e.SaleUntil = slug, start, new(now.Add(time.Hour))
			if length > 0 {
				e.EndsAt = &end
			}
		})
		h.add(e, Category{PriceMinor: 2500, Capacity: 10})
		events[slug] = h.publish(e).ID
	}
	listed("three-days", 50*time.Hour, 72*time.Hour)
	listed("is-over", 50*time.Hour, 49*time.Hour)
	listed("over-early", 5*time.Hour, 4*time.Hour)
	listed("no-end", 23*time.Hour, 0)
	listed("no-end-over", 25*time.Hour, 0)
	site := newSite(t, h.Routes(), h.buyerPages())
	for _, where := range []string{"/shop", "/sitemap.xml", "/v1/shop/events"} {
		body := visit(site, where, nil).Body.String()
		for slug, want := range map[string]bool{"three-days": true, "is-over": false, "over-early": false, "no-end": true, "no-end-over": false} {
			if got := regexp.MustCompile(slug + `\b[^-]`).MatchString(body); got != want {
				t.Errorf("%s shows %s: %v, want %v", where, slug, got, want)
			}
		}
	}
	// Those who look after it see it a day longer.
	shows(t, visit(newSite(t, nil, h.eventPages()), "/events", nil), http.StatusOK, events["three-days"].String(), events["is-over"].String())
}

// What followers are sent opens this address in their browser.
func TestAListingLeadsIntoThePortal(t *testing.T) {
	h := newHouse(t)
	site := newSite(t, h.Routes(), h.buyerPages())
	for _, e := range []Event{h.concert(Category{PriceMinor: 2500, Capacity: 10}), h.elsewhere(Category{Capacity: 10})} {
		l, err := h.Listing(t.Context(), e.ID)
		if err != nil {
			t.Fatal(err)
		}
		if rec := visit(site, l.Path, nil); rec.Code != http.StatusOK {
			t.Errorf("%q of an event of the shop %q: %d", l.Path, e.Shop, rec.Code)
		}
	}
}

// A house with a slot an hour has hundreds of events a month: the last of them are found too.
func TestWhatIsFarAheadIsFound(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	h.exec(`INSERT INTO sales.event (id, slug, state, series, venue, names, locales, zone, currency, secret, sandbox, waiting_first, starts_at, version, created_at)
		SELECT gen_random_uuid(), 'slot-' || n, 'published', '', '', '{"en": {"title": "Slot"}}', locales, zone, currency, false, false, false, starts_at - n * interval '1 minute', 1, created_at
		FROM sales.event, generate_series(1, $2) n WHERE id = $1`, e.ID, listed)
	g := newGuest(t, shopSite(h))
	shows(t, g.ask("/shop?q=jazz", nil), 200, "1 event found", "Jazz Night")
	shows(t, g.ask("/shop?series=Blue+Hours", nil), 200, "1 event found", "Jazz Night")
	shows(t, g.ask("/shop/calendar?month="+e.StartsAt.Format("2006-01"), nil), 200, "Jazz Night")
	shows(t, g.ask("/shop", nil), 200, "Later events")
}
