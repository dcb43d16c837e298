package sales

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/sales/pay"
)

// shopSite is the portal as the house serves it; where nobody takes money, a door does.
func shopSite(h *house) *echo.Echo {
	h.t.Helper()
	if !h.Service.takesMoney(false) {
		h.pays = pay.New(pay.Config{Door: true})
	}
	return newSite(h.t, nil, h.buyerPages())
}

// guest is somebody with a browser that keeps cookies and runs no scripts.
type guest struct {
	t    *testing.T
	site *echo.Echo
	jar  map[string]*http.Cookie
	lang string
}

func newGuest(t *testing.T, site *echo.Echo) *guest {
	t.Helper()
	return &guest{t: t, site: site, jar: map[string]*http.Cookie{}, lang: "en"}
}

// ask sends a request; form is posted when it is not nil.
func (g *guest) ask(target string, form url.Values) *httptest.ResponseRecorder {
	g.t.Helper()
	req := httptest.NewRequest(http.MethodGet, target, nil)
	if form != nil {
		req = httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Accept-Language", g.lang)
	for _, k := range g.jar {
		if strings.HasPrefix(req.URL.Path, k.Path) {
			req.AddCookie(k)
		}
	}
	rec := httptest.NewRecorder()
	g.site.ServeHTTP(rec, req)
	for _, k := range rec.Result().Cookies() {
		if g.jar[k.Name] = k; k.MaxAge < 0 {
			delete(g.jar, k.Name)
		}
	}
	return rec
}

// goes follows where an answer leads.
func (g *guest) goes(rec *httptest.ResponseRecorder) (*httptest.ResponseRecorder, string) {
	g.t.Helper()
	there := rec.Header().Get("Location")
	if rec.Code != http.StatusSeeOther || there == "" {
		g.t.Fatalf("it leads nowhere: %d %s", rec.Code, rec.Body)
	}
	return g.ask(there, nil), there
}

var hiddenInput = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)

// form is what the form of a page says with these choices made.
func (g *guest) form(page string, more url.Values) url.Values {
	g.t.Helper()
	out := url.Values{}
	for _, m := range hiddenInput.FindAllStringSubmatch(page, -1) {
		out.Add(m[1], m[2])
	}
	maps.Copy(out, more)
	return out
}

// holds chooses tickets on the event's page and follows into the cart.
func (g *guest) holds(e Event, category, qty int) (cart *httptest.ResponseRecorder, there string) {
	g.t.Helper()
	page := "/shop/events/" + e.Slug
	form := g.form(g.ask(page, nil).Body.String(), url.Values{"qty_" + e.Categories[category].ID.String(): {strconv.Itoa(qty)}})
	return g.goes(g.ask(page+"/cart", form))
}

// night is an event whose times do not move, far enough ahead.
func night(h *house, more ...func(e *Event)) Event {
	h.t.Helper()
	e := h.draft(func(e *Event) {
		e.Slug, e.Venue, e.Series = "jazz-night", "Kulturhaus Insel, Berlin", "Blue Hours"
		e.Names = map[string]Text{"en": {Title: "Jazz Night", Summary: "Three bands, one long evening by the river.", Description: "Doors open early.\n\nBring friends."}, "de": {Title: "Jazznacht", Summary: "Drei Bands, ein langer Abend am Fluss."}}
		day := h.db.Now().AddDate(0, 0, 30)
		e.StartsAt = time.Date(day.Year(), day.Month(), day.Day(), 19, 0, 0, 0, time.UTC)
		doors, ends := e.StartsAt.Add(-time.Hour), e.StartsAt.Add(4*time.Hour)
		e.DoorsAt, e.EndsAt = &doors, &ends
		for _, shape := range more {
			shape(e)
		}
	})
	h.add(e, Category{Names: map[string]Text{"en": {Title: "Standing", Summary: "In front of the stage"}, "de": {Title: "Stehplatz"}}, PriceMinor: 4900, FeeMinor: 250, TaxPermille: 190, Capacity: 500, MaxPerOrder: 8})
	h.add(e, Category{Names: map[string]Text{"en": {Title: "Balcony"}, "de": {Title: "Balkon"}}, PriceMinor: 7500, Rows: 4, Columns: 8, MaxPerOrder: 6})
	h.add(e, Category{Names: map[string]Text{"en": {Title: "Children"}, "de": {Title: "Kinder"}}, Capacity: 5, MaxPerOrder: 4})
	h.add(e, Category{Names: map[string]Text{"en": {Title: "Meet the band"}, "de": {Title: "Triff die Band"}}, PriceMinor: 15000, Capacity: 2, MaxPerOrder: 2})
	h.add(e, Category{Names: map[string]Text{"en": {Title: "Members"}}, PriceMinor: 2000, Capacity: 50, Hidden: true})
	h.code(Code{Code: "members", Opens: true})
	h.code(Code{Code: "early", Permille: 100})
	e = h.publish(e)
	if _, err := h.buy(e, nil, Wanted{Category: e.Categories[3].ID, Qty: 2}); err != nil {
		h.t.Fatal(err)
	}
	h.shelves.forget(e.ID)
	return e
}

// price changes what a category costs.
func (h *house) reprice(e Event, category int, minor int64) {
	h.t.Helper()
	h.in(func(tx *db.Tx) error {
		_, err := h.SetPrice(tx, e.Categories[category].ID, minor, "demand", "test")
		return err
	})
	h.shelves.forget(e.ID)
}

// visitJSON posts as a script of the page does.
func visitJSON(g *guest, target, body string) int {
	req := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	rec := httptest.NewRecorder()
	g.site.ServeHTTP(rec, req)
	for _, k := range rec.Result().Cookies() {
		g.jar[k.Name] = k
	}
	return rec.Code
}
