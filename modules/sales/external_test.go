package sales

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/kernel/web"
)

// told is a fact of the ingest door, as the stream hands it on.
func toldBy(typ string, at time.Time, data string) stream.Fact {
	return stream.Fact{Type: typ, Time: at, ReceivedAt: at, Data: json.RawMessage(data)}
}

// elsewhere makes an event that a shop sells as "gig-9".
func (h *house) elsewhere(categories ...Category) Event {
	h.t.Helper()
	e := h.draft(func(e *Event) { e.Shop = "gig-9" })
	for _, c := range categories {
		h.add(e, c)
	}
	return h.publish(e)
}

func (h *house) tell(batch ...stream.Fact) {
	h.t.Helper()
	h.in(func(tx *db.Tx) error { return h.countElsewhere(h.t.Context(), tx, batch) })
}

func TestWhatAnotherShopSellsIsCounted(t *testing.T) {
	h := newHouse(t)
	e := h.elsewhere(Category{ShopName: "floor", Capacity: 10, PriceMinor: 2500}, Category{ShopName: "vip", Capacity: 2, PriceMinor: 9000})
	floor, vip := e.Categories[0].ID, e.Categories[1].ID
	late := time.Date(2027, 5, 1, 23, 30, 0, 0, time.UTC) // the second of May in Berlin
	h.tell(
		toldBy(typeSale, late.Add(-24*time.Hour), `{"event": "gig-9", "category": "floor", "order": "1", "quantity": 3, "amount": 7500, "currency": "EUR"}`),
		toldBy(typeSale, late, `{"event": "gig-9", "category": "floor", "order": "2", "quantity": 4, "amount": 10000, "currency": "EUR"}`),
		toldBy(typeSale, late, `{"event": "gig-9", "category": "vip", "order": "3", "quantity": 3, "amount": 27000, "currency": "EUR"}`),
		toldBy(typeRefund, late, `{"event": "gig-9", "category": "floor", "order": "1", "quantity": 2, "amount": 5000, "currency": "EUR"}`),
		toldBy(typeSale, late, `{"event": "gig-9", "category": "balcony", "order": "4", "quantity": 5, "amount": 1, "currency": "EUR"}`),
		toldBy(typeSale, late, `{"event": "somebody else's", "category": "floor", "order": "5", "quantity": 5, "amount": 1, "currency": "EUR"}`))
	now, err := h.Event(t.Context(), e.ID)
	if err != nil {
		t.Fatal(err)
	}
	if f, v := now.Category(floor), now.Category(vip); f.Sold != 5 || f.Capacity != 10 || v.Sold != 3 || v.Capacity != 3 {
		t.Errorf("sold %d of %d and %d of %d; the shop sold 5 of 10, and 3 of 2", f.Sold, f.Capacity, v.Sold, v.Capacity)
	}
	var days []string
	err = h.SoldByDay(t.Context(), e.ID, func(category id.ID, day time.Time, sold, returned int, gross int64) error {
		days = append(days, fmt.Sprint(category == floor, day.Format(" 01-02 "), sold, returned, gross))
		return nil
	})
	slices.Sort(days)
	if want := []string{"false 05-02 3 0 27000", "true 05-01 3 0 7500", "true 05-02 4 2 5000"}; err != nil || !slices.Equal(days, want) {
		t.Errorf("by day: %q %v, want %q", days, err, want)
	}
	strays, err := h.strays(t.Context(), &now)
	if err != nil || len(strays) != 1 || strays[0].Name != "balcony" || strays[0].Tickets != 5 {
		t.Errorf("strays: %+v %v", strays, err)
	}
	if n := h.number(`SELECT count(*) FROM stream.log WHERE type = 'sales.capacity_reached'`); n != 1 {
		t.Errorf("%d announcements that the last ticket is sold, want one, for the VIPs", n)
	}
	h.tell(toldBy(typeRefund, late, `{"event": "gig-9", "category": "vip", "order": "3", "quantity": 9, "amount": 0, "currency": "EUR"}`)) // more than it sold
	if now, err = h.Event(t.Context(), e.ID); err != nil || now.Category(vip).Sold != 0 {
		t.Errorf("%d VIPs after more came back than went out: %v", now.Category(vip).Sold, err)
	}
	if wrong := h.booksWrong(); len(wrong) > 0 {
		t.Errorf("the books: %v", wrong)
	}
	if minor, err := h.takings(t.Context(), e.ID); err != nil || minor != 7500+10000+27000-5000 {
		t.Errorf("takings %d %v", minor, err)
	}
}

