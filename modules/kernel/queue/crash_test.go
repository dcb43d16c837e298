package queue

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// vanish claims every job as a process does that then dies. The jobs are gone
// from Redis' pending list.
func (h *house) vanish(lease time.Duration) {
	h.t.Helper()
	s := store{h.db}
	due, _, err := s.lease(h.t.Context(), h.cfg.Lanes, 1000, time.Minute)
	if err != nil || len(due) == 0 {
		h.t.Fatalf("leased %d: %v", len(due), err)
	}
	for _, d := range due {
		if _, ok, err := s.claim(h.t.Context(), d.id, id.New(), lease); !ok || err != nil {
			h.t.Fatal(ok, err)
		}
	}
}

func TestJobsOfACrashedWorkerRunElsewhere(t *testing.T) {
	eachStore(t, func(h *house) {
		h.enqueue(1, 2, 3)
		h.vanish(200 * time.Millisecond)
		q := h.queue()
		On(q, "test:count", h.count)
		h.start(q)
		h.once(3)
	})
}

func TestFreshQueueTakesOverAtOnce(t *testing.T) {
	eachStore(t, func(h *house) {
		h.enqueue(1, 2, 3)
		h.vanish(time.Hour)
		q := h.queue(func(c *Config) { c.Fresh = true })
		On(q, "test:count", h.count)
		h.start(q)
		h.once(3)
	})
}

func TestJobThatKillsItsProcessIsGivenUp(t *testing.T) {
	h := newHouse(t, asynq.RedisClientOpt{Addr: miniredis.RunT(t).Addr()})
	h.enqueue(1)
	s := store{h.db}
	for range 3 {
		h.vanish(-time.Second)
		if err := s.sweep(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
	}
	if h.rows("failed_at IS NOT NULL AND crashes = 3 AND runs = 3 AND failures = 0") != 1 {
		t.Error("the job was not given up after 3 crashes")
	}
}

// A worker that dies between taking the task and claiming the row leaves the task
// active in Asynq, which would notice after minutes.
func TestTaskTakenButNeverClaimedIsHandedAgain(t *testing.T) {
	eachStore(t, func(h *house) {
		gate := make(chan struct{})
		taken := make(chan struct{}, 1)
		dead := asynq.NewServer(h.redis, asynq.Config{
			Concurrency: 1, Queues: map[string]int{"work": 1}, TaskCheckInterval: time.Millisecond,
			ShutdownTimeout: time.Second, LogLevel: asynq.FatalLevel})
		if err := dead.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
			taken <- struct{}{}
			<-gate
			return nil
		})); err != nil {
			t.Fatal(err)
		}
		defer dead.Shutdown()
		defer close(gate)
		q := h.queue(func(c *Config) { c.HandLease = 200 * time.Millisecond })
		if err := q.redis.Set(t.Context(), markKey, "x", 0).Err(); err != nil {
			t.Fatal(err)
		}
		h.enqueue(1)
		if err := q.handOut(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-taken
		dead.Stop()
		On(q, "test:count", h.count)
		h.start(q)
		h.once(1)
	})
}

func TestEmptiedRedisLosesNothing(t *testing.T) {
	eachStore(t, func(h *house) {
		const n = 500
		q := h.queue(func(c *Config) { c.HandLease = time.Hour }) // nothing but the mark can tell
		gate := make(chan struct{})
		On(q, "test:count", func(ctx context.Context, p number) error {
			<-gate
			return h.count(ctx, p)
		})
		numbers := make([]int, n)
		for i := range numbers {
			numbers[i] = i
		}
		h.enqueue(numbers...)
		h.start(q)
		h.await("all handed", func() bool { return h.rows("lease_until IS NOT NULL") == n })
		h.await("work begun", func() bool { return h.rows("owner IS NOT NULL") == 4 })
		if err := q.redis.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		close(gate)
		h.once(n)
	})
}

func TestJobsWaitWhileRedisIsAway(t *testing.T) {
	m := miniredis.RunT(t)
	h := newHouse(t, asynq.RedisClientOpt{Addr: m.Addr()})
	m.SetError("LOADING away")
	q := h.queue()
	On(q, "test:count", h.count)
	h.start(q)
	h.enqueue(1, 2, 3)
	h.await("the relay noticed", func() bool { return h.rows("lease_until IS NULL") == 3 })
	m.SetError("")
	h.once(3)
}

