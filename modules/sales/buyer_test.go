package sales

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// What is kept of a buyer PostgreSQL takes, and means what he sent.
func TestABuyerIsKeptSoThatTheDatabaseTakesHim(t *testing.T) {
	h := newHouse(t)
	deep := `{"a":` + strings.Repeat("[", maxBuyer/2-4) + strings.Repeat("]", maxBuyer/2-4) + `}`
	for raw, mended := range map[string]string{
		`{"name":"Zoë <b>","n":[1,1.50,-0,true,null,{}],"e2e":"5e9"}`:     "",
		`{"iban":12345678901234567890123456789,"x":1.234567890123456789}`: "",
		`{"name":"Zo\u00eb \ud83d\ude00","path":"C:\\u0000"}`:             "",
		`{"a":1e300,"b":-1.5E-300,"c":0e-300,"d":1E+5}`:                   "",
		` {}`[1:]:                     "",
		deep:                          "",
		`{"name":"\ud800a"}`:          `{"name":"` + "\ufffd" + `a"}`,
		"{\"name\":\"a\xff\"}":        `{"name":"a` + "\ufffd" + `"}`,
		`{"\udc00":{"b":["\ud800"]}}`: `{"` + "\ufffd" + `":{"b":["` + "\ufffd" + `"]}}`,
	} {
		kept, err := keepBuyer("test", json.RawMessage(raw))
		if err != nil {
			t.Errorf("%.80s: %v", raw, err)
			continue
		}
		if mended == "" {
			mended = raw
		}
		if n := h.number(`SELECT ($1::text::jsonb = $2::text::jsonb)::int`, string(kept), mended); n != 1 {
			t.Errorf("%s is kept as %s", raw, kept)
		}
		if again, err := keepBuyer("test", kept); err != nil || !bytes.Equal(again, kept) {
			t.Errorf("%s, kept again: %s, %v", kept, again, err)
		}
	}
	for _, raw := range []string{`{"name":"a\u0000b"}`, `{"a":[{"\u0000":1}]}`, `{"x":1e999999}`, `{"x":1e-999999}`, `{"x":0e99999999999999999999}`, `{"x":1E301}`,
		`[]`, `"x"`, `{`, `{"a":1} 2`, `{"a":"` + strings.Repeat("a", maxBuyer) + `"}`} {
		if kept, err := keepBuyer("test", json.RawMessage(raw)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%.80s is kept as %.80s, %v", raw, kept, err)
		}
	}
	for _, nobody := range []string{"", "null"} {
		if kept, err := keepBuyer("test", json.RawMessage(nobody)); kept != nil || err != nil {
			t.Errorf("nobody is kept as %s, %v", kept, err)
		}
	}
}

func FuzzBuyer(f *testing.F) {
	for _, raw := range []string{`{"name":"Ana"}`, `{"name":"\ud800\u0000"}`, `{"x":1e999999}`, "{\"\xff\":[null]}"} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		kept, err := keepBuyer("test", raw)
		if err != nil || kept == nil {
			return
		}
		if !json.Valid(kept) || kept[0] != '{' {
			t.Errorf("%q is kept as %q", raw, kept)
		}
		if again, err := keepBuyer("test", kept); len(kept) <= maxBuyer && (err != nil || !bytes.Equal(again, kept)) {
			t.Errorf("%q, kept again: %q, %v", kept, again, err)
		}
	})
}

// Every door through which a buyer comes refuses what the database would, and says why.
func TestNoDoorLetsABuyerInWhomTheDatabaseRefuses(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	site := newSite(t, h.Routes(), h.buyerPages())
	for name, price := range map[string]int64{"free": 0, "paid": 2500} {
		e := h.concert(Category{PriceMinor: price, Capacity: 10})
		one := Wanted{Category: h.ids(`SELECT id FROM sales.category WHERE event = $1`, e.ID)[0], Qty: 1}
		q := h.cart(e, one)
		for buyer, code := range map[string]int{
			`{"name":"a\u0000b","email":"a@example.org"}`:       http.StatusBadRequest,
			`{"name":"a","email":"a@example.org","x":1e999999}`: http.StatusBadRequest,
			`{"name":"\ud800","email":"a@example.org"}`:         http.StatusCreated,
		} {
			at := map[string]map[string]any{
				"/v1/carts/" + q.Cart.String() + "/checkout": {"quote": h.quotes.sign(q), "method": "door"},
				"/v1/orders": {"event": e.ID, "lines": []Wanted{one}},
			}
			for to, in := range at {
				in["buyer"] = json.RawMessage(buyer)
				if code != http.StatusCreated {
					shows(t, post(site, to, in), code, "buyer")
				} else if rec := post(site, to, in); rec.Code != code {
					t.Errorf("%s, %s: %d %s", name, to, rec.Code, rec.Body)
				}
			}
			if code != http.StatusCreated {
				in := map[string]any{"quote": h.quotes.sign(q), "buyer": json.RawMessage(buyer)}
				shows(t, post(site, "/v1/orders", in), code, "buyer")
			}
		}
	}
	h.audit()
}

