package queue

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// house is a database and a queue store that the Queues of a test share.
type house struct {
	t     *testing.T
	db    *db.DB
	redis asynq.RedisConnOpt
	cfg   Config

	mu   sync.Mutex
	runs map[int]int // how often each numbered job had its effect
}

// eachStore runs a test on real Redis and on the in-process store.
func eachStore(t *testing.T, test func(h *house)) {
	t.Helper()
	t.Run("redis", func(t *testing.T) {
		test(newHouse(t, asynq.RedisClientOpt{Network: "unix", Addr: dbtest.Redis(t)}))
	})
	t.Run("built-in", func(t *testing.T) {
		test(newHouse(t, asynq.RedisClientOpt{Addr: miniredis.RunT(t).Addr()}))
	})
}

func newHouse(t *testing.T, redis asynq.RedisConnOpt, opts ...dbtest.Option) *house {
	t.Helper()
	return &house{t: t, db: dbtest.New(t, opts...), redis: redis, runs: map[int]int{}, cfg: Config{
		Lanes: []Lane{{Name: "work", Concurrency: 4}},
		Poll:  50 * time.Millisecond, Pickup: 5 * time.Millisecond, RetryMin: 10 * time.Millisecond,
	}}
}

// queue makes a Queue; change adapts its config.
func (h *house) queue(change ...func(*Config)) *Queue {
	h.t.Helper()
	cfg := h.cfg
	for _, c := range change {
		c(&cfg)
	}
	q, err := New(h.db, h.redis, cfg, slog.New(slog.NewTextHandler(h.t.Output(), nil)))
	if err != nil {
		h.t.Fatal(err)
	}
	return q
}

// start runs q until stop is called or the test ends.
func (h *house) start(q *Queue) (stop func()) {
	ctx, cancel := context.WithCancel(h.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			h.t.Errorf("Run: %v", err)
		}
	})
	h.t.Cleanup(stop)
	return stop
}

type number struct{ N int }

func (h *house) enqueue(ns ...int) {
	h.t.Helper()
	jobs := make([]db.Job, len(ns))
	for i, n := range ns {
		jobs[i] = db.Job{Name: "test:count", Queue: "work", Payload: number{n}, Timeout: time.Minute, Retries: 3}
	}
	if err := h.db.InTx(h.t.Context(), func(tx *db.Tx) error { return tx.Enqueue(jobs...) }); err != nil {
		h.t.Fatal(err)
	}
}

// count is the effect of test:count.
func (h *house) count(_ context.Context, p number) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.runs[p.N]++
	return nil
}

// once waits until n jobs are done and checks that each ran exactly once.
func (h *house) once(n int) {
	h.t.Helper()
	h.await("all jobs done", func() bool { return h.rows("true") == 0 })
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.runs) != n {
		h.t.Errorf("%d of %d jobs had an effect", len(h.runs), n)
	}
	for job, times := range h.runs {
		if times != 1 {
			h.t.Errorf("job %d had its effect %d times", job, times)
		}
	}
}

