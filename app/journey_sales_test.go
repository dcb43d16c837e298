package app

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales"
)

// hooked is a shop's server that takes webhooks: it keeps those whose signature is
// good, by type, and refuses the first request it ever gets.
type hooked struct {
	*httptest.Server
	mu     sync.Mutex
	secret []byte
	asked  int
	got    map[string][]json.RawMessage
}

func newHooked(t *testing.T) *hooked {
	t.Helper()
	h := &hooked{got: map[string][]json.RawMessage{}}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *hooked) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	body, _ := io.ReadAll(req.Body)
	m := hmac.New(sha256.New, h.secret)
	fmt.Fprintf(m, "%s.%s.%s", req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp"), body)
	if h.asked++; h.asked == 1 || req.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(m.Sum(nil)) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var e struct {
		Type string
		Data json.RawMessage
	}
	if json.Unmarshal(body, &e) == nil {
		h.got[e.Type] = append(h.got[e.Type], e.Data)
	}
}

func (h *hooked) count(typ string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.got[typ])
}

// buyer calls the shop without a key, signed in when cookie is not nil.
func (h *house) buyer(cookie *http.Cookie, method, path string, body, answer any) int {
	h.t.Helper()
	j, err := json.Marshal(body)
	h.must(err)
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, bytes.NewReader(j))
	h.must(err)
	req.Header.Set("Content-Type", "application/json")
	if cookie != nil {
		req.AddCookie(cookie)
	}
	res, err := http.DefaultClient.Do(req)
	h.must(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	h.must(err)
	if answer != nil {
		if err := json.Unmarshal(text, answer); err != nil {
			h.t.Fatalf("%s %s: %d %s", method, path, res.StatusCode, text)
		}
	}
	return res.StatusCode
}

// onSale makes an event with one category and publishes it.
func (h *house) onSale(e sales.Event, c sales.Category) (event, category id.ID) {
	h.t.Helper()
	e.Names, e.Locales, e.Zone, e.Currency = map[string]sales.Text{"en": {Title: "Gig"}, "de": {Title: "Konzert"}}, []string{"en", "de"}, "Europe/Berlin", "EUR"
	e.StartsAt = time.Now().Add(30 * 24 * time.Hour)
	h.call("POST", "/v1/catalogue/events", e, &e)
	path := "/v1/catalogue/events/" + e.ID.String()
	c.Names = map[string]sales.Text{"en": {Title: "Floor"}, "de": {Title: "Stehplatz"}}
	h.call("POST", path+"/categories", c, &c)
	h.call("PATCH", path, map[string]string{"state": "published"}, nil)
	return e.ID, c.ID
}

// eventually polls until it is so.
func (h *house) eventually(what string, so func() bool) {
	h.t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatal("not within " + patience.String() + ": " + what)
		}
	}
}

func (h *house) stock(event id.ID) (sold, held int) {
	h.t.Helper()
	var s struct{ Categories []struct{ Sold, Held int } }
	h.call("GET", "/v1/catalogue/events/"+event.String()+"/stock", nil, &s)
	return s.Categories[0].Sold, s.Categories[0].Held
}

