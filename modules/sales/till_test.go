package sales

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// crowd runs n buyers at once.
func crowd(n int, buy func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { buy(i) })
	}
	all.Wait()
}

// 64 buyers for the last ticket, a thousand times.
func TestTheLastTicketIsSoldOnce(t *testing.T) {
	h := newHouse(t)
	for round := range 1000 {
		c := h.category(1)
		var won, lost atomic.Int64
		crowd(64, func(i int) {
			_, _, err := h.Order(t.Context(), h.purchase(fmt.Sprintf("%d-%d", round, i), Line{Category: c, Qty: 1, UnitMinor: 100}))
			switch {
			case err == nil:
				won.Add(1)
			case fault.Is(err, fault.Conflict):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
		if won.Load() != 1 || lost.Load() != 63 {
			t.Fatalf("%d bought the last ticket, %d were told it is gone", won.Load(), lost.Load())
		}
	}
	h.audit()
}

func TestARepeatedOrderIsOneOrder(t *testing.T) {
	h := newHouse(t)
	plenty, few := h.category(1000), h.category(3)
	for _, c := range []id.ID{plenty, few} {
		var mu sync.Mutex
		orders := map[id.ID]bool{}
		crowd(40, func(int) {
			o, _, err := h.Order(t.Context(), h.purchase("again "+c.String(), Line{Category: c, Qty: 2, UnitMinor: 100}))
			if err != nil {
				t.Error(err)
				return
			}
			if o.Qty != 2 || o.TotalMinor != 200 || len(o.Lines) != 1 || o.Lines[0].Qty != 2 {
				t.Errorf("the order reads %+v", o)
			}
			mu.Lock()
			orders[o.ID] = true
			mu.Unlock()
		})
		if len(orders) != 1 {
			t.Errorf("one key made %d orders", len(orders))
		}
		if _, _, err := h.Order(t.Context(), h.purchase("again "+c.String(), Line{Category: c, Qty: 1, UnitMinor: 100})); !fault.Is(err, fault.Invalid) {
			t.Errorf("the key with another body: %v", err)
		}
	}
	// Another process does not remember the order: the database does, also when all is sold.
	other := houseOn(t, h.db)
	h.exec(`UPDATE sales.stock SET capacity = sold`)
	p := h.purchase("again "+few.String(), Line{Category: few, Qty: 2, UnitMinor: 100})
	if o, replayed, err := other.Order(t.Context(), p); err != nil || !replayed || o.Qty != 2 || o.Lines[0].UnitMinor != 100 {
		t.Errorf("repeated elsewhere: %+v, %v, %v", o, replayed, err)
	}
	h.audit()
}

func TestAHoldIsConfirmedOrExpires(t *testing.T) {
	h := newHouse(t)
	c := h.category(10)
	lines := []Line{{Category: c, Qty: 6, UnitMinor: 500}}
	cart, _, err := h.Hold(t.Context(), h.purchase("k", lines...))
	if err != nil {
		t.Fatal(err)
	}
	if again, replayed, err := h.Hold(t.Context(), h.purchase("k", lines...)); err != nil || !replayed || again.ID != cart.ID || !again.ExpiresAt.Equal(cart.ExpiresAt) {
		t.Errorf("the same hold again: %+v, %v, %v", again, replayed, err)
	}
	if _, _, err := h.Hold(t.Context(), h.purchase("", Line{Category: c, Qty: 5})); !fault.Is(err, fault.Conflict) {
		t.Errorf("what is held was held again: %v", err)
	}
	o, _, err := h.Confirm(t.Context(), cart.ID, h.purchase("", lines...))
	if err != nil || o.Qty != 6 {
		t.Fatalf("confirm: %+v, %v", o, err)
	}
	if again, replayed, err := h.Confirm(t.Context(), cart.ID, h.purchase("", lines...)); err != nil || !replayed || again.ID != o.ID {
		t.Errorf("confirmed twice: %+v, %v, %v", again, replayed, err)
	}
	h.audit()

	late, _, err := h.Hold(t.Context(), h.purchase("", Line{Category: c, Qty: 4}))
	if err != nil {
		t.Fatal(err)
	}
	h.exec(`UPDATE sales.hold SET expires_at = now() - interval '1 second'`)
	if n, err := h.Expire(t.Context()); n != 4 || err != nil {
		t.Errorf("%d tickets came back, want 4: %v", n, err)
	}
	if _, _, err := h.Confirm(t.Context(), late.ID, h.purchase("", Line{Category: c, Qty: 4})); !fault.Is(err, fault.Conflict) {
		t.Errorf("an expired cart was confirmed: %v", err)
	}
	if err := h.Release(t.Context(), late.ID, []Line{{Category: c, Qty: 4}}); !fault.Is(err, fault.Conflict) {
		t.Errorf("an expired cart was released: %v", err)
	}
	if _, _, err := h.Order(t.Context(), h.purchase("", Line{Category: c, Qty: 4})); err != nil {
		t.Errorf("what came back cannot be bought: %v", err)
	}
	h.audit()
}

// One key names the same cart for ever: what the quote of its hold before said is no price
// of the present one, whether the till hopes or looks.
func TestAHoldIsConfirmedAtItsOwnPriceAlone(t *testing.T) {
	h := newHouse(t)
	for name, capacity := range map[string]int{"plenty": 100_000, "the last": 3} {
		line := Line{Category: h.category(capacity), Qty: 3, UnitMinor: 2500}
		hold := func() id.ID {
			cart, _, err := h.Hold(t.Context(), Purchase{Event: h.event, Lines: []Line{line}, Currency: "EUR", Caller: "ana", Key: name, Asked: []byte(name)})
			if err != nil {
				t.Fatal(err)
			}
			return cart.ID
		}
		early := line
		first := hold()
		if err := h.Release(t.Context(), first, []Line{early}); err != nil {
			t.Fatal(err)
		}
		line.UnitMinor = 9900
		cart := hold()
		if cart != first {
			t.Fatalf("%s: the key names another cart", name)
		}
		if _, _, err := h.Confirm(t.Context(), cart, h.purchase("", early)); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: sold at the price of a hold that has ended: %v", name, err)
		}
		if err := h.Release(t.Context(), cart, []Line{early}); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: given back by what another hold was: %v", name, err)
		}
		if o, _, err := h.Confirm(t.Context(), cart, h.purchase("", line)); err != nil || o.TotalMinor != 3*9900 {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
	}
	h.audit()
}

func TestOneUnknownCategoryFailsAlone(t *testing.T) {
	h := newHouse(t)
	c := h.category(1000)
	crowd(50, func(i int) {
		line, want := Line{Category: c, Qty: 1}, error(nil)
		if i%10 == 0 {
			line.Category, want = id.New(), noCategory()
		}
		if _, _, err := h.Order(t.Context(), h.purchase("", line)); fault.CodeOf(err) != fault.CodeOf(want) && (err != nil) != (want != nil) {
			t.Errorf("buyer %d: %v, want %v", i, err, want)
		}
	})
	if n := h.number(`SELECT sold FROM sales.stock`); n != 45 {
		t.Errorf("%d sold, want 45", n)
	}
	h.audit()
}

func TestSalesAreAnnounced(t *testing.T) {
	h := newHouse(t)
	c := h.category(1000)
	crowd(200, func(int) {
		if _, _, err := h.Order(t.Context(), h.purchase("", Line{Category: c, Qty: 3, UnitMinor: 7})); err != nil {
			t.Error(err)
		}
	})
	facts, orders, tickets := h.told("sales.orders_placed", "order_ids")
	if orders != 200 || tickets != 600 || facts >= 200 {
		t.Errorf("%d facts tell of %d orders and %d tickets; 200 and 600 were sold, a batch has one fact", facts, orders, tickets)
	}
	if n := h.number(`SELECT count(*) FROM stream.log, jsonb_array_elements_text(data->'order_ids') o JOIN sales.orders ON id = o::uuid WHERE type = 'sales.orders_placed'`); n != 200 {
		t.Errorf("%d of the orders they name are there", n)
	}
	if n := h.number(`SELECT count(*) FROM stream.log WHERE type = 'sales.orders_placed' AND jsonb_array_length(data->'lines') = 1 AND data->'lines'->0->>'category' = $1
		AND data->'lines'->0->>'unit_minor' = '7' AND data->'lines'->0->'qty' = data->'qty' AND (data->>'total')::int = 7 * (data->>'qty')::int`, c.String()); n != facts {
		t.Errorf("%d of %d facts add their lines up by category and price", n, facts)
	}
}

func TestCartsAreAnnouncedWhenTheyOpenAndWhenTheyAreLeft(t *testing.T) {
	h := newHouse(t)
	a, b := h.category(1000), h.category(1000)
	lines := []Line{{Category: a, Qty: 1, UnitMinor: 7}, {Category: b, Qty: 2, UnitMinor: 9}}
	carts := make([]id.ID, 100)
	crowd(len(carts), func(i int) {
		cart, _, err := h.Hold(t.Context(), h.purchase("", lines...))
		if err != nil {
			t.Error(err)
		}
		carts[i] = cart.ID
	})
	if facts, opened, tickets := h.told("sales.carts_opened", "cart_ids"); opened != 100 || tickets != 300 || facts >= 100 {
		t.Errorf("%d facts tell of %d carts with %d tickets; 100 with 300 were opened", facts, opened, tickets)
	}
	crowd(40, func(i int) {
		if _, _, err := h.Confirm(t.Context(), carts[i], h.purchase("", lines...)); err != nil {
			t.Error(err)
		}
	})
	for _, cart := range carts[40:50] {
		if err := h.Release(t.Context(), cart, lines); err != nil {
			t.Error(err)
		}
	}
	h.exec(`UPDATE sales.hold SET expires_at = now() - interval '1 second'`)
	for range 2 {
		if _, err := h.Expire(t.Context()); err != nil {
			t.Error(err)
		}
	}
	facts, left, tickets := h.told("sales.carts_abandoned", "carts")
	if facts != 1 || left != 50 || tickets != 150 {
		t.Errorf("%d facts tell of %d carts with %d tickets; 50 with 150 were left behind", facts, left, tickets)
	}
	if other := h.number(`SELECT count(*) FROM stream.log, jsonb_array_elements(data->'carts') c WHERE type = 'sales.carts_abandoned' AND (c->>'cart')::uuid = ANY($1)`, carts[:50]); other != 0 {
		t.Errorf("%d carts are called abandoned that were bought or given back", other)
	}
	if n := h.number(`SELECT count(*) FROM stream.log WHERE type LIKE 'sales.%' AND key <> $1`, h.event.String()); n != 0 {
		t.Errorf("%d facts are of another event", n)
	}
	h.audit()
}

// told adds up the facts of a type, what their list holds, and its tickets. What
// count says must be the list's length.
func (h *house) told(kind, list string) (facts, things, tickets int) {
	h.t.Helper()
	facts = h.number(`SELECT count(*) FROM stream.log WHERE type = $1`, kind)
	things = h.number(`SELECT coalesce(sum((data->>'count')::int), 0) FROM stream.log WHERE type = $1 AND (data->>'count')::int = jsonb_array_length(data->$2)`, kind, list)
	tickets = h.number(`SELECT coalesce(sum((l->>'qty')::int), 0) FROM stream.log,
		jsonb_path_query(data, 'strict $.**.lines[*]') l WHERE type = $1`, kind)
	return facts, things, tickets
}
