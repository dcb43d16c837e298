package sales

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

// While one worker writes, the other takes nothing, unless much waits or the one is late.
func TestAWorkerTakesNothingBesideTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &till{queue: make(chan *ask, tillQueue), turn: make(chan struct{}, 1), many: make(chan struct{}, 1), late: make(chan struct{}, 1)}
		taken := make(chan bool) // with the turn
		go func() {
			for late := false; ; {
				first, turn := l.next(&late)
				if first == nil {
					close(taken)
					return
				}
				taken <- turn
			}
		}()
		is := func(what string, want bool) {
			t.Helper()
			if turn := <-taken; turn != want {
				t.Errorf("%s: its turn %v, want %v", what, turn, want)
			}
		}
		l.join(&ask{})
		is("alone at the till", true)
		// That was taken with the turn, which nobody gives back: the other worker writes.
		l.join(&ask{})
		if synctest.Wait(); len(l.queue) != 1 {
			t.Fatalf("%d wait beside a worker that writes, want 1", len(l.queue))
		}
		for range tillEnough - 1 {
			l.join(&ask{})
		}
		is("when much waits", false)
		if synctest.Wait(); len(l.queue) != tillEnough-1 {
			t.Fatalf("%d wait, want %d: there are no more than enough any longer", len(l.queue), tillEnough-1)
		}
		ring(l.late)
		is("beside one that is late", false)
		is("beside one that is late still", false)
		close(l.queue)
		for range taken {
		}
	})
}

// An event whose stock somebody holds for long does not keep the others waiting.
func TestAnEventThatIsStuckKeepsNoOtherWaiting(t *testing.T) {
	h := newHouse(t)
	stuck, free := h.category(10_000), h.category(10_000)
	order := func(key string, category id.ID) error {
		_, _, err := h.Order(t.Context(), h.purchase(key, Line{Category: category, Qty: 1}))
		return err
	}
	tx, err := h.db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `SELECT FROM sales.stock WHERE id = $1 FOR UPDATE`, stuck); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- order("stuck", stuck) }()
	for end := time.Now().Add(10 * time.Second); h.blocked() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the round does not come to the stock")
		}
	}
	for i := range 3 { // not only once
		if err := order(fmt.Sprint("free ", i), free); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-done:
		t.Fatalf("the order of a stock that is locked was answered: %v", err)
	default:
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// Others sell the same when less is left than what we took explains, twice in a row.
func TestAShelfSeesThatOthersSell(t *testing.T) {
	now := time.Now()
	s, stock := newShelf(func() time.Time { return now }), id.New()
	round := func(took, left int) bool {
		r := []remaining{{stock: stock, left: left}}
		s.watch(r, []need{{stock: stock, sold: took}})
		s.tell(r)
		return s.contested()
	}
	for i, c := range []struct {
		took, left int
		contested  bool
	}{
		{10, 990, false}, // nothing is known of before
		{10, 980, false},
		{5, 965, false}, // told before the one that took 10
		{10, 975, false},
		{5, 970, false}, {5, 965, false},
		{5, 950, false}, {5, 940, true}, // others took 10, and 5
		{5, 935, true}, // for a while
	} {
		if got := round(c.took, c.left); got != c.contested {
			t.Errorf("round %d: contested %v, want %v", i, got, c.contested)
		}
	}
	if now = now.Add(shelfAge); s.contested() {
		t.Error("contested when nobody has been seen for a while")
	}
}

// A round waits for more only while others sell the same, and not when it is large anyway.
func TestASmallRoundSeeksCompanyWhereOthersSell(t *testing.T) {
	now := time.Now()
	l := &till{queue: make(chan *ask, tillQueue), many: make(chan struct{}, 1), left: newShelf(func() time.Time { return now })}
	if l.seeksCompany() {
		t.Error("it waits where nobody else sells")
	}
	l.left.met = now
	if !l.seeksCompany() {
		t.Error("a small round does not wait while others sell")
	}
	for range tillEnough {
		l.join(&ask{})
	}
	if l.seeksCompany() {
		t.Error("a large round waits")
	}
}
