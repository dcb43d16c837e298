package pricing

import (
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/listing"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// raised is a house whose floor has just become dearer, as sales knows.
func raised(t *testing.T) (*house, Decision) {
	t.Helper()
	h := newHouse(t)
	h.rule(policy.Auto)
	h.busy(20)
	d := h.decide(causeDaily)
	h.shop.set(h.floor(), d.NewMinor, h.clock.Now())
	h.clock.Advance(h.cfg.TellAfter)
	return h, d
}

func TestFollowersHearOfANewPrice(t *testing.T) {
	h, d := raised(t)
	if n := h.count(`SELECT count(*) FROM queue.outbox WHERE name = 'pricing:tell' AND run_at = $1`, d.At.Add(h.cfg.TellAfter)); n != 1 {
		t.Errorf("%d jobs to tell", n)
	}
	if err := h.tell(t.Context(), d.ID); err != nil {
		t.Fatal(err)
	}
	if len(h.crier.told) != 1 || h.crier.told[0]["body"] != "Floor is now 34.50 EUR, it was 31.50 EUR." || h.crier.told[0]["tags"] != "follow:jazz" || h.crier.told[0]["url"] != "/shop/events/jazz" {
		t.Errorf("%+v", h.crier.told)
	}
}

func TestWhatIsNoLongerTrueIsNotTold(t *testing.T) {
	for name, spoil := range map[string]func(h *house){
		"another price since": func(h *house) { h.shop.set(h.floor(), 3000, h.clock.Now()) },
		"sold out":            func(h *house) { h.shop.event.Categories[0].Free = 0 },
		"the sale has ended":  func(h *house) { h.shop.event.SaleEnd = h.clock.Now() },
		"taken off sale":      func(h *house) { h.shop.event.Live = false },
		"it is old news":      func(h *house) { h.clock.Advance(time.Hour) },
		"the event is gone":   func(h *house) { h.shop.event = listing.Event{} },
	} {
		t.Run(name, func(t *testing.T) {
			h, d := raised(t)
			spoil(h)
			if err := h.tell(t.Context(), d.ID); err != nil {
				t.Fatal(err)
			}
			if len(h.crier.told) != 0 {
				t.Errorf("told %+v", h.crier.told)
			}
		})
	}
}

func TestAReductionNamesTheLowestPriceOfThirtyDays(t *testing.T) {
	h := newHouse(t)
	e := h.shop.event
	d := Decision{Category: h.floor(), OldMinor: 3300, NewMinor: 3000, At: noon}
	past := []listing.Price{{At: noon.AddDate(0, 0, -40), Minor: 2600}, {At: noon.AddDate(0, 0, -35), Minor: 2800}, {At: noon.AddDate(0, 0, -5), Minor: 3300}, {At: noon.Add(time.Second), Minor: 3000}}
	words := tidings(&e, &e.Categories[0], d, past)
	if body := words["body"].(string); !strings.Contains(body, "now 31.50 EUR, it was 34.50 EUR. Lowest price of the 30 days before: 29.50 EUR.") {
		t.Error(body)
	}
	if body := words["body_de"].(string); body != "Floor kostet jetzt 31,50 EUR, bisher 34,50 EUR. Niedrigster Preis der 30 Tage davor: 29,50 EUR." {
		t.Error(body)
	}
}
