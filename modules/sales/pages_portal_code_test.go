package sales

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/usherhq/usher/modules/kernel/id"
)

// What keeps somebody from a cart may be his code, and not that tickets are short.
func TestACodeThatIsShortIsSaidSo(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	code := h.code(Code{Code: "half", Permille: 500, MaxUses: 3})
	g, page := newGuest(t, shopSite(h)), "/shop/events/"+e.Slug
	form := g.form(g.ask(page+"?code=half", nil).Body.String(), url.Values{"qty_" + e.Categories[0].ID.String(): {"2"}, "code": {"half"}})
	other := newGuest(t, g.site)
	_, cart := other.goes(g.ask(page+"/cart", form))
	form.Set("key", id.New().String())
	for left, says := range []string{"HALF is used up for now", "HALF is good for 1 more ticket."} {
		h.exec(`UPDATE sales.stock SET capacity = 2 + $2 WHERE id = $1`, code.ID, left)
		shows(t, newGuest(t, g.site).ask(page+"/cart", form), http.StatusConflict, "The code is not good for so many tickets", says, `<option selected>2</option>`)
	}
	h.exec(`UPDATE sales.stock SET capacity = 2 WHERE id = $1`, code.ID)
	other.goes(other.ask(cart+"/checkout", atDoor))
	form.Set("key", id.New().String())
	shows(t, newGuest(t, g.site).ask(page+"/cart", form), http.StatusConflict, "This code has been used up")
}

// Who types a code has it used, whichever button he presses, and keeps what he chose.
func TestBrowserUsesACodeThatIsTyped(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	b := openShop(t, h)
	qty := "#qty-" + e.Categories[0].ID.String()
	there := "/shop/events/" + e.Slug + "?lang=en"
	for _, scripts := range []bool{true, false} {
		b.Scripts(scripts)
		b.Open(there)
		b.Do(chromedp.SetValue(qty, "2"), chromedp.Click(".code summary"), chromedp.SendKeys("#code", "early\r"))
		b.Until(`document.readyState === "complete" && document.body.innerText.includes("In use: EARLY") && document.querySelector("` + qty + `").value === "2"`)
		b.Do(chromedp.Click("#buy .buy-bar button"))
		b.Until(`location.pathname.startsWith("/shop/cart/") && document.body.innerText.includes("€93.20")`)
		b.Open(there)
		b.Do(chromedp.SetValue(qty, "2"), chromedp.Click(".code summary"), chromedp.SendKeys("#code", "early"), chromedp.Click("#buy .buy-bar button"))
		b.Until(`location.pathname.startsWith("/shop/cart/") && document.body.innerText.includes("€93.20")`)
	}
	b.Quiet()
}

// A slip in a code sells nothing at the full price, and does not stand in the way.
func TestAMistypedCodeSellsNothing(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	g, page := newGuest(t, shopSite(h)), "/shop/events/"+e.Slug
	form := g.form(g.ask(page, nil).Body.String(), url.Values{"qty_" + e.Categories[0].ID.String(): {"2"}, "code": {"earli"}})
	refused := g.ask(page+"/cart", form)
	shows(t, refused, http.StatusConflict, "This code is not one of this event", "Nothing is in your cart yet", "<option selected>2</option>")
	if n := h.number(`SELECT count(*) FROM sales.hold`); n != 0 {
		t.Error("tickets were held at the full price")
	}
	cart, _ := g.goes(g.ask(page+"/cart", g.form(refused.Body.String(), url.Values{"qty_" + e.Categories[0].ID.String(): {"2"}, "code": {""}})))
	shows(t, cart, 200, "€103.00")
}

var planLink = regexp.MustCompile(`href="(/shop/events/[^"]+/seats/[^"]+)"`)

// Where everything on sale needs a code, the page asks for it; and what it opens, or makes
// cheaper, stays so on the way to the seats and back.
func TestCodesLeadToTheirSeats(t *testing.T) {
	h := newHouse(t)
	e := h.draft(func(e *Event) { e.Slug = "members-night" })
	h.add(e, Category{Names: named("Box"), PriceMinor: 5000, Rows: 2, Columns: 3, Hidden: true, MaxPerOrder: 6})
	h.code(Code{Code: "members", Opens: true})
	h.code(Code{Code: "half", Permille: 500})
	e = h.publish(e)
	g, page := newGuest(t, shopSite(h)), "/shop/events/"+e.Slug
	shows(t, g.ask(page, nil), 200, "Tickets are for people who have a code.", `id="code"`)
	coded := g.ask(page+"?code=members&code=half", nil)
	plan := planLink.FindStringSubmatch(coded.Body.String())
	if plan == nil {
		t.Fatal("no plan:", coded.Body)
	}
	seats := g.ask(strings.ReplaceAll(plan[1], "&amp;", "&"), nil)
	shows(t, seats, 200, "Each costs €25.00.", `href="`+page+`?code=MEMBERS&amp;code=HALF"`)
	h.exec(`UPDATE sales.event SET state = 'paused' WHERE id = $1`, e.ID)
	h.shelves.forget(e.ID)
	if strings.Contains(g.ask(page, nil).Body.String(), `id="code"`) {
		t.Error("a code is asked for that opens nothing now")
	}
}
