package stream

import (
	"context"
	"log/slog"
	"testing"

	"github.com/usherhq/usher/modules/kernel/db"
)

var quiet = slog.New(slog.DiscardHandler)

// Two processes share the partitions; one ends in the middle of a batch.
func TestProcessesShareThePartitions(t *testing.T) {
	h := newHouse(t)
	middle := make(chan struct{})
	dying := h.stream(Listener{Name: "all", Batch: 10, Handle: func(ctx context.Context, tx *db.Tx, facts []Fact) error {
		if err := note("all")(ctx, tx, facts); err != nil {
			return err
		}
		select {
		case middle <- struct{}{}:
		default:
		}
		<-ctx.Done() // nothing of this may stay
		return nil
	}})
	for n := range 200 {
		h.emit(noted{"odd", string(rune('a' + n%20)), n})
	}
	kill := h.start(dying)
	<-middle
	h.start(h.stream(Listener{Name: "all", Batch: 10, Workers: 2, Handle: note("all")}))
	h.await("the other partitions are handled meanwhile", func() bool { return h.number(`SELECT count(*) FROM effect`) > 0 })
	kill()
	h.effects("all", 200)
	if n := h.number(`SELECT count(*) FROM (SELECT DISTINCT key, n FROM effect) w`); n != 200 {
		t.Errorf("%d of 200 facts had an effect", n)
	}
	if n := h.number(`SELECT count(*) FROM effect`); n != 200 {
		t.Errorf("200 facts had %d effects", n)
	}
	if n := h.number(`SELECT count(*) FROM (SELECT n, lag(n) OVER (PARTITION BY key ORDER BY no) AS former FROM effect) w WHERE former > n`); n != 0 {
		t.Errorf("%d effects are out of order", n)
	}
}
