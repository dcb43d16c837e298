package sales

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/sales/words"
)

// foreseen hands to sales what pricing says of a price, as the stream does.
func (h *house) foreseen(p facts.PriceRiseForeseen) {
	h.t.Helper()
	data, err := json.Marshal(p)
	if err != nil {
		h.t.Fatal(err)
	}
	h.in(func(tx *db.Tx) error {
		return h.riseListener().Handle(h.t.Context(), tx, []stream.Fact{{Type: p.FactType(), Key: p.FactKey(), Data: data}})
	})
}

// noteAt is what the event's page says of its first category at a moment.
func (h *house) noteAt(e Event, lang string, at time.Time) string {
	h.t.Helper()
	h.shelves.forget(e.ID)
	shown, err := h.snapshot(h.t.Context(), e.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return shown.rows(words.In(lang), nil, nil, at)[0].Note
}

// “Price may rise” stands on the page only while it is true: of this price, while it is
// said, and while there is something to buy.
func TestAPriceMayRiseOnlyWhileThatIsTrue(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := h.concert(Category{PriceMinor: 3000, Capacity: 5})
	now := h.db.Now()
	f := facts.PriceRiseForeseen{Event: e.ID, Category: e.Categories[0].ID, PriceMinor: 3000, Chance: .62, Until: now.AddDate(0, 0, 3), GoodUntil: now.Add(2 * time.Hour), At: now}
	h.foreseen(f)
	day := words.In("en").Day(f.Until.In(zoneOrUTC(e.Zone)))
	if note := h.noteAt(e, "en", now); note != "Only 5 left · Price may rise by "+day+" (chance about 62 %)" {
		t.Errorf("got %q", note)
	}
	if note := h.noteAt(e, "de", now); !strings.HasSuffix(note, "steigen (Chance etwa 62 %)") {
		t.Errorf("got %q", note)
	}
	silent := func(why string, at time.Time) {
		t.Helper()
		if note := h.noteAt(e, "en", at); strings.Contains(note, "rise") {
			t.Errorf("%s: %q", why, note)
		}
	}
	silent("pricing has not said it again for two hours", now.Add(2*time.Hour))
	h.reprice(e, 0, 3300)
	silent("the price has gone up", now)
	h.reprice(e, 0, 3000)
	f.Chance = 0
	h.foreseen(f)
	silent("it was taken back", now)
	f.Chance = .62
	h.foreseen(f)
	if _, err := h.buy(e, nil, Wanted{Category: e.Categories[0].ID, Qty: 5}); err != nil {
		t.Fatal(err)
	}
	silent("it is sold out", now)
	f.Category[0] ^= 1
	h.foreseen(f) // of a category that is gone
}
