package sales

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"testing"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/seal"
)

// house is sales on a database of its own.
type house struct {
	*Service
	t     testing.TB
	event id.ID
}

func newHouse(t testing.TB) *house {
	t.Helper()
	return houseOn(t, dbtest.New(t))
}

func houseOn(t testing.TB, d *db.DB) *house {
	t.Helper()
	s := New(Defaults(), d, testKey(t), &phonebook{}, slog.New(slog.DiscardHandler))
	t.Cleanup(s.Close)
	return &house{Service: s, t: t, event: id.New()}
}

// category makes one with so many tickets.
func (h *house) category(capacity int) id.ID {
	h.t.Helper()
	c := id.New()
	h.exec(`INSERT INTO sales.stock (id, event, capacity) VALUES ($1, $2, $3)`, c, h.event, capacity)
	return c
}

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	if _, err := h.db.Pool().Exec(context.Background(), sql, args...); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) number(sql string, args ...any) (n int) {
	h.t.Helper()
	if err := h.db.Pool().QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

// audit checks sold = count(tickets) = sum(qty) ≤ capacity and held = sum(holds) for every category.
func (h *house) audit() {
	h.t.Helper()
	wrong := h.number(`SELECT count(*) FROM sales.stock s
		LEFT JOIN (SELECT category, count(*) AS n FROM sales.ticket GROUP BY category) t ON t.category = s.id
		LEFT JOIN (SELECT category, sum(qty) AS n FROM sales.hold GROUP BY category) k ON k.category = s.id
		WHERE(sold <> coalesce(t.n, 0) OR held <> coalesce(k.n, 0) OR sold + held > capacity)`)
	if wrong > 0 {
		h.t.Errorf("the stock of %d categories does not agree with their tickets and holds", wrong)
	}
	if sold, asked := h.number(`SELECT count(*) FROM sales.ticket`), h.number(`SELECT coalesce(sum(qty), 0) FROM sales.orders`); sold != asked {
		h.t.Errorf("%d tickets, but the orders say %d", sold, asked)
	}
}

func (h *house) purchase(key string, lines ...Line) Purchase {
	return Purchase{Event: h.event, Lines: lines, Currency: "EUR", Caller: "test", Key: key}
}

func testKey(t testing.TB) *seal.Key {
	t.Helper()
	k, err := seal.Parse(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, seal.KeySize)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}
