package hub

import "sync"

// Spares keep the long slices of ended runs for those that follow. New ones would cost
// their zeroing, and a page fault for every 4 KiB after each round of the collector.
type spares[T any] struct{ slices sync.Pool }

// take returns an empty slice with room for n.
func (s *spares[T]) take(n int) []T {
	if kept, ok := s.slices.Get().(*[]T); ok && cap(*kept) >= n {
		return (*kept)[:0]
	}
	return make([]T, 0, n)
}

// put takes a slice back that nobody looks at any more; what it points to is let go.
func (s *spares[T]) put(used []T) {
	if cap(used) == 0 {
		return
	}
	clear(used)
	s.slices.Put(&used)
}

var (
	rosters spares[recipient] // a run's recipients
	harvest spares[outcome]   // what a basket holds
)
