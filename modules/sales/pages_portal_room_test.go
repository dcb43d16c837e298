package sales

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

// crowded puts an event behind a waiting room that lets so many in a second.
func (h *house) crowded(e Event, rate float64) {
	h.t.Helper()
	h.exec(`INSERT INTO sales.room (event, mode, opens_at, issued, admitted, advanced_at) VALUES ($1, 'on', now() - interval '1 hour', 100, 0, now())`, e.ID)
	h.hall.rate = rate
}

func TestBuyersPassTheWaitingRoomInTurn(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	h.crowded(e, 0.0001)
	g := newGuest(t, shopSite(h))
	there := "/shop/events/" + e.Slug
	page := g.ask(there, nil)
	shows(t, page, 200, "€51.50", "€75.00", "Everybody passes a waiting room", "Take a place") // prices before the room
	form := g.form(page.Body.String(), url.Values{"qty_" + e.Categories[0].ID.String(): {"1"}})
	room, where := g.goes(g.ask(there+"/cart", form))
	shows(t, room, 200, "You have a place", "People before you", `http-equiv="refresh"`)
	chosen := "qty_" + e.Categories[0].ID.String() + "=1"
	if where != there+"/room?"+chosen || room.Header().Get("Retry-After") == "" {
		t.Errorf("%s, again in %q", where, room.Header().Get("Retry-After"))
	}
	ticket := g.jar[roomCookie].Value
	if again, _ := g.goes(g.ask(there+"/room", url.Values{})); !strings.Contains(again.Body.String(), "You have a place") || g.jar[roomCookie].Value != ticket {
		t.Error("who asks for a place twice lost his own")
	}
	part := g.ask(there+"/room?part=yes&"+chosen, nil)
	if body := part.Body.String(); strings.Contains(body, "<html") || !strings.Contains(body, "People before you") {
		t.Errorf("the part is %s", body)
	}
	h.exec(`UPDATE sales.room SET admitted = issued`)
	h.hall.rooms = map[id.ID]*waitingRoom{}
	if in := g.ask(there+"/room?part=yes&"+chosen, nil); in.Code != http.StatusNoContent || in.Header().Get("Location") != there+"?"+chosen+"&said=in" {
		t.Errorf("a script was told %d %q", in.Code, in.Header().Get("Location"))
	}
	shows(t, g.ask(there+"?"+chosen+"&said=in", nil), 200, "It is your turn", "Add to cart", "<option selected>1</option>")
	cart, _ := g.goes(g.ask(there+"/cart", form))
	shows(t, cart, 200, "€51.50")
	if g.jar[passCookie].Path != there {
		t.Error("the pass goes to every page")
	}
}

func TestBrowserWaitsAndGoesInByItself(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	h.crowded(e, 60)
	b := openShop(t, h)
	b.Open("/shop/events/" + e.Slug + "?lang=en")
	b.Do(chromedp.SetValue("#qty-"+e.Categories[0].ID.String(), "1"), chromedp.Click("#buy .buy-bar button"))
	b.Until(`document.querySelector("h1").textContent === "You have a place"`)
	b.Accessible("waiting room")
	b.Until(`location.search.endsWith("&said=in") && document.querySelector("#qty-` + e.Categories[0].ID.String() + `").value === "1" && document.body.textContent.includes("It is your turn")`)
	b.Quiet()
}

func TestMyTicketsAreMine(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	ana, ben := id.New(), id.New()
	lines, err := h.price(t.Context(), e.ID, []Wanted{{Category: e.Categories[0].ID, Qty: 3}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	o, _, err := h.Order(t.Context(), Purchase{Event: e.ID, Lines: lines, Currency: "EUR", Person: ana.String(), Buyer: json.RawMessage(`{"name":"Ana"}`)})
	if err != nil {
		t.Fatal(err)
	}
	site := shopSite(h)
	as := func(who id.ID) *httptest.ResponseRecorder {
		e := newSite(t, nil, nil)
		e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				c.SetRequest(c.Request().WithContext(web.WithCaller(c.Request().Context(), web.Caller{Person: who.String(), Label: "Ana"})))
				return next(c)
			}
		})
		for _, r := range h.portalPages() {
			e.Add(r.Method, r.Path, r.Handler)
		}
		return visit(e, "/shop/mine", nil)
	}
	shows(t, as(ana), 200, "Jazz Night", "3 tickets", "/o/"+o.ID.String())
	for n, says := range []string{"2 tickets", "1 ticket<", "Taken back"} { // what is left of them
		if _, err := h.refund(o.ID, Refunding{Tickets: []int{n + 1}}); err != nil {
			t.Fatal(err)
		}
		shows(t, as(ana), 200, "Jazz Night", says)
	}
	shows(t, as(ben), 200, "No tickets yet")
	shows(t, visit(site, "/shop/mine", nil), 200, "Sign in to see", "/sign-in?return=%2Fshop%2Fmine")
}

