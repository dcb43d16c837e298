package sales

import (
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

func TestAnEventIsSoldFromItsCatalogue(t *testing.T) {
	h := newHouse(t)
	e := h.concert(Category{PriceMinor: 2500, FeeMinor: 150, Capacity: 10, MaxPerOrder: 4}, Category{PriceMinor: 9000, Capacity: 6, Rows: 2, Columns: 3, Names: named("Seats")})
	floor, seats := e.Categories[0].ID, e.Categories[1].ID
	o, err := h.buy(e, nil, Wanted{Category: floor, Qty: 3}, Wanted{Category: seats, Qty: 2})
	if err != nil || o.TotalMinor != 3*2650+2*9000 || o.Qty != 5 {
		t.Fatalf("%+v, %v", o, err)
	}
	got, err := h.Event(t.Context(), e.ID)
	if err != nil || got.Categories[0].Sold != 3 || got.Categories[0].Free != 7 || got.Categories[1].Sold != 2 {
		t.Errorf("%+v, %v", got.Categories, err)
	}
	by, err := h.EventBySlug(t.Context(), e.Slug)
	if err != nil || by.ID != e.ID {
		t.Errorf("by slug: %v, %v", by.ID, err)
	}
	list, next, err := h.Events(t.Context(), EventQuery{Limit: 1})
	if err != nil || len(list) != 1 || next != "" || len(list[0].Categories) != 2 {
		t.Errorf("listed: %d, %q, %v", len(list), next, err)
	}
	h.auditCatalogue()
}

func TestWhatIsNotOnSaleHasNoPrice(t *testing.T) {
	h := newHouse(t)
	soon, past := h.db.Now().Add(time.Hour), h.db.Now().Add(-time.Hour)
	e := h.concert(Category{Capacity: 5, PriceMinor: 100, MinPerOrder: 2, MaxPerOrder: 4}, Category{Capacity: 5, SaleFrom: &soon}, Category{Capacity: 5, SaleUntil: &past},
		Category{Capacity: 5, Hidden: true}, Category{Capacity: 4, Rows: 2, Columns: 2})
	c := func(i int) id.ID { return e.Categories[i].ID }
	for name, tc := range map[string]struct {
		want Wanted
		code fault.Code
		says string
	}{
		"fewer than the least": {Wanted{Category: c(0), Qty: 1}, fault.Invalid, "2 to 4"},
		"more than the most":   {Wanted{Category: c(0), Qty: 5}, fault.Invalid, "2 to 4"},
		"not yet":              {Wanted{Category: c(1), Qty: 1}, fault.Conflict, "begins"},
		"no longer":            {Wanted{Category: c(2), Qty: 1}, fault.Conflict, "ended"},
		"hidden":               {Wanted{Category: c(3), Qty: 1}, fault.Invalid, "none of the event's"},
		"of another event":     {Wanted{Category: id.New(), Qty: 1}, fault.Invalid, "none of the event's"},
		"seats it has not":     {Wanted{Category: c(0), Qty: 2, Seats: []id.ID{id.New(), id.New()}}, fault.Invalid, "has none"},
		"seats of nowhere":     {Wanted{Category: c(4), Qty: 1, Seats: []id.ID{id.New()}}, fault.Invalid, "seats[0]"},
		"too few seats":        {Wanted{Category: c(4), Qty: 5}, fault.Conflict, "not enough"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.price(t.Context(), e.ID, []Wanted{tc.want}, nil)
			if !fault.Is(err, tc.code) || !strings.Contains(wordsOf(err), tc.says) {
				t.Errorf("%v", err)
			}
		})
	}
	for _, state := range []string{EventPaused, EventCancelled} { // in this order: what is cancelled stays so
		if _, err := h.SetState(t.Context(), e.ID, state, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := h.buy(e, nil, Wanted{Category: c(0), Qty: 2}); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), state) {
			t.Errorf("%s: %v", state, err)
		}
	}
}

func wordsOf(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	for _, f := range fieldsOfFault(err) {
		text += " " + f.Name + " " + f.Problem + " " + f.Fix
	}
	return text
}

func TestPricesKeepTheirHistory(t *testing.T) {
	h := newHouse(t)
	e := h.concert(Category{PriceMinor: 1000, Capacity: 5})
	c := e.Categories[0]
	h.in(func(tx *db.Tx) (err error) {
		c, err = h.SetPrice(tx, c.ID, 1200, "demand rises", "pricing")
		return err
	})
	h.in(func(tx *db.Tx) (err error) { c, err = h.SetPrice(tx, c.ID, 1200, "again", "pricing"); return err })
	if c.PriceVersion != 2 || c.PriceMinor != 1200 {
		t.Errorf("%+v", c)
	}
	c.FeeMinor = 50
	c, err := h.ChangeCategory(t.Context(), c, "ana", nil)
	if err != nil || c.PriceVersion != 3 {
		t.Errorf("%+v, %v", c, err)
	}
	list, err := h.PriceHistory(t.Context(), c.ID)
	if err != nil || len(list) != 3 || list[0].FeeMinor != 50 || list[1].Reason != "demand rises" || list[1].Actor != "pricing" || list[2].PriceMinor != 1000 {
		t.Errorf("%+v, %v", list, err)
	}
	err = h.db.InTx(t.Context(), func(tx *db.Tx) error { _, err := h.SetPrice(tx, c.ID, -1, "", ""); return err })
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("a negative price: %v", err)
	}
	err = h.db.InTx(t.Context(), func(tx *db.Tx) error { _, err := h.SetPrice(tx, id.New(), 1, "", ""); return err })
	if !fault.Is(err, fault.NotFound) {
		t.Errorf("no category: %v", err)
	}
}