func TestHandThatFailsIsTakenBack(t *testing.T) {
	m := miniredis.RunT(t)
	h := newHouse(t, asynq.RedisClientOpt{Addr: m.Addr()})
	q := h.queue()
	h.enqueue(1)
	m.SetError("LOADING away")
	if err := q.handOut(t.Context()); err == nil {
		t.Fatal("no error from a Redis that is away")
	}
	if h.rows("lease_until IS NULL") != 1 {
		t.Error("the job was not taken back")
	}
}

func TestStopLetsRunningJobsFinish(t *testing.T) {
	eachStore(t, func(h *house) {
		q := h.queue()
		begun, gate := make(chan struct{}), make(chan struct{})
		On(q, "test:count", func(ctx context.Context, p number) error {
			close(begun)
			<-gate
			return h.count(ctx, p)
		})
		stop := h.start(q)
		h.enqueue(1)
		<-begun
		go func() { close(gate) }()
		stop()
		if h.rows("true") != 0 {
			t.Error("Run returned before the running job was done")
		}
		h.once(1)
	})
}

func TestStopReleasesWhatDoesNotFinish(t *testing.T) {
	eachStore(t, func(h *house) {
		q := h.queue(func(c *Config) { c.ShutdownTimeout = 50 * time.Millisecond; c.RunLease = time.Hour })
		begun := make(chan struct{}, 2)
		gate := make(chan struct{})
		defer close(gate)
		On(q, "test:count", func(ctx context.Context, p number) error {
			begun <- struct{}{}
			if p.N == 1 { // deaf to its context
				<-gate
				return nil
			}
			<-ctx.Done()
			return fault.E("t", fault.Transient, "interrupted", ctx.Err())
		})
		stop := h.start(q)
		h.enqueue(1, 2)
		<-begun
		<-begun
		stop()
		if h.rows("lease_until IS NULL AND owner IS NULL AND failures = 0 AND crashes = 0") != 2 {
			t.Fatal("the jobs were not released")
		}
		other := h.queue()
		On(other, "test:count", h.count)
		h.start(other)
		h.once(2)
	})
}

func TestRunWhoseLeaseWasLostIsCancelled(t *testing.T) {
	h := newHouse(t, asynq.RedisClientOpt{Addr: miniredis.RunT(t).Addr()})
	q := h.queue(func(c *Config) { c.RunLease = 300 * time.Millisecond })
	begun, cause := make(chan struct{}, 1), make(chan error, 1)
	On(q, "test:count", func(ctx context.Context, _ number) error {
		begun <- struct{}{}
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return ctx.Err()
	})
	h.start(q)
	h.enqueue(1)
	<-begun
	if _, err := h.db.Pool().Exec(t.Context(), `UPDATE queue.outbox SET owner = $1, lease_until = now() + interval '1 hour'`, id.New()); err != nil {
		t.Fatal(err)
	}
	if err := <-cause; !errors.Is(err, errLost) {
		t.Errorf("cancelled because of %v", err)
	}
	if h.rows("failures = 0 AND owner IS NOT NULL") != 1 {
		t.Error("the loser touched the row")
	}
}

func TestHeartbeatKeepsALongJob(t *testing.T) {
	eachStore(t, func(h *house) {
		var queues []*Queue
		for range 2 {
			queues = append(queues, h.queue(func(c *Config) { c.RunLease = 300 * time.Millisecond }))
		}
		for _, q := range queues {
			On(q, "test:count", func(ctx context.Context, p number) error {
				first := h.lease()
				h.await("two heartbeats", func() bool { return h.lease().After(first.Add(150 * time.Millisecond)) })
				return h.count(ctx, p)
			})
			h.start(q)
		}
		h.enqueue(1)
		h.once(1)
	})
}

func (h *house) lease() (until time.Time) {
	_ = h.db.Pool().QueryRow(h.t.Context(), `SELECT lease_until FROM queue.outbox`).Scan(&until)
	return until
}
