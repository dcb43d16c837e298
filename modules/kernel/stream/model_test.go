package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
)

// Emitters with transactions of random length, some rolled back, and readers that
// crash and fail at random: each committed fact has its effect exactly once, and
// those of a key in the order of the log.
func TestModelOfEmittersAndCrashingReaders(t *testing.T) {
	for _, together := range []bool{false, true} {
		t.Run(fmt.Sprint("together ", together), func(t *testing.T) { modelOfEmittersAndReaders(t, together) })
	}
}

func modelOfEmittersAndReaders(t *testing.T, together bool) {
	t.Helper()
	h := newHouse(t)
	const seed, emitters, transactions = 11, 3, 60
	listener := Listener{Name: "all", Batch: 5, Workers: 2, Together: together, From: Beginning, Handle: moody("all", seed)}
	h.stream(listener)
	h.cfg.Attempts = 1 << 20 // moods pass
	var emitting, reading sync.WaitGroup
	for e := range emitters {
		emitting.Go(func() { h.emitAtRandom(rand.New(rand.NewPCG(seed, uint64(e))), e, transactions) })
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for r := range 2 {
		reading.Go(func() { h.crashingReader(ctx, listener, rand.New(rand.NewPCG(seed, uint64(100+r)))) })
	}
	emitting.Wait()
	facts := h.number(`SELECT count(*) FROM stream.log`)
	if facts < transactions {
		t.Fatalf("only %d facts: the test tests nothing", facts)
	}
	h.await("every fact handled", func() bool { return h.number(`SELECT count(*) FROM effect`) >= facts })
	stop()
	reading.Wait()
	if n := h.number(`SELECT count(*) FROM effect`); n != facts {
		t.Errorf("%d effects of %d facts", n, facts)
	}
	if n := h.number(`
		WITH log AS (SELECT key, (data->>'n')::int AS n, row_number() OVER (PARTITION BY key ORDER BY xid, id) AS place FROM stream.log),
		done AS (SELECT key, n, row_number() OVER (PARTITION BY key ORDER BY no) AS place FROM effect)
		SELECT count(*) FROM log FULL JOIN done USING (key, n, place) WHERE log.n IS NULL OR done.n IS NULL`); n != 0 {
		t.Errorf("%d effects are missing, double or out of order", n)
	}
}

// moody notes facts and now and then fails after it did.
func moody(listener string, seed uint64) func(context.Context, *db.Tx, []Fact) error {
	var mu sync.Mutex
	mood := rand.New(rand.NewPCG(seed, 7))
	return func(ctx context.Context, tx *db.Tx, facts []Fact) error {
		if err := note(listener)(ctx, tx, facts); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		switch mood.IntN(12) {
		case 0:
			return errors.New("not in the mood")
		case 1:
			panic("very much not in the mood")
		}
		return nil
	}
}

// emitAtRandom commits some transactions with facts of a few keys and rolls others back.
func (h *house) emitAtRandom(r *rand.Rand, emitter, transactions int) {
	for n := range transactions {
		err := h.db.InTx(h.t.Context(), func(tx *db.Tx) error {
			for i := range 1 + r.IntN(4) {
				f := noted{"odd", fmt.Sprint("key", r.IntN(5)), emitter*1_000_000 + n*10 + i}
				if err := emit(tx, f); err != nil {
					return err
				}
				if _, err := tx.Conn().Exec(h.t.Context(), `SELECT pg_sleep($1)`, r.Float64()/200); err != nil {
					return err
				}
			}
			if r.IntN(5) == 0 {
				return errRollback
			}
			return nil
		})
		if err != nil && !errors.Is(err, errRollback) {
			h.t.Error(err)
		}
	}
}

var errRollback = errors.New("changed my mind")

// crashingReader runs a Stream for a random short while, again and again.
func (h *house) crashingReader(ctx context.Context, l Listener, r *rand.Rand) {
	for ctx.Err() == nil {
		life, end := context.WithTimeout(ctx, time.Duration(20+r.IntN(200))*time.Millisecond)
		s := New(h.db, h.cfg, quiet)
		s.Listen(l)
		_ = s.Run(life) // ends by the timeout, in the middle of whatever it does
		end()
	}
}
