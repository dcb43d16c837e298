package hub

import (
	"sync"
	"testing"
	"testing/synctest"
)

// TestBasket: nothing is lost between those who put in and the one who takes, and no more
// waits to be recorded than the basket and the batch that is being recorded hold.
func TestBasket(t *testing.T) {
	const size, workers, each = 20, 7, 100
	b := newBasket(size)
	var working sync.WaitGroup
	for w := range workers {
		working.Go(func() {
			for i := range each {
				if !b.put(&outcome{attempts: w*each + i}) {
					t.Error("closed too early")
				}
			}
		})
	}
	go func() { working.Wait(); b.close() }()
	seen := map[int]bool{}
	for more := true; more; {
		<-b.full
		var batch []outcome
		if batch, more = b.take(); len(batch) > size {
			t.Errorf("a batch of %d", len(batch))
		}
		for i := range batch {
			if seen[batch[i].attempts] {
				t.Errorf("%d twice", batch[i].attempts)
			}
			seen[batch[i].attempts] = true
		}
	}
	if len(seen) != workers*each {
		t.Errorf("%d came out of %d", len(seen), workers*each)
	}
}

// TestAFullBasketHoldsUp: whoever finds it full waits until it is taken or closed.
func TestAFullBasketHoldsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBasket(2)
		put, refused := 0, 0
		go func() {
			for range 10 {
				if b.put(&outcome{}) {
					put++
				} else {
					refused++
				}
			}
		}()
		synctest.Wait()
		if put != 2 {
			t.Fatalf("%d went in, 2 have room", put)
		}
		if batch, more := b.take(); len(batch) != 2 || !more {
			t.Fatalf("%d taken, more %v", len(batch), more)
		}
		synctest.Wait()
		if put != 4 {
			t.Fatalf("%d went in, 4 had room", put)
		}
		b.close()
		synctest.Wait()
		if batch, more := b.take(); put != 4 || refused != 6 || len(batch) != 2 || more {
			t.Fatalf("%d in, %d refused, %d left, more %v", put, refused, len(batch), more)
		}
	})
}

// TestAnEmptyBasketIsQuiet: what was said of a full basket is not said of the next one,
// which would be recorded half empty.
func TestAnEmptyBasketIsQuiet(t *testing.T) {
	b := newBasket(1)
	b.put(&outcome{})
	b.take()
	select {
	case <-b.full:
		t.Error("a basket that was emptied asks to be taken")
	default:
	}
	b.close()
	select {
	case <-b.full:
	default:
		t.Error("the end is not told")
	}
}
