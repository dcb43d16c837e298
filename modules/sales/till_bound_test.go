package sales

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// More people come than may wait, while nothing can be written. Those beyond the
// bound are sent away at once and told when to come again, what waits takes little
// memory, and the event's waiting room hears of it.
func TestWhoIsTooManyIsSentAwayBeforeMemoryGrows(t *testing.T) {
	h := newHouse(t)
	c := h.category(1_000_000)
	ctx, giveUp := context.WithCancel(t.Context())
	tx, err := h.db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM sales.stock WHERE id = $1 FOR UPDATE`, c); err != nil {
		t.Fatal(err)
	}
	const come = 4 * tillQueue
	var away, left atomic.Int64
	before := heap()
	done := make(chan struct{})
	go func() {
		crowd(come, func(i int) {
			_, _, err := h.Order(ctx, h.purchase(fmt.Sprint(i), Line{Category: c, Qty: 1}))
			f, known := errors.AsType[*fault.Error](err)
			switch {
			case known && errors.Is(err, context.Canceled):
				left.Add(1)
			case fault.Is(err, fault.Transient) && f.RetryAfter > 0:
				away.Add(1)
			default:
				t.Errorf("%d: %v", i, err)
			}
		})
		close(done)
	}()
	const most = tillQueue + tillWorkers*tillBatch
	for end := time.Now().Add(time.Minute); away.Load() < come-most; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d were sent away, %d should be", away.Load(), come-most)
		}
	}
	if grown := heap() - before; grown > 64<<20 {
		t.Errorf("%d who wait take %d MB", most, grown>>20)
	}
	if _, crowded := h.till.meter.read(); len(crowded) != 1 || crowded[0] != h.event {
		t.Errorf("the waiting room hears of %v", crowded)
	}
	giveUp() // they leave; what they asked for may still happen, and once
	<-done
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) { // what waited is written first
		if _, _, err = h.Order(t.Context(), h.purchase("afterwards", Line{Category: c, Qty: 1})); err == nil || !fault.Is(err, fault.Transient) || time.Now().After(end) {
			break
		}
	}
	if err != nil {
		t.Errorf("when it works again: %v", err)
	}
	if got := away.Load() + left.Load(); got != come {
		t.Errorf("%d of %d had an answer", got, come)
	}
	h.Close()
	h.audit()
	h.till = newTill(h.db, h.log) // for the house's own end
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Two replicas sell one event: buyers repeat their keys at either, carts made at one
// are bought at the other, and the last tickets are sold once.
func TestTwoReplicasSellOneEvent(t *testing.T) {
	one := newHouse(t)
	two := houseOn(t, one.db)
	two.event = one.event
	houses := []*house{one, two}
	const capacity = 400
	c := one.category(capacity)
	var sold atomic.Int64
	crowd(300, func(i int) {
		line := Line{Category: c, Qty: 1 + i%3, UnitMinor: 100}
		here, there := houses[i%2], houses[1-i%2]
		var o, again Order
		var err error
		if i%3 == 0 {
			var cart Cart
			if cart, _, err = here.Hold(t.Context(), here.purchase(fmt.Sprint(i), line)); err == nil {
				if o, _, err = there.Confirm(t.Context(), cart.ID, there.purchase("", line)); err == nil {
					again, _, err = here.Confirm(t.Context(), cart.ID, here.purchase("", line))
				}
			}
		} else if o, _, err = here.Order(t.Context(), here.purchase(fmt.Sprint(i), line)); err == nil {
			again, _, err = there.Order(t.Context(), there.purchase(fmt.Sprint(i), line))
		}
		switch {
		case fault.Is(err, fault.Conflict): // sold out
		case err != nil:
			t.Errorf("%d: %v", i, err)
		case again.ID != o.ID || o.ID == id.Nil:
			t.Errorf("%d: the order %s, repeated elsewhere %s", i, o.ID, again.ID)
		default:
			sold.Add(int64(o.Qty))
		}
	})
	if got := one.number(`SELECT sold FROM sales.stock WHERE id = $1`, c); int64(got) != sold.Load() || got > capacity || got < capacity-2 {
		t.Errorf("%d of %d are sold, buyers were told of %d", got, capacity, sold.Load())
	}
	one.audit()
}
