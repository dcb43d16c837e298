package pricing

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/pricing/policy"
)

func factOf(t *testing.T, f db.Fact) stream.Fact {
	t.Helper()
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return stream.Fact{Type: f.FactType(), Key: f.FactKey(), Source: "usher", SourceID: id.New().String(), Data: data}
}

// heed hands facts to the listener and counts the decisions it asked for.
func (h *house) heeds(t *testing.T, all ...db.Fact) int {
	t.Helper()
	before := h.count(`SELECT count(*) FROM queue.outbox WHERE name = 'pricing:decide'`)
	var batch []stream.Fact
	for _, f := range all {
		batch = append(batch, factOf(t, f))
	}
	if err := h.db.InTx(t.Context(), func(tx *db.Tx) error { return h.Listeners()[0].Handle(t.Context(), tx, batch) }); err != nil {
		t.Fatal(err)
	}
	return h.count(`SELECT count(*) FROM queue.outbox WHERE name = 'pricing:decide'`) - before
}

func TestFactsAskForDecisions(t *testing.T) {
	at := noon.Add(-time.Minute)
	for name, fact := range map[string]func(event id.ID) db.Fact{
		"demand": func(e id.ID) db.Fact {
			return facts.DemandShifted{Event: e.String(), Direction: "up", Ratio: 2, Since: at, At: at}
		},
		"a cart":     func(e id.ID) db.Fact { return facts.CartAbandoned{Event: e.String(), At: at} },
		"carts":      func(e id.ID) db.Fact { return facts.CartsAbandoned{Event: e, At: at} },
		"a category": func(e id.ID) db.Fact { return facts.CapacityReached{Event: e, At: at} },
		"a queue":    func(e id.ID) db.Fact { return facts.QueueLong{Event: e.String(), Name: "Bar", People: 30, At: at} },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			e := h.shop.event.ID
			if n := h.heeds(t, fact(e)); n != 0 {
				t.Errorf("%d decisions, although no price may move", n)
			}
			h.rule(policy.Auto)
			if n := h.heeds(t, fact(e), fact(e)); n != 1 {
				t.Errorf("%d decisions, want one for a storm of facts", n)
			}
			h.clock.Advance(triggerPause)
			if n := h.heeds(t, fact(e)); n != 1 {
				t.Errorf("%d decisions after the pause", n)
			}
			h.clock.Advance(2 * time.Hour)
			if n := h.heeds(t, fact(e)); n != 0 {
				t.Errorf("%d decisions for what is hours old", n)
			}
		})
	}
}

func TestAnEventIsFoundByWhatItsShopCallsIt(t *testing.T) {
	h := newHouse(t)
	h.rule(policy.Approve)
	for _, name := range []string{"jazz-elsewhere", h.shop.event.ID.String(), "nobody's"} {
		if err := h.decideNamed(t.Context(), decidePayload{name, id.New(), Cause{Kind: causeDaily}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := h.count(`SELECT count(*) FROM pricing.decision`); n != 2 {
		t.Errorf("%d decisions, want one each for the two names of the event", n)
	}
}

func TestTheDayAsksOnceForEachEvent(t *testing.T) {
	h := newHouse(t)
	h.rule(policy.Auto)
	r, err := h.RuleOf(t.Context(), h.pupils())
	if err != nil {
		t.Fatal(err)
	}
	r.Mode = policy.Approve
	if _, err := h.SetRule(t.Context(), r, "ana"); err != nil {
		t.Fatal(err)
	}
	if err := h.sweep(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	if n := h.count(`SELECT count(*) FROM queue.outbox WHERE name = 'pricing:decide'`); n != 1 {
		t.Errorf("%d decisions asked for", n)
	}
	day := func(at time.Time) id.ID { return occasion(h.shop.event.ID.String(), at.Format(time.DateOnly)) }
	if day(noon) != day(noon.Add(time.Hour)) || day(noon) == day(noon.Add(24*time.Hour)) {
		t.Error("a day's occasion is not that day's alone")
	}
}