func TestWidgetStandsOnSitesThatMayShowIt(t *testing.T) {
	h := newHouse(t)
	e := night(h)
	shop := httptest.NewServer(shopSite(h))
	t.Cleanup(shop.Close)
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Our site</title><link rel="icon" href="data:,"><h1>Come</h1><script src="%s/widget.js" data-event="%s" data-lang="en"></script>`, shop.URL, e.Slug)
	}))
	t.Cleanup(foreign.Close)
	h.cfg.WidgetOrigins = []string{foreign.URL}
	b := webtest.NewBrowser(t, foreign.URL)
	b.Open("/")
	b.Until(`document.querySelector("iframe")?.height > 200 && document.querySelector("iframe").height !== "420"`)
	b.Quiet()
	b.Base = shop.URL
	b.Look("/shop/widget/" + e.Slug + "?lang=en")
	h.cfg.WidgetOrigins = []string{"https://elsewhere.example"}
	rec := visit(shopSite(h), "/shop/widget/"+e.Slug, nil)
	shows(t, rec, 200, "Buy tickets", "€51.50", "Sold out")
	if policy := rec.Header().Get("Content-Security-Policy"); !strings.HasSuffix(policy, "frame-ancestors https://elsewhere.example") {
		t.Error(policy)
	}
	gone := visit(shopSite(h), "/shop/widget/gone?lang=en", nil) // taken back, or called otherwise
	shows(t, gone, 404, "There is nothing here", `href="/shop" target="_blank"`)
	if policy := gone.Header().Get("Content-Security-Policy"); !strings.HasSuffix(policy, "frame-ancestors https://elsewhere.example") || strings.Contains(gone.Body.String(), `class="mast"`) {
		t.Error("the frame of an event that is no more is a broken picture: " + policy)
	}
	if policy := visit(shopSite(h), "/shop/events/"+e.Slug, nil).Header().Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Error("a page that is no widget may be framed: " + policy)
	}
	b.Base = foreign.URL
	b.Open("/")
	b.Until(`document.querySelector("iframe") !== null`)
	b.Until(`document.readyState === "complete"`)
	if got := b.Text(`document.querySelector("iframe").height`); got != "420" {
		t.Error("a site that is not on the list shows the widget")
	}
}

func TestWidgetOriginsAreOrigins(t *testing.T) {
	for origin, fine := range map[string]bool{"https://www.example.org": true, "http://127.0.0.1:8080": true, "https://www.example.org/": false, "*": false, "https://*": false, "https://a.example; script-src *": false, "example.org": false} {
		if bad := checkOrigins([]string{origin}); (bad == nil) != fine {
			t.Errorf("%s: %v", origin, bad)
		}
	}
}

func TestSearchEnginesFindWhatIsForEverybody(t *testing.T) {
	h := newHouse(t)
	h.cfg.Origin = "https://tickets.example.org"
	e := night(h)
	secret := h.draft(func(e *Event) { e.Slug, e.Secret = "secret-night", true })
	h.add(secret, Category{Capacity: 5})
	h.publish(secret)
	site := shopSite(h)
	page := visit(site, "/shop/events/"+e.Slug, nil).Body.String()
	for _, has := range []string{`<link rel="canonical" href="https://tickets.example.org/shop/events/jazz-night">`, `property="og:title" content="Jazz Night"`, `name="description" content="Three bands`, `hreflang="de"`} {
		if !strings.Contains(page, has) {
			t.Errorf("the page lacks %s", has)
		}
	}
	_, data, _ := strings.Cut(page, `<script type="application/ld+json">`)
	data, _, _ = strings.Cut(data, "</script>")
	var schema struct {
		Type   string `json:"@type"`
		Name   string `json:"name"`
		Start  string `json:"startDate"`
		Offers []struct{ Price, PriceCurrency, Availability string }
	}
	if err := json.Unmarshal([]byte(data), &schema); err != nil || schema.Type != "Event" || schema.Name != "Jazz Night" || len(schema.Offers) != 4 ||
		schema.Offers[0].Price != "51.50" || !strings.HasSuffix(schema.Offers[3].Availability, "SoldOut") || !strings.Contains(schema.Start, "T20:00:00+0") {
		t.Errorf("%v %+v", err, schema)
	}
	if strings.Contains(visit(site, "/shop/events/secret-night", nil).Body.String(), "canonical") {
		t.Error("a secret event asks to be found")
	}
	maps := visit(site, "/sitemap.xml", nil).Body.String()
	if !strings.Contains(maps, "<loc>https://tickets.example.org/shop/events/jazz-night</loc>") || strings.Contains(maps, "secret") {
		t.Error(maps)
	}
	shows(t, visit(site, "/robots.txt", nil), 200, "Sitemap: https://tickets.example.org/sitemap.xml", "Disallow: /o/")
}
