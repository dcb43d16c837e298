package sales

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// While one worker writes, a small batch of the other grows; a large one is written.
func TestASmallBatchWaitsItsTurn(t *testing.T) {
	asks := func(n int) []*ask { return make([]*ask, n) }
	synctest.Test(t, func(t *testing.T) {
		l := &till{queue: make(chan *ask, tillQueue), turn: make(chan struct{}, 1)}
		l.queue <- nil
		if batch, turn := l.wait(asks(1)); len(batch) != 2 || !turn {
			t.Fatalf("alone at the till: %d asks, its turn %v", len(batch), turn)
		}
		if batch, turn := l.wait(asks(tillEnough)); len(batch) != tillEnough || turn {
			t.Errorf("a large batch beside another: %d asks, its turn %v", len(batch), turn)
		}
		l.queue <- nil
		go func() {
			time.Sleep(tillPatience / 4)
			l.queue <- nil
			time.Sleep(tillPatience / 4)
			<-l.turn
		}()
		start := time.Now()
		if batch, turn := l.wait(asks(1)); len(batch) != 3 || !turn || time.Since(start) != tillPatience/2 {
			t.Errorf("after the other's commit: %d asks, its turn %v, after %s", len(batch), turn, time.Since(start))
		}
		start = time.Now()
		if batch, turn := l.wait(asks(1)); len(batch) != 1 || turn || time.Since(start) != tillPatience {
			t.Errorf("beside one that is stuck: %d asks, its turn %v, after %s", len(batch), turn, time.Since(start))
		}
		close(l.queue)
		start = time.Now()
		if batch, turn := l.wait(asks(1)); len(batch) != 1 || turn || time.Since(start) != tillPatience {
			t.Errorf("when the till closes: %d asks, its turn %v, after %s", len(batch), turn, time.Since(start))
		}
	})
}

// A worker's turn lasts until its commit, and no longer.
func TestATurnLastsUntilTheCommit(t *testing.T) {
	h := newHouse(t)
	c := h.category(10_000)
	order := func(key string) error {
		_, _, err := h.Order(t.Context(), h.purchase(key, Line{Category: c, Qty: 1}))
		return err
	}
	if err := order("first"); err != nil { // what is left is known from now on
		t.Fatal(err)
	}
	becomes := func(held int) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); len(h.till.turn) != held; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d turns are taken, not %d", len(h.till.turn), held)
			}
		}
	}
	becomes(0)
	tx, err := h.db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `SELECT FROM sales.stock WHERE id = $1 FOR UPDATE`, c); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- order("second") }()
	becomes(1)
	for end := time.Now().Add(10 * time.Second); h.number(`SELECT count(*) FROM pg_locks WHERE NOT granted`) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the round does not come to the stock")
		}
	}
	becomes(1) // its rows are there, its commit is not
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	becomes(0)
}
