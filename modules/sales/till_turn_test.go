package sales

import (
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