// rows counts the outbox rows a condition holds for.
func (h *house) rows(where string) (n int) {
	h.t.Helper()
	if err := h.db.Pool().QueryRow(h.t.Context(), "SELECT count(*) FROM queue.outbox WHERE "+where).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

func (h *house) await(what string, done func() bool) {
	h.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			h.t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestEachJobRunsOnce(t *testing.T) {
	eachStore(t, func(h *house) {
		for range 2 { // replicas
			q := h.queue(func(c *Config) { c.Window = 7 }) // more jobs than fit at once
			On(q, "test:count", h.count)
			h.start(q)
		}
		for n := range 10 {
			h.enqueue(n*4, n*4+1, n*4+2, n*4+3)
		}
		h.once(40)
	})
}

func TestRolledBackJobDoesNotRun(t *testing.T) {
	eachStore(t, func(h *house) {
		q := h.queue()
		On(q, "test:count", h.count)
		h.start(q)
		_ = h.db.InTx(t.Context(), func(tx *db.Tx) error {
			_ = tx.Enqueue(db.Job{Name: "test:count", Queue: "work", Payload: number{1}, Timeout: time.Minute, Retries: 3})
			return errors.New("no")
		})
		h.enqueue(2)
		h.once(1)
	})
}

func TestJobThatIsTwiceInRedisRunsOnce(t *testing.T) {
	eachStore(t, func(h *house) {
		q := h.queue()
		On(q, "test:count", h.count)
		h.enqueue(1, 2, 3)
		due, _, err := q.store.lease(t.Context(), q.cfg.Lanes, 10, time.Minute)
		if err != nil || len(due) != 3 {
			t.Fatalf("leased %d: %v", len(due), err)
		}
		for _, d := range due {
			for _, name := range []string{"a", "b", "c"} {
				if err := q.enqueue(t.Context(), d, d.id.String()+name); err != nil {
					t.Fatal(err)
				}
			}
		}
		// Without the mark q would take Redis for emptied and hand once more.
		if err := q.redis.Set(t.Context(), markKey, "x", 0).Err(); err != nil {
			t.Fatal(err)
		}
		h.start(q)
		h.await("Redis is idle", func() bool {
			info, err := q.inspector.GetQueueInfo("work")
			return err == nil && info.Processed == 9
		})
		h.once(3)
	})
}

func TestPeriodicJobIsEnqueuedOncePerTick(t *testing.T) {
	at := time.Date(2026, 6, 1, 20, 0, 30, 0, time.UTC)
	clk := clock.At(at)
	h := newHouse(t, asynq.RedisClientOpt{Addr: miniredis.RunT(t).Addr()}, dbtest.WithClock(clk))
	ticks := make(chan time.Time, 10)
	replicas := []*Queue{h.queue(), h.queue(), h.queue()}
	for _, q := range replicas {
		q.Every(time.Minute, func(tick time.Time) db.Job {
			ticks <- tick
			return db.Job{Name: "test:tick", Queue: "work", Payload: tick, Timeout: time.Minute, Retries: -1}
		})
	}
	for _, want := range []int{1, 2, 2, 3} {
		var all sync.WaitGroup
		for _, q := range replicas {
			all.Go(func() { q.tick(t.Context()); q.tick(t.Context()) })
		}
		all.Wait()
		if n := h.rows("name = 'test:tick'"); n != want {
			t.Fatalf("at %s: %d jobs, want %d", clk.Now(), n, want)
		}
		clk.Advance(29*time.Second + time.Duration(want)*time.Second) // 20:01:00, 20:01:31, 20:02:02
	}
	if first := <-ticks; !first.Equal(at.Truncate(time.Minute)) {
		t.Errorf("the first tick is %s", first)
	}
}

func TestConfigReportsAllFaults(t *testing.T) {
	err := Config{Lanes: []Lane{{Name: "a{b}", Concurrency: 1}, {Name: "ok"}, {Name: "ok", Concurrency: 1}}}.Validate()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || len(f.Fields) != 3 {
		t.Errorf("got %v, want 3 faults", err)
	}
	if err := (Config{}).Validate(); !fault.Is(err, fault.Invalid) {
		t.Errorf("no lanes: %v", err)
	}
}

func TestStatsOfEveryLane(t *testing.T) {
	h := newHouse(t, asynq.RedisClientOpt{Addr: miniredis.RunT(t).Addr()})
	q := h.queue(func(c *Config) { c.Lanes = append(c.Lanes, Lane{Name: "idle", Concurrency: 1}) })
	h.enqueue(1, 2, 3, 4)
	err := h.db.InTx(t.Context(), func(tx *db.Tx) error {
		return tx.Enqueue(db.Job{Name: "x:y", Queue: "other", RunAt: tx.Now().Add(time.Hour), Timeout: time.Second, Retries: 1})
	})
	if err != nil {
		t.Fatal(err)
	}
	due, _, err := q.store.lease(t.Context(), q.cfg.Lanes, 3, time.Minute)
	if err != nil || len(due) != 3 {
		t.Fatalf("leased %d, %v", len(due), err)
	}
	for i, owner := range []id.ID{id.New(), id.New()} {
		if _, ok, err := q.store.claim(t.Context(), due[i].id, owner, time.Minute); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if i == 0 {
			if err := q.store.fail(t.Context(), due[i].id, owner, errors.New("bad \x00 \xff")); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := q.Stats(t.Context())
	if err != nil || len(got) != 3 {
		t.Fatal(got, err)
	}
	if got[2].Oldest <= 0 {
		t.Errorf("the oldest waiting job is due for %s", got[2].Oldest)
	}
	got[2].Oldest = 0
	want := []LaneStats{{Lane: "idle"}, {Lane: "other", Scheduled: 1}, {Lane: "work", Waiting: 2, Running: 1, Failed: 1}}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
}
