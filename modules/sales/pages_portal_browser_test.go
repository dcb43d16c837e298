package sales

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/usherhq/usher/modules/kernel/webtest"
)

// openShop serves the portal to a browser.
func openShop(t *testing.T, h *house) *webtest.Browser {
	t.Helper()
	return webtest.Browse(t, shopSite(h))
}

// buy goes from the list to the tickets as somebody with a phone does.
func buy(t *testing.T, b *webtest.Browser, e Event, scripts bool) {
	t.Helper()
	accessible := func(where string) {
		if scripts { // axe-core is one
			b.Accessible(where)
		}
	}
	b.Dress(390, "light")
	b.Open("/shop?lang=en")
	b.Do(chromedp.Click(`a[href="/shop/events/` + e.Slug + `"]`))
	b.Until(`location.pathname === "/shop/events/` + e.Slug + `" && document.readyState === "complete"`)
	accessible("event")
	b.Do(chromedp.SetValue("#qty-"+e.Categories[0].ID.String(), "2"), chromedp.Click("#buy .buy-bar button"))
	b.Until(`location.pathname.startsWith("/shop/cart/") && document.readyState === "complete"`)
	accessible("cart")
	b.Do(chromedp.SendKeys("#name", "Ana"), chromedp.SendKeys("#email", "ana@example.org"), chromedp.Click(`input[value="door"]`), chromedp.Click("#checkout button"))
	b.Until(`location.pathname.startsWith("/o/") && document.querySelectorAll("svg.ticket-code path.print").length === 2`)
	accessible("tickets")
}

func TestBrowserBuysFromListToCode(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	b := openShop(t, h)
	for _, off := range []bool{false, true} {
		b.Scripts(!off)
		buy(t, b, e, !off)
		b.Quiet()
	}
	if n := h.number(`SELECT count(*) FROM sales.orders WHERE total_minor = 10300 AND qty = 2`); n != 2 {
		t.Errorf("%d orders, want one with scripts and one without", n)
	}
	h.audit()
}

// TestBrowserFindsThePortalAccessible looks at every page of the portal in every dress.
func TestBrowserFindsThePortalAccessible(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	b := openShop(t, h)
	g := newGuest(t, shopSite(h))
	_, cart := g.holds(e, 0, 2)
	there := "/shop/events/" + e.Slug
	for _, path := range []string{"/shop", "/shop/calendar?month=" + e.StartsAt.Format("2006-01"), there, there + "?lang=de&code=members&code=x",
		there + "/seats/" + e.Categories[1].ID.String() + "?lang=en", cart, "/shop/mine"} {
		b.Look(path)
	}
	b.Quiet()
	b.Look("/shop/events/none")
	b.Quiet("404")
}

// TestPricesAreKeptTrueWhileTheyAreLookedAt changes a price under a visitor's eyes: before
// the page is told of changes at all, as on a slow line, and afterwards.
func TestPricesAreKeptTrueWhileTheyAreLookedAt(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	site, line := shopSite(h), make(chan struct{})
	b := webtest.Browse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/live") {
			select {
			case <-line:
			case <-r.Context().Done(): // the browser has gone: the test has failed
			}
		}
		site.ServeHTTP(w, r)
	}))
	category := e.Categories[0].ID.String()
	sees := func(price string) {
		t.Helper()
		b.Until(`document.querySelector("[data-category='` + category + `'] [data-part=price]").textContent === "` + price + `" && document.getElementById("said").textContent.includes("` + price + `")`)
	}
	b.Open("/shop/events/" + e.Slug + "?lang=en")
	b.Do(chromedp.SetValue("#qty-"+category, "2"))
	h.reprice(e, 0, 5000)
	close(line)
	sees("€52.50")
	if said := b.Text(`document.getElementById("said").textContent`); strings.Count(said, "€") != 1 {
		t.Errorf("one price has moved, and the page says %q", said)
	}
	h.reprice(e, 0, 5400)
	sees("€56.50")
	if got := b.Text(`document.querySelector("#qty-` + category + `").value`); got != "2" {
		t.Errorf("what was chosen became %q", got)
	}
	b.Do(chromedp.Click("#buy .buy-bar button"))
	b.Until(`location.pathname.startsWith("/shop/cart/") && document.body.textContent.includes("€113.00")`)
	b.Quiet()
}

