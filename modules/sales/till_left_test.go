package sales

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// Who leaves while he waits at the till buys nothing any more: what is written is of people
// who were there when their turn came. An event that rests therefore knows how long an
// order may be on its way.
func TestWhoLeftTheQueueBuysNothing(t *testing.T) {
	h := newHouse(t)
	c := h.category(1000)
	tx, err := h.db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM sales.stock WHERE id = $1 FOR UPDATE`, c); err != nil {
		t.Fatal(err)
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal(what)
			}
		}
	}
	ctx, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	buy := func(name string) {
		all.Go(func() {
			_, _, _ = h.Order(ctx, h.purchase(name, Line{Category: c, Qty: 1}))
		})
	}
	const writing, waiting = tillWorkers, 8
	for i := range writing {
		buy(fmt.Sprint("writing ", i))
		until("a worker writes nothing", func() bool { return h.blocked() == i+1 })
	}
	for i := range waiting {
		buy(fmt.Sprint("waiting ", i))
	}
	until("nobody waits", func() bool { return len(h.till.queue) == waiting })
	leave()
	all.Wait()
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.Close()
	if n := h.number(`SELECT count(*) FROM sales.orders`); n != writing {
		t.Errorf("%d orders, of which %d were being written", n, writing)
	}
	h.audit()
	h.till = newTill(h.db, h.log) // for the house's own end
}
