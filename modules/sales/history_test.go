package sales

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

// Who bought how often, ahead of what, with a code or not: buyers who signed in by their
// id, others by a hash of their address; nobody's orders and cancelled ones do not count.
func TestPurchasesTellBuyersApart(t *testing.T) {
	h := newHouse(t)
	e := h.concert(Category{Capacity: 100, PriceMinor: 2500, FeeMinor: 150})
	h.code(Code{Event: e.ID, Code: "HALF", Permille: 500})
	anna := id.New()
	buy := func(set string, codes ...string) {
		t.Helper()
		o, err := h.buy(e, codes, Wanted{Category: e.Categories[0].ID, Qty: 2})
		if err != nil {
			t.Fatal(err)
		}
		h.exec(`UPDATE sales.orders SET `+set+` WHERE id = $1`, o.ID)
	}
	buy(fmt.Sprintf(`person = '%s', buyer = '{"email": "a@example.org"}'`, anna))
	buy(fmt.Sprintf(`person = '%s', buyer = '{"email": "a@example.org"}'`, anna), "HALF")
	buy(`buyer = '{"email": "B@example.org"}'`)
	buy(`buyer = '{"email": "b@Example.org"}'`, "half")
	buy(`buyer = NULL`)
	buy(`buyer = '{"email": "c@example.org"}', cancelled_at = now()`)
	h.reprice(e, 0, 3000) // dearer since: what was paid before is no discount

	var got []string
	customers := map[string]bool{}
	err := h.EachPurchase(t.Context(), time.Time{}, func(customer string, person, event id.ID, at, starts time.Time, total int64, weekend, discounted bool) error {
		customers[customer] = true
		if event != e.ID || !starts.Equal(e.StartsAt) || at.IsZero() || weekend != slices.Contains([]time.Weekday{time.Friday, time.Saturday}, starts.In(zoneOrUTC(e.Zone)).Weekday()) {
			t.Errorf("%s: %v %v %v %v", customer, event, at, starts, weekend)
		}
		got = append(got, fmt.Sprint(person == anna, " ", total, " ", discounted))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"true 5300 false", "true 2800 true", "false 5300 false", "false 2800 true"}; !slices.Equal(got, want) || len(customers) != 2 || !customers[anna.String()] {
		t.Errorf("got %q of %v, want %q of Anna and one other", got, customers, want)
	}
}

func zoneOrUTC(name string) *time.Location {
	if zone, err := time.LoadLocation(name); err == nil {
		return zone
	}
	return time.UTC
}
