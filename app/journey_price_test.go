package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/pricing"
	"github.com/usherhq/usher/modules/sales"
)

// Journey 3: the promoter lets a price move in a browser; orders → the detector → DemandShifted
// → a decision inside the guard-rails → PriceChanged → the shop's open page shows the new price,
// a cart keeps its own, the promoter reads why, and a follower is told.
func TestJourneyOrderToPrice(t *testing.T) {
	h := newHouse(t, "sales.payment.door=true", "analytics.detectors=[{name: buying, types: [sales.orders_placed], count: $.count, bin: 1s, late: 1s, history_size: 30}]",
		"pricing.tell_after=30s", "limits.shop.per_second=100000", "limits.shop.burst=100000")
	h.festival(0)
	phone := h.services.Handle(push.FCM, 1, "")
	h.call("PUT", "/v1/installations/fan", hub.Installation{App: "festival", Kind: phone.Kind, Handle: phone.Value, Tags: []string{pricing.FollowTag("jazz")}}, nil)

	var e sales.Event
	h.call("POST", "/v1/catalogue/events", map[string]any{"slug": "jazz", "names": map[string]any{"en": map[string]any{"title": "Jazz"}}, "locales": []string{"en"},
		"zone": "UTC", "currency": "EUR", "starts_at": time.Now().AddDate(0, 0, 30)}, &e)
	var floor sales.Category
	there := "/v1/catalogue/events/" + e.ID.String()
	h.call("POST", there+"/categories", map[string]any{"names": map[string]any{"en": map[string]any{"title": "Floor"}}, "price_minor": 3000, "capacity": 400,
		"min_per_order": 1, "max_per_order": 10}, &floor)
	h.call("PATCH", there, map[string]any{"state": sales.EventPublished}, nil)

	v, buyer, looker := h.visitor(true), h.visitor(false), h.visitor(false)
	v.Open("/")
	v.press("Prices")
	v.press("Jazz, Floor")
	v.tick("By itself, inside these limits")
	v.press("Save")
	v.sees("automatic")

	looker.Open("/shop")
	looker.press("Jazz")
	looker.sees("€30.00")
	buyer.Open("/shop/events/jazz")
	buyer.fill("Number of tickets", "2")
	buyer.press("Add to cart")
	buyer.sees("Buy for €60.00")

	lines := []map[string]any{{"category": floor.ID, "qty": 2}}
	var cart struct {
		Quote      string
		TotalMinor int64 `json:"total_minor"`
	}
	h.call("POST", "/v1/carts", map[string]any{"event": e.ID, "lines": lines}, &cart)
	buy := func() { h.call("POST", "/v1/orders", map[string]any{"event": e.ID, "lines": lines}, nil) }
	for range 20 { // a trickle that the detector learns
		buy()
		time.Sleep(time.Second)
	}
	for range 60 { // and a rush
		buy()
	}
	var d pricing.Decision
	h.soon("a decision that demand asked for", func() bool {
		var list struct{ Items []pricing.Decision }
		h.call("GET", "/v1/pricing/decisions?moves=yes", nil, &list)
		if len(list.Items) > 0 {
			d = list.Items[0]
		}
		return len(list.Items) > 0
	})
	if d.Cause != "demand_up" || d.Outcome != pricing.Changed || d.OldMinor != 3000 || d.NewMinor <= 3000 || d.NewMinor > 3300 || d.Inputs.Left >= 400 {
		t.Fatalf("%+v", d)
	}
	h.soon("the shop asks the new price", func() bool {
		var shop sales.ShopEvent
		h.call("GET", "/v1/shop/events/jazz", nil, &shop)
		return shop.Categories[0].PriceMinor == d.NewMinor
	})
	asked := fmt.Sprintf("€%d.%02d", d.NewMinor/100, d.NewMinor%100)
	looker.sees(asked) // on the page that was open all the time
	buyer.fill("Name", "Ana")
	buyer.fill("E-mail", "ana@example.org")
	buyer.tick("At the door")
	buyer.press("Buy for €60.00")
	buyer.sees("Ticket 1", "€60.00")
	v.press("Prices")
	v.within("Latest moves").sees(d.Reason, fmt.Sprintf("%d.%02d", d.NewMinor/100, d.NewMinor%100))
	var kept, dearer sales.Order
	h.call("POST", "/v1/orders", map[string]any{"quote": cart.Quote}, &kept)
	h.call("POST", "/v1/orders", map[string]any{"event": e.ID, "lines": lines}, &dearer)
	if cart.TotalMinor != 6000 || kept.TotalMinor != 6000 || dearer.TotalMinor != 2*d.NewMinor {
		t.Errorf("the cart was quoted %d and paid %d; who came later paid %d", cart.TotalMinor, kept.TotalMinor, dearer.TotalMinor)
	}
	var history struct{ Items []sales.PriceChange }
	h.call("GET", there+"/categories/"+floor.ID.String()+"/prices", nil, &history)
	if len(history.Items) != 2 || history.Items[0].Reason != d.Reason {
		t.Errorf("%+v", history.Items)
	}
	h.soon("the follower is told", func() bool {
		var trace hub.Trace
		return h.try(http.MethodGet, "/v1/notifications/"+d.ID.String()+"/trace/fan", nil, &trace) == nil && trace.Outcome == "delivered"
	})
	if got := h.got(phone.Value); !strings.Contains(got, "Jazz") {
		t.Errorf("the follower read %s", got)
	}
	for _, one := range []visitor{v, buyer, looker} {
		one.Quiet()
	}
}

// soon waits until something is so.
func (h *house) soon(what string, is func() bool) {
	h.t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatal("it did not come: " + what)
		}
	}
}
