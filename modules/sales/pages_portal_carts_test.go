package sales

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// Who fills carts in two tabs sees both in the menu, told apart by their events.
func TestTheMenuLeadsToEveryCart(t *testing.T) {
	h := newHouse(t)
	e, other := night(h), night(h, func(e *Event) { e.Slug, e.Names = "blues", map[string]Text{"en": {Title: "Blues <Night>"}} })
	g := newGuest(t, shopSite(h))
	_, first := g.holds(e, 0, 1)
	if menu := g.ask("/shop", nil).Body.String(); !strings.Contains(menu, `href="`+first+`"><bdi>Cart</bdi>`) {
		t.Error("the only cart is called something else")
	}
	_, second := g.holds(other, 0, 1)
	shows(t, g.ask("/shop", nil), 200, `href="`+first+`"><bdi>Cart: Jazz Night</bdi>`, `href="`+second+`"><bdi>Cart: Blues &lt;Night&gt;</bdi>`)
	_, third := g.holds(e, 0, 2) // instead of the first
	menu := g.ask("/shop", nil).Body.String()
	if strings.Contains(menu, first) || strings.Count(menu, "to-cart") != 2 || !strings.Contains(menu, third) {
		t.Error("the cart that was replaced is still there")
	}
	for range mostCarts {
		h.event = id.Nil
		g.holds(night(h, func(e *Event) { e.Slug = "night-" + id.New().String() }), 0, 1)
	}
	if n := strings.Count(g.ask("/shop", nil).Body.String(), "to-cart"); n != mostCarts {
		t.Errorf("%d carts are remembered", n)
	}
	g.jar[cartCookie].Value = "x..." + g.jar[cartCookie].Value + ".y"
	if n := strings.Count(g.ask("/shop", nil).Body.String(), "to-cart"); n != mostCarts {
		t.Errorf("of a cookie with something strange in it %d carts are left", n)
	}
}

// offered is the link of an offer of an event's category to somebody on its waiting list.
func (h *house) offered(e Event, category int) string {
	h.t.Helper()
	h.wait(e.Categories[category], "ana@example.org", 1)
	h.exec(`UPDATE sales.stock SET capacity = capacity + 1 WHERE id = $1`, e.Categories[category].ID)
	h.serve()
	return "/shop/offers/" + h.OfferToken(h.line(e.ID)[0].ID)
}

// What a waiting list has offered is nobody else's until it ends: it does not go because its
// owner fills a cart of the same event besides, and it cannot be exchanged for what is on sale.
func TestAnOfferIsKeptBesideAnotherCart(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	g := newGuest(t, shopSite(h))
	page, offer := g.goes(g.ask(h.offered(e, 3), nil))
	if shows(t, page, 200, "Meet the band", "Give the tickets back"); strings.Contains(page.Body.String(), `value="change"`) {
		t.Error("it looks as if an offer could be changed")
	}
	cart, own := g.holds(e, 0, 1)
	shows(t, cart, 200, "Standing", offer, `value="change"`)
	shows(t, g.ask(offer, nil), 200, "Meet the band", own)
	h.states(e.ID, waitOffered)
	h.audit()
}

type callers map[string][2]string

func (p callers) Contact(_ context.Context, person string) (name, email string, err error) {
	return p[person][0], p[person][1], nil
}