// Who waits for the sale to begin, or for tickets to come back, is told when they can be bought.
func TestBrowserTellsWhenThereAreTickets(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	b := openShop(t, h)
	for _, wait := range map[string][2]string{
		"the sale begins":   {`UPDATE sales.event SET sale_from = now() + interval '1 hour' WHERE id = $1`, `UPDATE sales.event SET sale_from = NULL WHERE id = $1`},
		"it goes on":        {`UPDATE sales.event SET state = 'paused' WHERE id = $1`, `UPDATE sales.event SET state = 'published' WHERE id = $1`},
		"tickets come back": {`UPDATE sales.stock SET held = capacity - sold WHERE event = $1 AND capacity = 500`, `UPDATE sales.stock SET held = 0 WHERE event = $1 AND capacity = 500`},
	} {
		h.exec(wait[0], e.ID)
		h.shelves.forget(e.ID)
		b.Open("/shop/events/" + e.Slug + "?lang=en&code=early")
		b.Until(`document.getElementById("anew").hidden && !document.getElementById("qty-` + e.Categories[0].ID.String() + `")`)
		h.exec(wait[1], e.ID)
		h.shelves.forget(e.ID)
		b.Until(`!document.getElementById("anew").hidden && document.getElementById("said").textContent.includes("There are tickets now")`)
		b.Do(chromedp.Click("#anew a"))
		b.Until(`!!document.getElementById("qty-` + e.Categories[0].ID.String() + `") && document.body.innerText.includes("EARLY")`)
	}
	b.Quiet()
}

// What a price is compared with for the visitor's code moves with it: it must be true as well.
func TestWhatACodeSavesIsKeptTrue(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	b := openShop(t, h)
	row := `document.querySelector("[data-category='` + e.Categories[0].ID.String() + `'] .price").innerText.replace(/\s+/g, " ")`
	b.Open("/shop/events/" + e.Slug + "?lang=en&code=early")
	b.Until(row + `.startsWith("€46.60 €51.50")`)
	h.reprice(e, 0, 6000)
	b.Until(row + `.startsWith("€56.50 €62.50")`)
	b.Quiet()
}

// TestATicketIsHandedOnByTwoPresses presses the button again while the answer is on its way: it is
// the only one that shows the link of whom the ticket was handed to.
func TestATicketIsHandedOnByTwoPresses(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	site := shopSite(h)
	g := newGuest(t, site)
	_, cart := g.holds(e, 0, 1)
	_, order := g.goes(g.ask(cart+"/checkout", atDoor))
	b := webtest.Browse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		if r.Method != http.MethodPost {
			site.ServeHTTP(w, r)
			return
		}
		site.ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context())))
		time.Sleep(500 * time.Millisecond)
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	b.Open(order)
	b.Do(chromedp.Click("details summary"), chromedp.SendKeys("#name-1", "Ben"), chromedp.SendKeys("#email-1", "ben@example.org"))
	b.Text(`(() => { const button = document.querySelector("details[open] form button"); button.click(); setTimeout(() => button.click(), 200); return ""; })()`)
	b.Until(`document.readyState === "complete" && location.pathname.endsWith("/transfer")`)
	b.Until(`!!document.querySelector("a.long-link")`)
}

// TestBrowserCountsTheHoldDown sees the clock run, and the page say what happened at its end.
func TestBrowserCountsTheHoldDown(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	b := openShop(t, h)
	h.cfg.Hold = 4e9
	b.Open("/shop/events/" + e.Slug + "?lang=en")
	b.Do(chromedp.SetValue("#qty-"+e.Categories[0].ID.String(), "1"), chromedp.Click("#buy .buy-bar button"))
	b.Until(`/^0:0[1-3]$/.test(document.querySelector("[data-left]")?.textContent)`)
	b.Until(`document.querySelector("h1").textContent === "Your time is over"`)
	b.Quiet("410")
}
