package sales

import (
	"encoding/json"
	"testing"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/stream"
)

// decided hands a price decision to sales, as the stream does.
func (h *house) decided(p facts.PriceChanged) {
	h.t.Helper()
	data, err := json.Marshal(p)
	if err != nil {
		h.t.Fatal(err)
	}
	h.in(func(tx *db.Tx) error {
		return h.priceListener().Handle(h.t.Context(), tx, []stream.Fact{{Type: p.FactType(), Key: p.FactKey(), Data: data}})
	})
}

func TestADecidedPriceIsAskedAndACartKeepsItsOwn(t *testing.T) {
	h := newHouse(t)
	e := h.concert(Category{PriceMinor: 3000, FeeMinor: 100, Capacity: 10, MaxPerOrder: 4})
	c := e.Categories[0].ID
	lines, err := h.price(t.Context(), e.ID, []Wanted{{Category: c, Qty: 2}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cart, _, err := h.Hold(t.Context(), Purchase{Event: e.ID, Lines: lines, Currency: "EUR"})
	if err != nil {
		t.Fatal(err)
	}
	quote := h.quotes.sign(Quote{Cart: cart.ID, Event: e.ID, Currency: "EUR", Lines: cart.Lines, Expires: cart.ExpiresAt})

	h.decided(facts.PriceChanged{Event: e.ID, Category: c, Decision: id.New(), OldMinor: 3000, NewMinor: 3300, Reason: "demand is high"})
	if later, err := h.price(t.Context(), e.ID, []Wanted{{Category: c, Qty: 1}}, nil); err != nil || later[0].UnitMinor != 3400 {
		t.Errorf("a new buyer is asked %+v, %v", later, err)
	}
	kept, err := h.quotes.open(quote)
	if err != nil {
		t.Fatal(err)
	}
	o, _, err := h.Confirm(t.Context(), cart.ID, Purchase{Event: e.ID, Lines: kept.Lines, Currency: "EUR"})
	if err != nil || o.TotalMinor != 2*3100 {
		t.Errorf("the cart pays %+v, %v", o, err)
	}
	history, err := h.PricesSince(t.Context(), c, e.CreatedAt)
	if err != nil || len(history) != 2 || history[1].Minor != 3300 || history[1].Reason != "demand is high" || history[1].Actor != "pricing" {
		t.Errorf("%+v, %v", history, err)
	}
}

func TestADecisionAboutAnOlderPriceIsPassedOver(t *testing.T) {
	h := newHouse(t)
	e := h.concert(Category{PriceMinor: 2500, Capacity: 10})
	c := e.Categories[0].ID
	for _, p := range []facts.PriceChanged{
		{Event: e.ID, Category: c, OldMinor: 3000, NewMinor: 3300},                   // the promoter has set 25.00 since
		{Event: e.ID, Category: id.New(), OldMinor: 2500, NewMinor: 2600},            // the category is gone
		{Event: id.New(), Category: c, OldMinor: 2500, NewMinor: 2600},               // and here the event
		{Event: e.ID, Category: c, OldMinor: 2500, NewMinor: 2750, Approver: "ana"},  // this one holds,
		{Event: e.ID, Category: c, OldMinor: 2500, NewMinor: 2700, Reason: "a twin"}, // and this came too late
	} {
		h.decided(p)
	}
	list, err := h.PriceHistory(t.Context(), c)
	if err != nil || len(list) != 2 || list[0].PriceMinor != 2750 || list[0].Actor != "ana" {
		t.Errorf("%+v, %v", list, err)
	}
	l, err := h.Listing(t.Context(), e.ID)
	if err != nil || l.Categories[0].PriceMinor != 2750 || l.Categories[0].Free != 10 || !l.Live || l.Doors != e.StartsAt {
		t.Errorf("%+v, %v", l, err)
	}
	all, err := h.Listings(t.Context())
	if err != nil || len(all) != 1 || all[0].ID != e.ID {
		t.Errorf("%+v, %v", all, err)
	}
}
