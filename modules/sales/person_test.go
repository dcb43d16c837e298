package sales

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/pay"
)

// exported is what a person gets a copy of.
func (h *house) exported(person id.ID) (sections []string, text string) {
	h.t.Helper()
	err := h.ExportPerson(h.t.Context(), person.String(), func(section string, v any) error {
		b, err := json.Marshal(v)
		sections, text = append(sections, section), text+string(b)+"\n"
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return sections, text
}

// paidAs lets a signed-in buyer pay for one ticket by card.
func (h *house) paidAs(e Event, person id.ID, buyer string) Order {
	h.t.Helper()
	q := h.cart(e, Wanted{Category: e.Categories[0].ID, Qty: 2})
	out, err := h.Checkout(h.t.Context(), Checkout{Cart: q.Cart, Quote: h.quotes.sign(q), Method: pay.Stripe, Buyer: json.RawMessage(buyer), Person: person.String(), Origin: "https://usher.example"})
	if err != nil {
		h.t.Fatal(err)
	}
	h.heard(told(*out.Payment))
	h.settleAll()
	now := h.payment(*out.Payment)
	if now.Order == nil {
		h.t.Fatalf("the payment is %s", now.State)
	}
	o, _, err := h.OrderTickets(h.t.Context(), *now.Order)
	if err != nil {
		h.t.Fatal(err)
	}
	return o
}

func TestPersonIsExportedAndForgotten(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := h.concert(Category{Capacity: 10, PriceMinor: 2500})
	anna, ben := id.New(), id.New()
	hers := h.paidAs(e, anna, `{"name": "Anna Canary", "email": "canary@example.org"}`)
	his := h.paidAs(e, ben, `{"name": "Ben", "email": "ben@example.org"}`)
	var handed Ticket
	h.in(func(tx *db.Tx) (err error) {
		handed, err = h.Transfer(tx, &e, hers.ID, 2, 1, Holder{Name: "Carl Canary", Email: "carl@canary.example"})
		return err
	})
	h.exec(`INSERT INTO sales.waitlist (id, event, category, qty, email, person, locale, state, created_at) VALUES ($1, $2, $3, 1, 'canary@example.org', $4, 'en', 'waiting', now())`,
		id.New(), e.ID, e.Categories[0].ID, anna)

	sections, text := h.exported(anna)
	if want := []string{"order", "invoice", "payment", "waiting"}; !slices.Equal(sections, want) {
		t.Fatalf("sections %v, want %v\n%s", sections, want, text)
	}
	if !strings.Contains(text, "Anna Canary") || !strings.Contains(text, "Carl Canary") || strings.Contains(text, "ben@") {
		t.Errorf("the copy is not hers: %s", text)
	}
	before := h.number(`SELECT sum(total_minor) FROM sales.orders`)
	for range 2 { // a job may run twice
		if err := h.ErasePerson(t.Context(), anna.String()); err != nil {
			t.Fatal(err)
		}
	}
	if sections, _ := h.exported(anna); len(sections) != 0 {
		t.Errorf("left after the erasure: %v", sections)
	}
	for _, table := range []string{"orders", "ticket", "payment", "invoice", "waitlist"} {
		if n := h.number(`SELECT count(*) FROM sales.` + table + ` t WHERE t::text ILIKE '%canary%'`); n != 0 {
			t.Errorf("%d rows of sales.%s still name her, or to whom she gave a ticket", n, table)
		}
	}
	if sections, text := h.exported(ben); !slices.Equal(sections, []string{"order", "invoice", "payment"}) || !strings.Contains(text, "ben@example.org") {
		t.Errorf("Ben lost something: %v %s", sections, text)
	}
	if h.number(`SELECT sum(total_minor) FROM sales.orders`) != before || h.number(`SELECT count(*) FROM sales.invoice WHERE document -> 'bill' ->> 'gross_minor' = '5000'`) != 2 {
		t.Error("the books have changed")
	}
	// The tickets stay good: his, hers, and the one that she handed on.
	for _, order := range []id.ID{hers.ID, his.ID} {
		if _, tickets, err := h.OrderTickets(t.Context(), order); err != nil || len(tickets) != 2 || tickets[0].VoidedAt != nil {
			t.Errorf("tickets %+v %v", tickets, err)
		}
	}
	if _, _, err := h.ticketByToken(t.Context(), h.HolderToken(&handed)); err != nil {
		t.Errorf("the friend's link: %v", err)
	}
	h.audit()
}

// A cart that is left behind says whose it was, if somebody signed in began to pay for it.
func TestAnAbandonedCartNamesItsBuyer(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := h.concert(Category{Capacity: 10, PriceMinor: 2500})
	anna := id.New()
	hers, nobodys := h.cart(e, Wanted{Category: e.Categories[0].ID, Qty: 2}), h.cart(e, Wanted{Category: e.Categories[0].ID, Qty: 1})
	if _, err := h.Checkout(t.Context(), Checkout{Cart: hers.Cart, Quote: h.quotes.sign(hers), Method: pay.Stripe, Buyer: json.RawMessage(`{"name": "Anna", "email": "anna@example.org"}`), Person: anna.String(), Origin: "https://usher.example"}); err != nil {
		t.Fatal(err)
	}
	h.lateCart(hers)
	h.lateCart(nobodys)
	named := func(cart id.ID, person string) int {
		return h.number(`SELECT count(*) FROM stream.log, jsonb_array_elements(data->'carts') c
			WHERE type = 'sales.carts_abandoned' AND c->>'cart' = $1 AND coalesce(c->>'person', '') = $2`, cart.String(), person)
	}
	if named(hers.Cart, anna.String()) != 1 || named(nobodys.Cart, "") != 1 {
		t.Error("the facts do not say whose carts they were")
	}
}