// Who is signed in need not say again who he is.
func TestTheCheckoutKnowsWhoIsSignedIn(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	who, nameless := id.New().String(), id.New().String()
	h.cfg.People = callers{who: {"Ana & Söhne", "ana@example.org"}, nameless: {"", "ben@example.org"}}
	caller := who
	pages := h.buyerPages()
	for i := range pages {
		as := pages[i].Handler
		pages[i].Handler = func(c echo.Context) error {
			c.SetRequest(c.Request().WithContext(web.WithCaller(c.Request().Context(), web.Caller{Person: caller, Label: "Label"})))
			return as(c)
		}
	}
	site := newSite(t, nil, pages)
	g := newGuest(t, site)
	cart, there := g.holds(e, 0, 1)
	shows(t, cart, 200, `value="Ana &amp; Söhne"`, `value="ana@example.org"`, "Signed in as Label")
	shows(t, g.ask("/shop/events/"+e.Slug, nil), 200, `name="email" type="email" maxlength="254" autocomplete="email" required value="ana@example.org"`)
	shows(t, g.ask(there+"/checkout", url.Values{"name": {"Anna"}, "email": {"no"}}), http.StatusUnprocessableEntity, `value="Anna"`, `value="no"`)
	caller = nameless
	if page := g.ask(there, nil); strings.Contains(page.Body.String(), `value="Label"`) {
		t.Error("what somebody is called is not his name")
	} else {
		shows(t, page, 200, `value="ben@example.org"`)
	}
}

// What day it is today is said by the clock of who sells.
func TestTheCalendarsTodayIsTheSellers(t *testing.T) {
	h := houseOn(t, dbtest.New(t, dbtest.WithClock(clock.At(time.Date(2027, 11, 30, 23, 30, 0, 0, time.UTC)))))
	g := newGuest(t, shopSite(h))
	shows(t, g.ask("/shop/calendar", nil), 200, `<h1 class="display">November 2027`, `aria-current="date"><span class="date">30`)
	h.cfg.Seller.Zone = "Europe/Berlin"
	shows(t, g.ask("/shop/calendar", nil), 200, `<h1 class="display">December 2027`, `aria-current="date"><span class="date">1<`)
}

// A row of the plan is a row, also on a phone, and what does not fit is reached by keys.
func TestBrowserScrollsThePlanOfSeats(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	b := openShop(t, h)
	b.Dress(390, "light")
	b.Open("/shop/events/" + e.Slug + "/seats/" + e.Categories[1].ID.String() + "?lang=en")
	b.Until(`[...document.querySelectorAll(".seat-line")].every(row => new Set([...row.children].map(seat => seat.getBoundingClientRect().top)).size === 1)`)
	b.Until(`document.documentElement.scrollWidth <= 390 && !document.getElementById("plan-hint").hidden`)
	b.Do(chromedp.Focus("#plan-rows"), chromedp.KeyEvent(kb.ArrowRight))
	b.Until(`document.getElementById("plan-rows").scrollLeft > 0 && document.querySelector(".seat-row legend").getBoundingClientRect().left >= 0`)
	b.Accessible("plan")
	b.Dress(1280, "light")
	b.Until(`document.getElementById("plan-hint").hidden`)
	b.Quiet()
}

// What is kept for a day is counted in hours.
func TestBrowserCountsAnOfferDown(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	b := openShop(t, h)
	b.Open(h.offered(e, 3) + "?lang=en")
	b.Until(`/^23:59:\d\d$/.test(document.querySelector("[data-left]")?.textContent)`)
	b.Quiet()
}

// A line of the promoter's own text stays a line, and a seat has its name once.
func TestBrowserReadsLinesAndSeats(t *testing.T) {
	h := newHouse(t)
	e := night(h, func(e *Event) {
		e.Names["en"] = Text{Title: "Jazz Night", Description: "20:00 Trio\n21:00 Quartet\n\n\nBring friends."}
	})
	b := openShop(t, h)
	b.Dress(1280, "light")
	b.Open("/shop/events/" + e.Slug + "?lang=en")
	b.Until(`[...document.querySelectorAll(".event-about > p")].map(p => p.innerText).join("|") === "20:00 Trio\n21:00 Quartet|Bring friends."`)
	b.Open("/shop/events/" + e.Slug + "/seats/" + e.Categories[1].ID.String() + "?lang=en")
	names, err := chromedp.Call(b.Ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range names.Nodes {
		if node.Role != nil && string(node.Role.Value) == `"checkbox"` {
			if got := string(node.Name.Value); got != `"Seat A1"` {
				t.Errorf("the first seat is called %s", got)
			}
			return
		}
	}
	t.Error("there is no seat")
}
