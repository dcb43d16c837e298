package sales

import (
	"slices"
	"testing"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

func (h *house) booksWrong() (what []string) {
	h.t.Helper()
	b, err := CheckBooks(h.t.Context(), h.db)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, m := range b.Some {
		what = append(what, m.What)
	}
	if len(what) != b.Wrong {
		h.t.Errorf("%d are told of %d", len(what), b.Wrong)
	}
	return what
}

// A pool with levels, seats and a code are sold, held and refunded: the books agree.
// Then each thing that could go wrong is made wrong, and the check names it.
func TestTheBooksAreChecked(t *testing.T) {
	h := newHouse(t)
	e := h.draft(func(*Event) {})
	var pool Pool
	h.in(func(tx *db.Tx) (err error) {
		pool, err = h.AddPool(tx, Pool{Event: e.ID, Name: "Floor", Capacity: 50, Protected: []int{10}}, nil)
		return err
	})
	front := h.add(e, Category{PriceMinor: 5000, Capacity: 50, Pool: &pool.ID, Class: 2})
	seated := h.add(e, Category{PriceMinor: 7000, Capacity: 12, Rows: 3, Columns: 4})
	h.code(Code{Code: "half", Permille: 500, MaxUses: 10})
	e = h.publish(e)
	o, err := h.buy(e, []string{"half"}, Wanted{Category: front.ID, Qty: 3}, Wanted{Category: seated.ID, Qty: 2})
	if err != nil {
		t.Fatal(err)
	}
	lines, err := h.price(t.Context(), e.ID, []Wanted{{Category: front.ID, Qty: 2}, {Category: seated.ID, Qty: 1}}, []string{"half"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = h.Hold(t.Context(), h.purchase("", lines...)); err != nil {
		t.Fatal(err)
	}
	h.in(func(tx *db.Tx) error {
		_, err := h.RefundOrder(tx, o.ID, Refunding{Tickets: []int{1, 4}})
		return err
	})
	if wrong := h.booksWrong(); len(wrong) > 0 {
		t.Fatalf("the till's own books: %v", wrong)
	}
	for _, tc := range []struct {
		what, sql string
		args      []any
	}{
		{"category", `UPDATE sales.stock SET sold = sold + 1 WHERE id = $1`, []any{front.ID}},
		{"pool", `UPDATE sales.stock SET sold = sold + 1 WHERE id = $1`, []any{pool.ID}},
		{"level", `UPDATE sales.stock SET sold = sold + 1 WHERE id = $1`, []any{pool.levels[0]}},
		{"seat", `UPDATE sales.stock SET sold = 0 WHERE sold = 1 AND capacity = 1`, nil},
		{"cart", `UPDATE sales.stock SET held = held + 1 WHERE id = $1`, []any{front.ID}},
		{"cart", `UPDATE sales.hold SET category = $1 WHERE category = $2`, []any{id.New(), front.ID}},
		{"order", `INSERT INTO sales.ticket (order_id, n, category, unit_minor, voided_at) VALUES ($1, 9, $2, 1, now())`, []any{o.ID, front.ID}},
		{"order", `DELETE FROM sales.orders`, nil},
	} {
		back := h.snapshotOf("sales.stock", "sales.hold", "sales.ticket", "sales.orders")
		h.exec(tc.sql, tc.args...)
		if wrong := h.booksWrong(); !slices.Contains(wrong, tc.what) {
			t.Errorf("after %s: %v, want %s", tc.sql, wrong, tc.what)
		}
		back()
	}
	if wrong := h.booksWrong(); len(wrong) > 0 {
		t.Fatalf("after all was put right again: %v", wrong)
	}
	h.exec(`UPDATE sales.stock SET sold = sold + 1 WHERE id = $1`, front.ID)
	if err := h.checkBooks(t.Context()); err != nil || h.LastBooks().Wrong != 1 || h.LastBooks().At.IsZero() {
		t.Errorf("the job remembers %+v, %v", h.LastBooks(), err)
	}
}

// snapshotOf copies tables, and returns how to bring them back.
func (h *house) snapshotOf(tables ...string) (back func()) {
	for i, table := range tables {
		h.exec(`CREATE TABLE public.copy_` + string(rune('a'+i)) + ` AS TABLE ` + table)
	}
	return func() {
		for i, table := range tables {
			from := `public.copy_` + string(rune('a'+i))
			h.exec(`DELETE FROM ` + table)
			h.exec(`INSERT INTO ` + table + ` SELECT * FROM ` + from)
			h.exec(`DROP TABLE ` + from)
		}
	}
}
