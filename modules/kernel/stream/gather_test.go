package stream

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
)

// On a busy stream a listener that has caught up waits for facts to gather, and misses none.
func TestFactsGatherForAListenerThatHasCaughtUp(t *testing.T) {
	h := newHouse(t)
	var hasty atomic.Int64
	listener := func(name string, pause time.Duration) Listener {
		var ended time.Time // of the batch before; a partition's batches come one after the other
		return Listener{Name: name, Gather: pause, Handle: func(ctx context.Context, tx *db.Tx, facts []Fact) error {
			if time.Since(ended) < max(pause, gather) {
				hasty.Add(1)
			}
			defer func() { ended = time.Now() }()
			return note(name)(ctx, tx, facts)
		}}
	}
	h.start(h.stream(listener("all", 0), listener("patient", 5*gather)))
	const writers, each = 8, 25
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				h.emit(noted{"odd", "k", w*each + i})
			}
		})
	}
	all.Wait()
	h.await("every fact", func() bool { return h.number(`SELECT count(*) FROM effect`) == 2*writers*each })
	if hasty.Load() > 0 {
		t.Errorf("%d batches did not wait", hasty.Load())
	}
}

// A listener that has nothing to listen for passes over what is announced meanwhile, unread.
func TestAnIdleListenerPassesOverFacts(t *testing.T) {
	h := newHouse(t)
	var wants atomic.Bool
	h.start(h.stream(Listener{Name: "all", Handle: note("all"), Idle: func(context.Context, *db.Tx) (bool, error) { return !wants.Load(), nil }},
		Listener{Name: "other", Handle: note("other")}))
	h.emit(noted{"odd", "k", 1})
	h.expect("other", 1)
	h.await("the idle cursor to move on", func() bool {
		return h.number(`SELECT count(*) FROM stream.log l JOIN stream.cursor c ON c.listener = 'all' AND c.partition = l.partition AND c.xid > l.xid`) == 1
	})
	wants.Store(true)
	h.emit(noted{"odd", "k", 2})
	h.expect("all", 2)
}
