package sales

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// call asks the API; headers come in pairs. It returns the answer and its JSON object.
func call(t *testing.T, e *echo.Echo, method, path, body string, headers ...string) (*httptest.ResponseRecorder, map[string]any) {
	t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	var out map[string]any
	_ = json.Unmarshal(rec.Body.Bytes(), &out)
	return rec, out
}

func (h *house) api() *echo.Echo {
	var all []web.Route
	return newSite(h.t, append(append(all, h.catalogueRoutes()...), h.shopRoutes()...), nil)
}

func TestTheCatalogueByItsAPI(t *testing.T) {
	h := newHouse(t)
	e := h.api()
	start := h.db.Now().Add(100 * time.Hour).Format(time.RFC3339)
	body := `{"slug": "jazz", "names": {"en": {"title": "Jazz"}}, "locales": ["en"], "zone": "Europe/Berlin", "currency": "EUR", "starts_at": "` + start + `"}`
	rec, made := call(t, e, "POST", "/v1/catalogue/events", body, "Idempotency-Key", "k1")
	if rec.Code != 201 || made["state"] != "draft" {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if rec, again := call(t, e, "POST", "/v1/catalogue/events", body, "Idempotency-Key", "k1"); rec.Code != 201 || again["id"] != made["id"] {
		t.Errorf("repeated: %d %v", rec.Code, again["id"])
	}
	if rec, _ := call(t, e, "POST", "/v1/catalogue/events", body); rec.Code != 409 {
		t.Errorf("the same slug: %d %s", rec.Code, rec.Body)
	}
	there := "/v1/catalogue/events/" + made["id"].(string)
	rec, _ = call(t, e, "GET", there, "")
	tag := rec.Header().Get("ETag")
	if rec, _ := call(t, e, "GET", there, "", "If-None-Match", tag); rec.Code != 304 || tag == "" {
		t.Errorf("unchanged: %d, %q", rec.Code, tag)
	}
	rec, c := call(t, e, "POST", there+"/categories", `{"names": {"en": {"title": "Floor"}}, "price_minor": 2500, "capacity": 30}`, "If-Match", tag)
	if rec.Code != 201 || c["max_per_order"] != 10.0 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if rec, _ := call(t, e, "PUT", there, body, "If-Match", tag); rec.Code != 412 {
		t.Errorf("with an old tag: %d", rec.Code)
	}
	if rec, _ := call(t, e, "PATCH", there, `{"state": "published"}`); rec.Code != 200 {
		t.Errorf("publish: %d %s", rec.Code, rec.Body)
	}
	rec, _ = call(t, e, "PUT", there+"/categories/"+c["id"].(string), `{"names": {"en": {"title": "Floor"}}, "price_minor": 2700, "capacity": 40}`)
	if rec.Code != 200 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if rec, _ := call(t, e, "GET", there+"/categories/"+c["id"].(string)+"/prices", ""); strings.Count(rec.Body.String(), `"version"`) != 2 {
		t.Errorf("%s", rec.Body)
	}
	if rec, code := call(t, e, "POST", there+"/codes", `{"code": "vip", "opens": true}`); rec.Code != 201 || code["code"] != "VIP" {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if rec, _ := call(t, e, "POST", there+"/pools", `{"name": "P", "capacity": 10, "protected": [5, 2]}`); rec.Code != 400 || !strings.Contains(rec.Body.String(), "falls") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if rec, _ := call(t, e, "GET", there+"/stock", ""); rec.Code != 200 || !strings.Contains(rec.Body.String(), `"free":40`) {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if rec, _ := call(t, e, "DELETE", there, ""); rec.Code != 409 {
		t.Errorf("deleted while published: %d", rec.Code)
	}
	for _, path := range []string{"/v1/catalogue/events/7", "/v1/catalogue/events/" + id.New().String(), there + "/categories/7/prices"} {
		if rec, _ := call(t, e, "GET", path, ""); rec.Code != 404 {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
}

// Categories come with a new event, all of them or none; every fault is told at once, with its place.
// What an app misspelled must not look like an answer to what it meant.
func TestAListOfNothingIsToldApartFromAMistake(t *testing.T) {
	h := newHouse(t)
	event, other, order := h.concert(Category{Capacity: 5}), h.draft(func(*Event) {}), "/v1/orders/"+id.New().String()
	e := newSite(t, slices.Concat(h.catalogueRoutes(), h.shopRoutes(), h.paymentRoutes()), nil)
	there, nowhere, category := "/v1/catalogue/events/"+event.ID.String(), "/v1/catalogue/events/"+id.New().String(), "/categories/"+event.Categories[0].ID.String()
	for path, want := range map[string]int{
		there + "/codes": 200, nowhere + "/codes": 404, there + "/waitlist": 200, nowhere + "/waitlist": 404, there + "/waitlist?all=everybody": 400,
		there + category + "/prices": 200, nowhere + category + "/prices": 404, "/v1/catalogue/events/" + other.ID.String() + category + "/prices": 404,
		order + "/invoices": 404, "/v1/catalogue/events?state=draft": 200, "/v1/catalogue/events?state=drafts": 400, "/v1/catalogue/events?order=oldest": 400,
		"/v1/payments?state=settled": 200, "/v1/payments?state=open": 400, "/v1/refunds?state=by_hand": 200, "/v1/refunds?state=by-hand": 400, "/v1/refunds?cursor=x": 400,
		"/v1/shop/events/a%00b": 404,
	} {
		if rec, _ := call(t, e, "GET", path, ""); rec.Code != want {
			t.Errorf("%s: %d %s, want %d", path, rec.Code, rec.Body, want)
		}
	}
}

func TestAnEventIsMadeWithItsCategories(t *testing.T) {
	h := newHouse(t)
	e := h.api()
	body := func(rest string) string {
		return `{"slug": "jazz", "names": {"en": {"title": "Jazz"}}, "locales": ["en"], "zone": "Europe/Berlin", "currency": "EUR", "starts_at": "` + h.db.Now().Add(100*time.Hour).Format(time.RFC3339) + `"` + rest + `}`
	}
	for _, bad := range []struct{ rest, says string }{
		{`, "categories": [{"names": {"en": {"title": "Floor"}}, "price_minor": 100, "capacity": 30}, {"names": {"xx": {"title": "Stand"}}, "price_minor": 100, "capacity": -1}]`, `"field":"categories[1].capacity"`},
		{`, "categories": [{"names": {"en": {"title": "A"}}, "price_minor": 100, "capacity": -1}, {"names": {"en": {"title": "B"}}, "price_minor": -1}]`, `"field":"categories[1].price_minor"`},
		{`, "categories": [{"names": {"en": {"title": "A"}}, "price_minor": 100, "capacity": 3, "seats": 4}]`, `seats`},
		{`, "categories": [{"names": {"en": {"title": "A"}}, "price_minor": 100, "capacity": 3, "pool": "` + id.New().String() + `"}]`, `"field":"categories[0].pool"`},
		{`, "pools": [{"name": "P", "capacity": 10}]`, "/pools"},
	} {
		if rec, _ := call(t, e, "POST", "/v1/catalogue/events", body(bad.rest)); rec.Code != 400 || !strings.Contains(rec.Body.String(), bad.says) {
			t.Errorf("%s: %d %s", bad.rest, rec.Code, rec.Body)
		}
	}
	if n := h.number(`SELECT count(*) FROM sales.event`); n != 0 {
		t.Fatalf("%d refused events are kept", n)
	}
	rec, made := call(t, e, "POST", "/v1/catalogue/events", body(`, "categories": [{"names": {"en": {"title": "Floor"}}, "price_minor": 2500, "capacity": 30}, {"names": {"en": {"title": "Seats"}}, "price_minor": 4000, "rows": 2, "columns": 3}]`))
	if rec.Code != 201 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	there := "/v1/catalogue/events/" + made["id"].(string)
	rec, _ = call(t, e, "GET", there, "")
	if got := rec.Body.String(); !strings.Contains(got, "Floor") || !strings.Contains(got, "Seats") || strings.Count(got, `"price_version":1`) != 2 {
		t.Errorf("%s", got)
	}
	if n := h.number(`SELECT count(*) FROM sales.seat`); n != 6 {
		t.Errorf("%d seats", n)
	}
	if rec, _ := call(t, e, "PATCH", there, `{"state": "published"}`); rec.Code != 200 {
		t.Errorf("publish: %d %s", rec.Code, rec.Body)
	}
}

func TestTheShopShowsOnlyWhatBuyersMaySee(t *testing.T) {
	h := newHouse(t)
	e := h.api()
	h.draft(func(e *Event) { e.Slug = "draft" })
	secret := h.draft(func(e *Event) { e.Slug, e.Secret = "secret", true })
	h.add(secret, Category{Capacity: 5})
	h.publish(secret)
	open := h.draft(func(e *Event) { e.Slug = "open" })
	h.add(open, Category{Capacity: 5, PriceMinor: 1000, Names: named("Floor")})
	h.add(open, Category{Capacity: 5, Names: named("Backstage"), Hidden: true})
	h.add(open, Category{Rows: 2, Columns: 2, Names: named("Seats")})
	open = h.publish(open)

	rec, _ := call(t, e, "GET", "/v1/shop/events", "")
	if body := rec.Body.String(); !strings.Contains(body, `"open"`) || strings.Contains(body, `"secret"`) || strings.Contains(body, `"draft"`) || strings.Contains(body, "Backstage") {
		t.Errorf("%s", body)
	}
	for slug, want := range map[string]int{"draft": 404, "secret": 200, "open": 200, "nothing": 404} {
		if rec, _ := call(t, e, "GET", "/v1/shop/events/"+slug, ""); rec.Code != want {
			t.Errorf("%s: %d", slug, rec.Code)
		}
	}
	rec, _ = call(t, e, "GET", "/v1/shop/events/open", "")
	if body := rec.Body.String(); !strings.Contains(body, `"status":"on_sale"`) || !strings.Contains(body, `"left":5`) || strings.Contains(body, "capacity") {
		t.Errorf("%s", body)
	}
	rec, _ = call(t, e, "GET", "/v1/shop/events/open/seats/"+open.Categories[2].ID.String(), "")
	if strings.Count(rec.Body.String(), `"free":true`) != 4 || !strings.Contains(rec.Body.String(), `"B2"`) {
		t.Errorf("%s", rec.Body)
	}
	if rec, _ := call(t, e, "GET", "/v1/shop/events/open/seats/"+open.Categories[1].ID.String(), ""); rec.Code != 404 {
		t.Errorf("the plan of a hidden category: %d", rec.Code)
	}
}

func TestAnOfferIsACartByItsLink(t *testing.T) {
	h, ev, c, carts := soldOutConcert(t)
	e := h.api()
	join := `{"category": "` + c.ID.String() + `", "qty": 1, "email": "ana@example.org"}`
	for before := range 2 { // again: as anybody who comes now is answered
		if rec, got := call(t, e, "POST", "/v1/shop/events/"+ev.Slug+"/waitlist", join); rec.Code != 201 || got["ahead"] != float64(before) || len(got) != 2 {
			t.Errorf("%d %s", rec.Code, rec.Body)
		}
	}
	if err := h.Release(t.Context(), carts[0].ID, carts[0].Lines); err != nil {
		t.Fatal(err)
	}
	h.serve()
	link := "/v1/shop/offers/" + h.OfferToken(h.line(ev.ID)[0].ID)
	rec, got := call(t, e, "GET", link, "")
	if rec.Code != 200 || got["total_minor"] != 1000.0 || got["quote"] == "" {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	q, err := h.quotes.open(got["quote"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Confirm(t.Context(), q.Cart, Purchase{Event: q.Event, Lines: q.Lines, Currency: q.Currency}); err != nil {
		t.Errorf("the quote of an offer cannot be paid: %v", err)
	}
	if rec, _ := call(t, e, "GET", link, ""); rec.Code != 409 {
		t.Errorf("after it was bought: %d", rec.Code)
	}
	if rec, _ := call(t, e, "DELETE", link, ""); rec.Code != 204 {
		t.Errorf("leave: %d", rec.Code)
	}
	h.states(ev.ID, waitBought)
	if rec, _ := call(t, e, "GET", "/v1/shop/offers/nonsense", ""); rec.Code != 400 {
		t.Errorf("a link that is none: %d", rec.Code)
	}
}

// A till that sends a quote and something else besides would believe it had sold that.
func TestAQuoteIsNotSoldAsSomethingElse(t *testing.T) {
	h := newHouse(t)
	e, other := h.concert(Category{PriceMinor: 1000, Capacity: 9}), h.concert(Category{PriceMinor: 1000, Capacity: 9})
	k := e.Categories[0].ID
	quote := h.quotes.sign(h.cart(e, Wanted{Category: k, Qty: 2}))
	api := newSite(t, h.tillRoutes(), nil)
	for _, c := range []struct {
		said string
		want int
	}{
		{`"event": "` + other.ID.String() + `"`, 400}, {`"lines": [{"category": "` + k.String() + `", "qty": 3}]`, 400},
		{`"lines": [{"category": "` + other.Categories[0].ID.String() + `", "qty": 2}]`, 400},
		{`"event": "` + e.ID.String() + `", "lines": [{"category": "` + k.String() + `", "qty": 2}]`, 201},
	} {
		if rec, _ := call(t, api, "POST", "/v1/orders", `{`+c.said+`, "quote": "`+quote+`"}`); rec.Code != c.want {
			t.Errorf("%s: %d %s", c.said, rec.Code, rec.Body)
		}
	}
}

// Who leaves out the price does not give the tickets away; 0 does.
func TestAPriceIsStated(t *testing.T) {
	h := newHouse(t)
	e := h.concert(Category{PriceMinor: 2500, Capacity: 5})
	api := newSite(t, h.catalogueRoutes(), nil)
	event := "/v1/catalogue/events"
	category := event + "/" + e.ID.String() + "/categories"
	const body = `"names": {"en": {"title": "Floor"}}, "capacity": 5`
	whole := func(category string) string {
		return `{"slug": "s` + id.New().String() + `", "names": {"en": {"title": "Jazz"}}, "locales": ["en"], "zone": "UTC", "currency": "EUR", "starts_at": "2030-01-01T20:00:00Z", "categories": [` + category + `]}`
	}
	for _, ask := range []struct{ method, path, body, at string }{
		{"POST", category, "{" + body + "}", "price_minor"},
		{"PUT", category + "/" + e.Categories[0].ID.String(), "{" + body + "}", "price_minor"},
		{"POST", event, whole("{" + body + "}"), "categories[0].price_minor"},
	} {
		rec, _ := call(t, api, ask.method, ask.path, ask.body)
		if rec.Code != 400 || !strings.Contains(rec.Body.String(), `"`+ask.at+`"`) {
			t.Errorf("%s without a price: %d %s", ask.method, rec.Code, rec.Body)
		}
	}
	for _, ask := range []struct{ method, path, body string }{
		{"POST", category, `{"price_minor": 0, ` + body + "}"},
		{"PUT", category + "/" + e.Categories[0].ID.String(), `{"price_minor": 0, ` + body + "}"},
		{"POST", event, whole(`{"price_minor": 0, ` + body + "}")},
	} {
		if rec, _ := call(t, api, ask.method, ask.path, ask.body); rec.Code >= 300 {
			t.Errorf("%s for nothing: %d %s", ask.method, rec.Code, rec.Body)
		}
	}
}
