package sales

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

func TestEveryFaultOfAnEventIsToldAtOnce(t *testing.T) {
	h := newHouse(t)
	start := h.db.Now().Add(time.Hour)
	before := start.Add(-time.Minute)
	e := Event{Slug: "Not a slug", Names: map[string]Text{"fr": {Title: "X"}}, Locales: []string{"en", "en", "x-!"}, Zone: "Mars/Olympus", Currency: "EURO", StartsAt: start, EndsAt: &before, SaleFrom: &start, SaleUntil: &before}
	err := h.db.InTx(t.Context(), func(tx *db.Tx) error { _, err := h.CreateEvent(tx, e); return err })
	for _, name := range []string{"slug", "names.fr", "locales[1]", "locales[2]", "zone", "currency", "ends_at", "sale_until"} {
		if !strings.Contains(wordsOf(err), name) {
			t.Errorf("%s is not told: %v", name, err)
		}
	}
}

func TestPublishingAsksForWhatPeopleNeed(t *testing.T) {
	h := newHouse(t)
	e := h.draft(func(e *Event) { e.Names = map[string]Text{"de": {Title: "Nur Deutsch"}} })
	publish := func() error { _, err := h.SetState(t.Context(), e.ID, EventPublished, nil); return err }
	if err := publish(); !fault.Is(err, fault.Invalid) || !strings.Contains(wordsOf(err), "names.en.title") || !strings.Contains(wordsOf(err), "categories") {
		t.Errorf("%v", err)
	}
	e.Names["en"] = Text{Title: "In English"}
	past := h.db.Now().Add(-time.Hour)
	e.SaleUntil = &past
	if _, err := h.ChangeEvent(t.Context(), e, nil); err != nil {
		t.Fatal(err)
	}
	c := h.add(e, Category{Capacity: 5, Names: map[string]Text{}})
	if err := publish(); !strings.Contains(wordsOf(err), "sale_until") {
		t.Errorf("the sale is over: %v", err)
	}
	e.SaleUntil = nil
	if _, err := h.ChangeEvent(t.Context(), e, nil); err != nil {
		t.Fatal(err)
	}
	if err := publish(); !strings.Contains(wordsOf(err), "categories[0].names.en.title") {
		t.Errorf("a category without a name: %v", err)
	}
	c.Names = named("Floor")
	if _, err := h.ChangeCategory(t.Context(), c, "ana", nil); err != nil {
		t.Fatal(err)
	}
	if err := publish(); err != nil {
		t.Errorf("all is there: %v", err)
	}
	// What people see stays fit to be seen.
	if err := h.RemoveCategory(t.Context(), e.ID, c.ID, nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("the last category was removed: %v", err)
	}
}

func TestAnEventFollowsItsStates(t *testing.T) {
	h := newHouse(t)
	e := h.concert(Category{Capacity: 5, PriceMinor: 100})
	set := func(state string, want fault.Code) {
		t.Helper()
		if _, err := h.SetState(t.Context(), e.ID, state, nil); fault.CodeOf(err) != want {
			t.Errorf("to %s: %v, want %q", state, err, want)
		}
	}
	set(EventPaused, "")
	set(EventPaused, "")
	set(EventDraft, "")
	set(EventPaused, fault.Conflict)
	set("gone", fault.Invalid)
	set(EventPublished, "")
	if _, err := h.buy(e, nil, Wanted{Category: e.Categories[0].ID, Qty: 1}); err != nil {
		t.Fatal(err)
	}
	set(EventDraft, fault.Conflict)
	e.Currency = "CHF"
	if _, err := h.ChangeEvent(t.Context(), e, nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("the currency changed after the first ticket: %v", err)
	}
	if err := h.DeleteEvent(t.Context(), e.ID, nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("deleted with a ticket sold: %v", err)
	}
	set(EventCancelled, "")
	set(EventPublished, fault.Conflict)
}

