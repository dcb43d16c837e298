package queue

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

func TestOutcomeOfAnError(t *testing.T) {
	boom := func() error { panic("boom") }
	cases := map[string]struct {
		fail    func() error
		runs    int32 // in all, when each fails
		message string
	}{
		"transient is repeated": {func() error { return fault.E("t", fault.Transient, "busy", nil) }, 4, "t: transient: busy"},
		"foreign is repeated":   {func() error { return errors.New("odd") }, 4, "odd"},
		"invalid is not":        {func() error { return fault.E("t", fault.Invalid, "never", nil) }, 1, "t: invalid: never"},
		"panic is repeated":     {boom, 4, "queue.Run: internal: panic: boom"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			eachStore(t, func(h *house) {
				q := h.queue()
				var runs atomic.Int32
				On(q, "test:count", func(context.Context, number) error { runs.Add(1); return c.fail() })
				h.start(q)
				h.enqueue(1)
				h.await("given up", func() bool { return h.rows("failed_at IS NOT NULL") == 1 })
				failed, err := q.Failed(t.Context(), Page{})
				if err != nil || len(failed) != 1 {
					t.Fatal(failed, err)
				}
				if f := failed[0]; runs.Load() != c.runs || f.Failures != int(c.runs) || f.Error != c.message {
					t.Errorf("%d runs, %+v; want %d runs, %q", runs.Load(), f, c.runs, c.message)
				}
			})
		})
	}
}

func TestRequeuedJobStartsAfresh(t *testing.T) {
	eachStore(t, func(h *house) {
		q := h.queue()
		var healed atomic.Bool
		On(q, "test:count", func(ctx context.Context, p number) error {
			if !healed.Load() {
				return fault.E("t", fault.Invalid, "never", nil)
			}
			return h.count(ctx, p)
		})
		h.start(q)
		h.enqueue(1, 2)
		h.await("given up", func() bool { return h.rows("failed_at IS NOT NULL") == 2 })
		newest, err := q.Failed(t.Context(), Page{Limit: 1})
		if err != nil || len(newest) != 1 {
			t.Fatal(newest, err)
		}
		older, err := q.Failed(t.Context(), Page{Before: newest[0].ID})
		if err != nil || len(older) != 1 || older[0].ID == newest[0].ID {
			t.Fatal(older, err)
		}
		healed.Store(true)
		for _, f := range append(newest, older...) {
			if err := q.Requeue(t.Context(), f.ID); err != nil {
				t.Fatal(err)
			}
		}
		h.once(2)
		if err := q.Requeue(t.Context(), id.New()); !fault.Is(err, fault.NotFound) {
			t.Errorf("an unknown job: %v", err)
		}
	})
}

func TestRetryWaitsAsLongAsTheFaultAsks(t *testing.T) {
	clk := clock.At(time.Date(2026, 6, 1, 20, 0, 0, 0, time.UTC))
	h := newHouse(t, asynq.RedisClientOpt{Addr: miniredis.RunT(t).Addr()}, dbtest.WithClock(clk))
	q := h.queue()
	var runs atomic.Int32
	On(q, "test:count", func(ctx context.Context, p number) error {
		if runs.Add(1) == 1 {
			return fault.E("t", fault.Limited, "slow down", nil).After(time.Hour)
		}
		return h.count(ctx, p)
	})
	h.start(q)
	h.enqueue(1)
	h.await("put back", func() bool { return h.rows("failures = 1 AND run_at = '2026-06-01 21:00:00Z'") == 1 })
	clk.Advance(59 * time.Minute)
	h.enqueue(2) // passes through the relay, so the relay has looked
	h.await("the other job done", func() bool { return h.rows("true") == 1 })
	if n := runs.Load(); n != 2 {
		t.Fatalf("%d runs before the hour is over, want 2", n)
	}
	clk.Advance(time.Minute)
	h.once(2)
}

func TestDelayGrowsAndIsBounded(t *testing.T) {
	q := &Queue{cfg: Config{RetryMin: time.Second, RetryMax: time.Minute}}
	for failures, limit := range map[int]time.Duration{0: time.Second, 1: 2 * time.Second, 5: 32 * time.Second, 6: time.Minute, 500: time.Minute} {
		for range 100 {
			if d := q.delay(failures, errors.New("x")); d < limit/2 || d > limit {
				t.Fatalf("after %d failures: %s, want %s to %s", failures, d, limit/2, limit)
			}
		}
	}
}
