package stream

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/usherhq/usher/modules/kernel/db"
)

// A listener that takes partitions together handles a flood of keys in few transactions;
// a fact that fails is parked alone, and the others of the batch have their effect once.
func TestPartitionsTogether(t *testing.T) {
	h := newHouse(t)
	var calls, most atomic.Int64
	s := h.stream(Listener{Name: "all", Batch: 320, Together: true, Handle: func(ctx context.Context, tx *db.Tx, facts []Fact) error {
		calls.Add(1)
		most.Store(max(most.Load(), int64(len(facts))))
		for _, f := range facts {
			if f.Key == "key 7" {
				return errors.New("seven is bad")
			}
		}
		return note("all")(ctx, tx, facts)
	}})
	h.cfg.Attempts = 2
	s = h.stream(s.readers[0].Listener)
	if err := h.db.InTx(t.Context(), func(tx *db.Tx) error {
		for i := range 160 {
			if err := emit(tx, noted{"odd", fmt.Sprint("key ", i%40), i}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	h.start(s)
	h.await("all but the bad ones", func() bool { return h.number(`SELECT count(*) FROM effect`) == 156 })
	h.await("the bad ones to be parked", func() bool { return h.number(`SELECT count(*) FROM stream.parked`) == 4 })
	if most.Load() < 100 {
		t.Errorf("no call had more than %d facts of 160", most.Load())
	}
	if n := h.number(`SELECT count(*) FROM (SELECT n, lag(n) OVER (PARTITION BY key ORDER BY no) AS former FROM effect) w WHERE former > n`); n != 0 {
		t.Errorf("%d effects are out of order", n)
	}
	before := calls.Load()
	for i := range 32 {
		h.emit(noted{"odd", fmt.Sprint("good ", i), i})
	}
	h.await("what came later", func() bool { return h.number(`SELECT count(*) FROM effect`) == 188 })
	if n := calls.Load() - before; n > 32 {
		t.Errorf("%d calls for 32 facts", n)
	}
}