// What was given back was sold: orders, payments and invoices name the event.
func TestAnEventThatHasSoldStaysWhenAllIsRefunded(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	_, order := h.paidOrder(e, two)
	if _, err := h.refund(order, Refunding{KeepFees: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.SetState(t.Context(), e.ID, EventDraft, nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("a draft again: %v", err)
	}
	other := e
	other.Currency = "CHF"
	if _, err := h.ChangeEvent(t.Context(), other, nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("the currency changed: %v", err)
	}
	h.exec(`UPDATE sales.event SET state = 'draft' WHERE id = $1`, e.ID) // by an earlier Usher
	if err := h.DeleteEvent(t.Context(), e.ID, nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("deleted: %v", err)
	}
	if _, err := h.RevenueOf(t.Context(), e.ID); err != nil {
		t.Errorf("its revenue: %v", err)
	}
}

// So does a category: the orders of its tickets name it.
func TestACategoryThatHasSoldStaysWhenAllIsRefunded(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	other := h.add(e, Category{PriceMinor: 100, Capacity: 5})
	_, order := h.paidOrder(e, two)
	remove := func(category id.ID) error { return h.RemoveCategory(t.Context(), e.ID, category, nil) }
	if err := remove(two.Category); !fault.Is(err, fault.Conflict) {
		t.Errorf("with tickets sold: %v", err)
	}
	if _, err := h.refund(order, Refunding{KeepFees: true}); err != nil {
		t.Fatal(err)
	}
	if err := remove(two.Category); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "given back") {
		t.Errorf("with all of them refunded: %v", err)
	}
	if found, err := h.PriceHistory(t.Context(), two.Category); err != nil || len(found) == 0 {
		t.Errorf("its prices: %v, %v", found, err)
	}
	if err := remove(other.ID); err != nil {
		t.Errorf("one that sold nothing: %v", err)
	}
	h.auditCatalogue()
}

func TestADraftIsDeletedWithAllThatBelongsToIt(t *testing.T) {
	h := newHouse(t)
	e := h.draft(func(*Event) {})
	var p Pool
	h.in(func(tx *db.Tx) (err error) {
		p, err = h.AddPool(tx, Pool{Event: e.ID, Name: "P", Capacity: 9, Protected: []int{3}}, nil)
		return err
	})
	h.add(e, Category{Rows: 3, Columns: 3, Pool: &p.ID, Class: 2})
	h.code(Code{Code: "one", Permille: 1})
	if err := h.DeleteEvent(t.Context(), e.ID, nil); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"event", "category", "pool", "pool_level", "seat", "code", "stock", "price_history"} {
		if n := h.number(`SELECT count(*) FROM sales.` + table); n > 0 {
			t.Errorf("%d rows are left in %s", n, table)
		}
	}
}

func TestCapacityDoesNotFallBelowWhatIsTaken(t *testing.T) {
	h := newHouse(t)
	e := h.concert(Category{Capacity: 10, PriceMinor: 100}, Category{Rows: 2, Columns: 5, PriceMinor: 100})
	c, seats := e.Categories[0], e.Categories[1]
	if _, err := h.buy(e, nil, Wanted{Category: c.ID, Qty: 6}, Wanted{Category: seats.ID, Qty: 1}); err != nil {
		t.Fatal(err)
	}
	c.Capacity = 5
	if _, err := h.ChangeCategory(t.Context(), c, "ana", nil); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "6 are sold") {
		t.Errorf("below what is sold: %v", err)
	}
	c.Capacity = 6
	if _, err := h.ChangeCategory(t.Context(), c, "ana", nil); err != nil {
		t.Errorf("to what is sold: %v", err)
	}
	if _, err := h.buy(e, nil, Wanted{Category: c.ID, Qty: 1}); !fault.Is(err, fault.Conflict) {
		t.Errorf("beyond the new capacity: %v", err)
	}
	seats.Rows, seats.Capacity = 3, 0
	if _, err := h.ChangeCategory(t.Context(), seats, "ana", nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("seats were rearranged under a ticket: %v", err)
	}
	h.auditCatalogue()
}