// Sales, from the promoter's API to the ticket in the buyer's hand, with a price that
// moves meanwhile, a webhook that tells the promoter's own systems, and the buyer's
// copy of what is kept of him.
func TestJourneyCartToTicket(t *testing.T) {
	shop := newHooked(t)
	h := newHouse(t, "sales.payment.door=true", "analytics.outlet_hosts="+strings.TrimPrefix(shop.URL, "http://"))
	h.claimed()
	var hook struct{ ID id.ID }
	h.call("POST", "/v1/webhooks", map[string]any{"name": "shop", "url": shop.URL, "types": []string{"sales.price_set", "sales.orders_placed"}}, &hook)
	var secret struct{ Secret string }
	h.call("GET", "/v1/webhooks/"+hook.ID.String()+"/secret", nil, &secret)
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret.Secret, "whsec_"))
	h.must(err)
	shop.secret = key

	event, category := h.onSale(sales.Event{Slug: "gig"}, sales.Category{PriceMinor: 2500, Capacity: 10})
	var listed struct{ Items []sales.ShopEvent }
	if h.buyer(nil, "GET", "/v1/shop/events", nil, &listed); len(listed.Items) != 1 || listed.Items[0].Names["de"].Title != "Konzert" || listed.Items[0].Status != "on_sale" {
		t.Fatalf("the shop lists %+v", listed.Items)
	}
	var cart struct {
		ID         id.ID
		Quote      string
		TotalMinor int64 `json:"total_minor"`
	}
	wanted := map[string]any{"event": event, "lines": []map[string]any{{"category": category, "qty": 2}}}
	if code := h.buyer(h.owner, "POST", "/v1/carts", wanted, &cart); code != http.StatusCreated || cart.TotalMinor != 5000 {
		t.Fatalf("%d %+v", code, cart)
	}
	if sold, held := h.stock(event); sold != 0 || held != 2 {
		t.Errorf("%d sold, %d held", sold, held)
	}
	h.call("PUT", "/v1/catalogue/events/"+event.String()+"/categories/"+category.String(),
		sales.Category{Names: map[string]sales.Text{"en": {Title: "Floor"}}, PriceMinor: 3100, Capacity: 10}, nil)

	var done struct {
		Payment struct {
			State   string
			Amount  int64  `json:"amount_minor"`
			Tickets string `json:"tickets_url"`
			Order   id.ID
		}
	}
	pay := map[string]any{"quote": cart.Quote, "method": "door", "buyer": map[string]string{"name": "Ana Canary", "email": "ana@example.org", "locale": "de"}}
	if code := h.buyer(h.owner, "POST", "/v1/carts/"+cart.ID.String()+"/checkout", pay, &done); code != http.StatusCreated || done.Payment.Amount != 5000 {
		t.Fatalf("%d %+v: the cart keeps the price it was quoted", code, done)
	}
	order := done.Payment.Order
	if h.buyer(h.owner, "POST", "/v1/carts/"+cart.ID.String()+"/checkout", pay, &done); done.Payment.Order != order {
		t.Errorf("asking again made another order: %+v", done)
	}
	if sold, held := h.stock(event); sold != 2 || held != 0 {
		t.Errorf("%d sold, %d held", sold, held)
	}
	page := h.page(strings.TrimPrefix(done.Payment.Tickets, h.url))
	if !strings.Contains(page, "Konzert") || strings.Count(page, `class="ticket-code"`) != 2 {
		t.Errorf("no two codes on the ticket page %s", done.Payment.Tickets)
	}
	h.eventually("the promoter's shop hears of both prices and the order, though it was down at first", func() bool {
		return shop.count("sales.price_set") == 2 && shop.count("sales.orders_placed") == 1
	})
	if copied := h.page("/account/data.ndjson"); !strings.Contains(copied, "Ana Canary") || !strings.Contains(copied, order.String()) {
		t.Error("the buyer's copy of his data lacks the order")
	}
}

// Who sells elsewhere gets everything else: what the shop tells the ingest door is
// counted, once, and nothing of it is sold here.
func TestJourneyExternalShop(t *testing.T) {
	h := newHouse(t)
	event, category := h.onSale(sales.Event{Slug: "gig", Shop: "gig-9"}, sales.Category{PriceMinor: 2500, Capacity: 10, ShopName: "floor"})
	tell := func(typ, order string, n int) {
		line := fmt.Sprintf(`{"specversion": "1.0", "id": %q, "source": "/shop", "type": %q, "data": {"event": "gig-9", "category": "floor", "order": %q, "quantity": %d, "amount": 2500, "currency": "EUR"}}`,
			typ+order, typ, order, n)
		h.call("POST", "/v1/events", strings.NewReader(line), nil)
	}
	for range 2 { // the shop repeats itself
		for _, order := range []string{"a", "b", "c"} {
			tell("sale.completed", order, 2)
		}
	}
	tell("sale.refunded", "b", 1)
	h.eventually("five tickets are counted", func() bool { sold, _ := h.stock(event); return sold == 5 })
	wanted := map[string]any{"event": event, "lines": []map[string]any{{"category": category, "qty": 1}}}
	if code := h.buyer(nil, "POST", "/v1/carts", wanted, nil); code != http.StatusConflict {
		t.Errorf("it can be bought here: %d", code)
	}
	var listed struct{ Items []sales.ShopEvent }
	if h.buyer(nil, "GET", "/v1/shop/events", nil, &listed); slices.ContainsFunc(listed.Items, func(e sales.ShopEvent) bool { return e.ID == event }) {
		t.Error("the portal offers it")
	}
	if page := h.page("/events/" + event.String()); !strings.Contains(page, "sold elsewhere") || !strings.Contains(page, "50.00") {
		t.Error("the dashboard does not show what came in elsewhere: 75 − 25 euros")
	}
}
