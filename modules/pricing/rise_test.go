package pricing

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/listing"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// rising is a house whose floor became 10 % dearer a day ago, as far as the limits allowed,
// and would sell out dearer still.
func rising(t *testing.T) *house {
	t.Helper()
	h, _ := raised(t)
	h.clock.Advance(23 * time.Hour)
	return h
}

func (h *house) foretell() {
	h.t.Helper()
	if err := h.Foretell(h.t.Context(), h.shop.event.ID); err != nil {
		h.t.Fatal(err)
	}
}

// said are the facts about rises so far.
func (h *house) said() (out []facts.PriceRiseForeseen) {
	h.t.Helper()
	rows, err := h.db.Pool().Query(h.t.Context(), `SELECT data FROM stream.log WHERE type = 'pricing.price_rise_foreseen' ORDER BY id`)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var raw []byte
		var f facts.PriceRiseForeseen
		if err := rows.Scan(&raw); err != nil {
			h.t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &f); err != nil {
			h.t.Fatal(err)
		}
		out = append(out, f)
	}
	return out
}

func TestARiseIsForetoldWhenItIsNews(t *testing.T) {
	h := rising(t)
	h.foretell()
	h.foretell()
	said := h.said()
	if len(said) != 1 || said[0].Chance < .6 || said[0].PriceMinor != 3300 || said[0].Category != h.floor() || !said[0].GoodUntil.Equal(h.clock.Now().Add(riseGood)) {
		t.Fatalf("%+v", said)
	}
	if n := h.count(`SELECT count(*) FROM queue.outbox WHERE name = 'pricing:warn'`); n != 1 {
		t.Errorf("%d jobs to tell followers", n)
	}
	h.clock.Advance(riseStale)
	if h.foretell(); len(h.said()) != 2 {
		t.Error("it is true for two hours, and was not said again")
	}
}

// changes make it untrue that the price will go up by itself.
var changes = map[string]func(h *house){
	"kill switch of all": func(h *house) { _ = h.SetStop(h.t.Context(), id.Nil, true, "ana") },
	"kill switch":        func(h *house) { _ = h.SetStop(h.t.Context(), h.shop.event.ID, true, "ana") },
	"a person is asked":  func(h *house) { h.rule(policy.Approve) },
	"switched off":       func(h *house) { h.rule(policy.Off) },
	"ceiling reached": func(h *house) {
		r := h.rule(policy.Auto)
		r.CeilingMinor = 3300
		if _, err := h.SetRule(h.t.Context(), r, "ana"); err != nil {
			h.t.Fatal(err)
		}
	},
	"sold out":        func(h *house) { h.shop.event.Categories[0].Free = 0 },
	"sale has ended":  func(h *house) { h.shop.event.SaleEnd = h.clock.Now() },
	"taken off sale":  func(h *house) { h.shop.event.Live = false },
	"quiet time":      func(h *house) { h.shop.event.Doors = h.clock.Now().Add(23 * time.Hour) },
	"a larger hall":   func(h *house) { h.shop.event.Categories[0].Free = 5000 },
	"dear by hand":    func(h *house) { h.shop.set(h.floor(), 4500, h.clock.Now()) },
	"event is gone":   func(h *house) { h.shop.event = listing.Event{} },
	"category is out": func(h *house) { h.shop.event.Categories = h.shop.event.Categories[1:] },
}

func TestARiseThatIsNoLongerLikelyIsTakenBack(t *testing.T) {
	for _, name := range []string{"kill switch of all", "kill switch", "a person is asked", "ceiling reached", "sold out"} {
		t.Run(name, func(t *testing.T) {
			h := rising(t)
			h.foretell()
			changes[name](h)
			h.foretell()
			said := h.said()
			if len(said) != 2 || said[1].Chance != 0 || said[1].Category != said[0].Category {
				t.Errorf("%+v", said)
			}
		})
	}
}

func TestFollowersHearOfALikelyRiseOnceAWeek(t *testing.T) {
	h := rising(t)
	for range 2 {
		if err := h.tellRise(t.Context(), h.floor()); err != nil {
			t.Fatal(err)
		}
	}
	said := h.crier.told
	if len(said) != 2 || said[0]["once"] != said[1]["once"] { // the hub tells what has one id once
		t.Fatalf("%+v", said)
	}
	if said[0]["template"] != "price-likely-to-rise" || said[0]["tags"] != "follow:jazz" ||
		said[0]["body"] != "Floor is 34.50 EUR now, and will probably cost more within 3 days: the chance is about "+said[0]["chance"].(string)+"." ||
		said[0]["body_de"] != "Floor kostet jetzt 34,50 EUR und wird binnen 3 Tagen wahrscheinlich teurer: Die Chance dafür ist etwa "+said[0]["chance"].(string)+"." {
		t.Errorf("%+v", said[0])
	}
	h.clock.Advance(7 * 24 * time.Hour)
	if occasion(h.shop.event.ID.String(), "rise "+weekOf(h.clock.Now())) == said[0]["once"] {
		t.Error("a week later it cannot be told again")
	}
}

// What was true when the job was asked for is looked up again when it is sent.
func TestALikelyRiseThatIsNoLongerTrueIsNotTold(t *testing.T) {
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			h := rising(t)
			floor := h.floor()
			change(h)
			if err := h.tellRise(t.Context(), floor); err != nil {
				t.Fatal(err)
			}
			if len(h.crier.told) != 0 {
				t.Errorf("told %+v", h.crier.told)
			}
		})
	}
}
