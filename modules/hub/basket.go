package hub

import "sync"

// A basket gathers the outcomes of a run until they are recorded. It holds only so many:
// whoever puts into a full one waits, so that a slow database slows down the sending. A
// channel would wake its reader for each of them.
type basket struct {
	size int
	full chan struct{} // holds a token when there is something to take at once: a full basket, or the end

	mu     sync.Mutex
	room   sync.Cond
	filled []outcome
	spare  []outcome
	closed bool
}

func newBasket(size int) *basket {
	b := &basket{size: size, full: make(chan struct{}, 1)}
	b.room.L = &b.mu
	return b
}

// put copies an outcome in, and reports whether the basket was open.
func (b *basket) put(o *outcome) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.filled) >= b.size && !b.closed {
		b.room.Wait()
	}
	if b.closed {
		return false
	}
	if b.filled == nil {
		b.filled = harvest.take(b.size)
	}
	b.filled = append(b.filled, *o)
	if len(b.filled) == b.size {
		b.notify()
	}
	return true
}

// take empties the basket. What it returned before is used again. more is false when
// nothing will come any more.
func (b *basket) take() (outcomes []outcome, more bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	outcomes = b.filled
	b.filled, b.spare = b.spare[:0], outcomes
	if !b.closed {
		select {
		case <-b.full: // it spoke of what is taken now
		default:
		}
	}
	b.room.Broadcast()
	return outcomes, !b.closed
}

// peek calls look with what is in the basket.
func (b *basket) peek(look func([]outcome)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	look(b.filled)
}

// close lets nothing in any more; what is in it can still be taken.
func (b *basket) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.room.Broadcast()
	b.notify()
}

// release gives up what it holds, also what take returned. Nobody may use it any more.
func (b *basket) release() {
	harvest.put(b.filled)
	harvest.put(b.spare)
	b.filled, b.spare = nil, nil
}

func (b *basket) notify() {
	select {
	case b.full <- struct{}{}:
	default:
	}
}
