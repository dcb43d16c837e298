package db

import "runtime"

// Gather makes the batch of a group commit: it adds what waits in a queue, up to limit, and what
// the goroutines that could run by now bring, for callers who have just been answered come again
// one by one. It waits for nobody.
func Gather[T any](batch []T, queue <-chan T, limit int) []T {
	for before := 0; before < len(batch) && len(batch) < limit; {
		before = len(batch)
		runtime.Gosched()
		batch = take(batch, queue, limit)
	}
	return batch
}

// take adds what waits in a queue to a batch, up to limit.
func take[T any](batch []T, queue <-chan T, limit int) []T {
	for len(batch) < limit {
		select {
		case x, open := <-queue:
			if !open {
				return batch
			}
			batch = append(batch, x)
		default:
			return batch
		}
	}
	return batch
}