// A ticket that was given back still says where its seat was.
func TestSeatsThatTicketsNameStay(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := h.concert(Category{Rows: 2, Columns: 5, PriceMinor: 100})
	c := e.Categories[0]
	c.Rows, c.Capacity = 3, 0
	if _, err := h.ChangeCategory(t.Context(), c, "ana", nil); err != nil {
		t.Fatalf("before the first ticket: %v", err)
	}
	h.shelves.forget(e.ID)
	_, order := h.paidOrder(e, Wanted{Category: c.ID, Qty: 1})
	if _, err := h.refund(order, Refunding{}); err != nil {
		t.Fatal(err)
	}
	c.Rows, c.Capacity = 4, 0
	if _, err := h.ChangeCategory(t.Context(), c, "ana", nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("the seat of a ticket is gone: %v", err)
	}
	c.Rows, c.PriceMinor = 3, 200
	if _, err := h.ChangeCategory(t.Context(), c, "ana", nil); err != nil {
		t.Errorf("its price may change: %v", err)
	}
}

func TestACopyKeepsTheClockOfTheVenue(t *testing.T) {
	h := newHouse(t)
	berlin := func(s string) time.Time {
		m, err := readMoment(s, "Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	doors, from := berlin("2027-03-20 19:00"), berlin("2027-01-10 09:00")
	e := h.draft(func(e *Event) {
		e.StartsAt, e.DoorsAt, e.SaleFrom = berlin("2027-03-20 20:00"), &doors, &from
	})
	var p Pool
	h.in(func(tx *db.Tx) (err error) {
		p, err = h.AddPool(tx, Pool{Event: e.ID, Name: "P", Capacity: 50, Protected: []int{10}}, nil)
		return err
	})
	c := h.add(e, Category{Capacity: 50, PriceMinor: 700, Pool: &p.ID, Class: 2})
	h.code(Code{Code: "fans", Permille: 100, Categories: []id.ID{c.ID}, MaxUses: 5})
	var made Event
	h.in(func(tx *db.Tx) (err error) {
		// Daylight saving begins on 28 March 2027.
		made, err = h.CopyEvent(tx, e.ID, Copy{Slug: "second", StartsAt: berlin("2027-04-10 20:00"), Codes: true}, "ana")
		return err
	})
	if !made.DoorsAt.Equal(berlin("2027-04-10 19:00")) || !made.SaleFrom.Equal(berlin("2027-01-31 09:00")) {
		t.Errorf("doors %v, sale from %v", made.DoorsAt, made.SaleFrom)
	}
	k := made.Categories[0]
	if made.State != EventDraft || k.ID == c.ID || *k.Pool == p.ID || k.Class != 2 || made.Pools[0].Protected[0] != 10 {
		t.Errorf("%+v", made)
	}
	codes, err := h.Codes(t.Context(), made.ID, "", 10)
	if err != nil || len(codes) != 1 || codes[0].Categories[0] != k.ID || codes[0].MaxUses != 5 {
		t.Errorf("%+v, %v", codes, err)
	}
}

// 9999-12-31 is how some write "for ever": a later copy must not leave the calendar.
func TestACopyKeepsWhatIsForEver(t *testing.T) {
	h := newHouse(t)
	ever := time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC)
	e := h.concert(Category{Capacity: 5, SaleUntil: &ever})
	var made Event
	h.in(func(tx *db.Tx) (err error) {
		made, err = h.CopyEvent(tx, e.ID, Copy{Slug: "second", StartsAt: e.StartsAt.AddDate(1, 0, 0)}, "ana")
		return err
	})
	if _, err := json.Marshal(made); err != nil || !made.Categories[0].SaleUntil.Equal(ever) {
		t.Errorf("%v, %v", made.Categories[0].SaleUntil, err)
	}
}