// What the database cannot hold is not to be found, or no good question.
func TestAPathThatNoTextCanHoldIsNotOurFault(t *testing.T) {
	h := newHouse(t)
	site := newSite(t, h.Routes(), h.buyerPages())
	for _, path := range []string{"/shop/events/%00", "/v1/shop/events/%00", "/shop/events/%ff", "/shop?q=%00&series=%00", "/v1/shop/events?series=%00", "/v1/invoices?series=%00"} {
		if rec := visit(site, path, nil); rec.Code >= http.StatusInternalServerError {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
	shows(t, visit(site, "/v1/shop/events?series=%00", nil), http.StatusBadRequest, `"series"`, "U+0000", "UTF-8 text without")
}

// Whom the database refuses costs his neighbours in a round a few rounds, not one each.
func TestOneWhomTheDatabaseRefusesFailsAlone(t *testing.T) {
	h := newHouse(t)
	c := h.category(1000)
	round := make([]*ask, tillBatch)
	for i := range round {
		p := h.purchase("", Line{Category: c, Qty: 1})
		if i == 100 {
			p.Buyer = json.RawMessage(`{"name":"\u0000"}`)
		}
		round[i] = p.ask(askOrder, "order", p.Lines)
		round[i].order, round[i].answer = p.order(p.Lines), make(chan verdict, 1)
	}
	h.till.round(t.Context(), round)
	for i, a := range round {
		if v := <-a.answer; fault.Is(v.err, fault.Invalid) != (i == 100) || i != 100 && v.err != nil {
			t.Errorf("buyer %d: %v", i, v.err)
		}
	}
	if facts, orders, _ := h.told("sales.orders_placed", "order_ids"); facts != 8 || orders != tillBatch-1 {
		t.Errorf("%d rounds for %d orders, want log2(%d)", facts, orders, tillBatch)
	}
	h.audit()
}

// A cart that is gone comes to no till, so that whoever repeats it harms nobody.
func TestACartThatIsGoneDoesNotComeToTheTill(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := h.concert(Category{Capacity: 10})
	two := Wanted{Category: h.ids(`SELECT id FROM sales.category WHERE event = $1`, e.ID)[0], Qty: 2}
	q, sold := h.cart(e, two), h.cart(e, two)
	if err := h.Release(t.Context(), q.Cart, q.Lines); err != nil {
		t.Fatal(err)
	}
	first, err := h.checkout(sold, "")
	if err != nil {
		t.Fatal(err)
	}
	other := houseOn(t, h.db) // does not remember the order
	if again, err := other.checkout(sold, ""); err != nil || again.Order.ID != first.Order.ID {
		t.Errorf("sold before: %+v, %v", again.Order, err)
	}
	kept := h.cart(e, two)
	h = houseOn(t, h.db)
	open := h.till
	defer func() { h.till = open }()
	h.till = &till{store: open.store, known: newMemory(1), left: newShelf(h.db.Now)} // at which all are too many
	if err := h.Release(t.Context(), q.Cart, q.Lines); !fault.Is(err, fault.Conflict) {
		t.Errorf("given back twice: %v", err)
	}
	if _, err := h.checkout(q, ""); !fault.Is(err, fault.Conflict) {
		t.Errorf("bought when it is gone: %v", err)
	}
	if err := h.Release(t.Context(), kept.Cart, []Line{{Category: two.Category, Qty: 1}}); !fault.Is(err, fault.Conflict) {
		t.Errorf("half a cart given back: %v", err)
	}
	if err := h.Release(t.Context(), kept.Cart, kept.Lines); !fault.Is(err, fault.Transient) {
		t.Errorf("given back at a till with no room: %v", err)
	}
	if err := h.Release(t.Context(), id.New(), q.Lines); !fault.Is(err, fault.Conflict) {
		t.Errorf("a cart that never was: %v", err)
	}
}