// The stream delivers exactly once, and the listener keeps to it: the same house that
// is restarted counts nothing again.
func TestSalesElsewhereAreCountedOnce(t *testing.T) {
	h := newHouse(t)
	e := h.elsewhere(Category{Capacity: 100})
	h.life(func() bool { return true }) // the cursors begin here
	for i := range 20 {                 // of an event with one category, sales need not name it
		h.in(func(tx *db.Tx) error { return tx.Emit(saleFact{"gig-9", fmt.Sprint(i), 2}) })
	}
	for range 2 {
		h.life(func() bool {
			return h.number(`SELECT sum(sold) FROM sales.stock`) >= 40
		})
	}
	if now, err := h.Event(t.Context(), e.ID); err != nil || now.Categories[0].Sold != 40 {
		t.Errorf("%d tickets are sold, want 40: %v", now.Categories[0].Sold, err)
	}
}

// life runs the listeners as one process would, until they have done what is wanted
// and, a little later, nothing more.
func (h *house) life(done func() bool) {
	h.t.Helper()
	st := stream.New(h.db, stream.Config{}, slog.New(slog.DiscardHandler))
	for _, l := range h.Listeners() {
		st.Listen(l)
	}
	if err := st.Register(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(h.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- st.Run(ctx) }()
	for !done() && h.t.Context().Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	for lag := 1; lag > 0; {
		all, err := st.Lag(ctx)
		if err != nil {
			h.t.Fatal(err)
		}
		for lag = 0; len(all) > 0; all = all[1:] {
			lag += all[0].Behind
		}
	}
	stop()
	<-ended
}

// saleFact is as the ingest door would write it.
type saleFact struct {
	Event    string `json:"event"`
	Order    string `json:"order"`
	Quantity int    `json:"quantity"`
}

func (saleFact) FactType() string { return typeSale }

func (f saleFact) FactKey() string { return f.Order }

func TestWhatAnotherShopSellsIsNotSoldHere(t *testing.T) {
	h := newHouse(t)
	e := h.elsewhere(Category{ShopName: "floor", Capacity: 10, PriceMinor: 2500})
	if _, err := h.buy(e, nil, Wanted{Category: e.Categories[0].ID, Qty: 1}); !fault.Is(err, fault.Conflict) {
		t.Errorf("it is sold here too: %v", err)
	}
	if list, _, err := h.Events(t.Context(), EventQuery{Open: true, Limit: 10}); err != nil || len(list) != 0 {
		t.Errorf("the portal lists it: %v %v", list, err)
	}
	for name, wrong := range map[string]Category{
		"twice the same name": {ShopName: "floor", Capacity: 1}, "numbered seats": {ShopName: "seats", Rows: 2, Columns: 2},
	} {
		wrong.Event, wrong.Names = e.ID, named("More")
		err := h.db.InTx(t.Context(), func(tx *db.Tx) error { _, err := h.AddCategory(tx, wrong, "test", nil); return err })
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := h.db.InTx(t.Context(), func(tx *db.Tx) error {
		_, err := h.CreateEvent(tx, Event{Slug: "again", Names: named("Again"), Locales: []string{"en"}, Zone: "UTC", Currency: "EUR", StartsAt: h.db.Now().Add(time.Hour), Shop: "gig-9"})
		return err
	})
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("two events have one name in the shop: %v", err)
	}
	ours := h.concert(Category{Capacity: 5})
	if _, err := h.buy(ours, nil, Wanted{Category: ours.Categories[0].ID, Qty: 1}); err != nil {
		t.Fatal(err)
	}
	ours.Shop = "gig-10"
	if _, err := h.ChangeEvent(t.Context(), ours, nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("an event that has sold here goes to another shop: %v", err)
	}
}

// Whoever sells, a neighbour reads the same.
func TestHistoryOfWhatWeSell(t *testing.T) {
	h := newHouse(t)
	e := h.concert(Category{Capacity: 50, PriceMinor: 2000})
	k := e.Categories[0].ID
	if _, err := h.buy(e, nil, Wanted{Category: k, Qty: 4}); err != nil {
		t.Fatal(err)
	}
	h.in(func(tx *db.Tx) error { _, err := h.SetPrice(tx, k, 2400, "demand", "pricing"); return err })
	h.exec(`UPDATE sales.ticket SET voided_at = now() WHERE n = 1`)
	var got []string
	note := func(v ...any) error { got = append(got, fmt.Sprint(v...)); return nil }
	err := h.EachEvent(t.Context(), h.db.Now(), func(event id.ID, slug, currency, zone string, from, until, starts time.Time) error {
		return note(event == e.ID, slug == e.Slug, currency, zone, from.IsZero(), until.Equal(starts))
	})
	if err == nil {
		err = h.EachCategory(t.Context(), e.ID, func(category id.ID, name string, capacity, sold, held int, price int64) error {
			return note(category == k, name, capacity, sold, held, price)
		})
	}
	if err == nil {
		err = h.SoldByDay(t.Context(), e.ID, func(category id.ID, _ time.Time, sold, returned int, gross int64) error {
			return note(category == k, sold, returned, gross)
		})
	}
	if err == nil {
		err = h.EachPrice(t.Context(), k, func(_ time.Time, price int64, reason string) error { return note(price, reason) })
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range []string{"true true" + "EUR" + "Europe/Berlin" + "true true", "true" + "Standing" + "50 4 0 2400", "true 4 1 6000", "2000" + "first price", "2400" + "demand"} {
		if i >= len(got) || got[i] != w {
			t.Errorf("row %d: %q, want %q", i, got, w)
		}
	}
	if n := h.number(`SELECT count(*) FROM stream.log WHERE type = 'sales.price_set'`); n != 2 {
		t.Errorf("%d prices were announced, want the first and the second", n)
	}
}

// What the shop took back of a category that is not known here is not sold.
func TestRefundsOfAnUnknownCategoryAreTakenOff(t *testing.T) {
	h := newHouse(t)
	e := h.elsewhere(Category{ShopName: "floor", Capacity: 10, PriceMinor: 2500})
	now := h.db.Now()
	three := func(kind, order string) stream.Fact {
		return toldBy(kind, now, `{"event": "gig-9", "category": "balcony", "order": "`+order+`", "quantity": 3, "amount": 7500, "currency": "EUR"}`)
	}
	for i, told := range []struct {
		fact stream.Fact
		left web.Number
	}{{three(typeRefund, "1"), 0}, {three(typeSale, "1"), 0}, {three(typeSale, "2"), 3}, {three(typeRefund, "2"), 0}} {
		h.tell(told.fact)
		if strays, err := h.strays(t.Context(), &e); err != nil || len(strays) != 1 || strays[0].Tickets != told.left {
			t.Errorf("after %d facts: %+v, %v; want %d", i+1, strays, err, told.left)
		}
	}
}

func TestMoneyOfAnotherCurrencyIsNotAddedUp(t *testing.T) {
	h := newHouse(t)
	e, at := h.elsewhere(Category{ShopName: "floor", Capacity: 10}), h.db.Now()
	for currency, amount := range map[string]int{"eur": 5000, "JPY": 800_000} {
		h.tell(toldBy(typeSale, at, fmt.Sprintf(`{"event": "gig-9", "category": "floor", "order": %q, "quantity": 2, "amount": %d, "currency": %q}`, currency, amount, currency)))
	}
	err := h.SoldByDay(t.Context(), e.ID, func(_ id.ID, _ time.Time, sold, _ int, gross int64) error {
		if sold != 4 || gross != 5000 {
			t.Errorf("%d sold for %d, want 4 for what came in euros", sold, gross)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestNamesOfAnotherShop(t *testing.T) {
	h := newHouse(t)
	h.concert(Category{Capacity: 5})
	e, got := h.elsewhere(Category{Capacity: 5}), map[id.ID]string{}
	err := h.EachShopName(t.Context(), func(event id.ID, shop string) error { got[event] = shop; return nil })
	if err != nil || len(got) != 1 || got[e.ID] != "gig-9" {
		t.Errorf("%v, %v", got, err)
	}
}
