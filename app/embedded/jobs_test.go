package embedded

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// ConnOpt is what Asynq asks for.
var _ asynq.RedisConnOpt = ConnOpt{}

func startQueue(t *testing.T) (*Queue, *redis.Client) {
	t.Helper()
	q, err := StartQueue()
	if err != nil {
		t.Fatal(err)
	}
	client := q.ConnOpt().MakeRedisClient().(*redis.Client)
	t.Cleanup(func() { _ = client.Close(); q.Close() })
	return q, client
}

// serve runs an Asynq server on the queue whose handler is h.
func serve(t *testing.T, q *Queue, h asynq.HandlerFunc) {
	t.Helper()
	s := asynq.NewServer(q.ConnOpt(), asynq.Config{
		Concurrency:              4,
		LogLevel:                 asynq.FatalLevel,
		TaskCheckInterval:        50 * time.Millisecond,
		DelayedTaskCheckInterval: 50 * time.Millisecond,
		RetryDelayFunc:           func(int, error, *asynq.Task) time.Duration { return 50 * time.Millisecond },
		ShutdownTimeout:          5 * time.Second,
	})
	if err := s.Start(h); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
}

func newClient(t *testing.T, q *Queue) *asynq.Client {
	t.Helper()
	c := asynq.NewClient(q.ConnOpt())
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func TestQueueRunsTasks(t *testing.T) {
	q, _ := startQueue(t)
	const n = 200
	ran := make(chan string, n)
	serve(t, q, func(_ context.Context, task *asynq.Task) error {
		ran <- string(task.Payload())
		return nil
	})
	client := newClient(t, q)
	for i := range n {
		if _, err := client.Enqueue(asynq.NewTask("test:run", fmt.Append(nil, i))); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	for range n {
		seen[receive(t, ran)]++
	}
	if len(seen) != n {
		t.Errorf("%d different tasks ran, want %d", len(seen), n)
	}
}

func TestQueueRetries(t *testing.T) {
	q, _ := startQueue(t)
	var runs atomic.Int64
	done := make(chan int64, 1)
	serve(t, q, func(context.Context, *asynq.Task) error {
		if n := runs.Add(1); n < 3 {
			return errors.New("not yet")
		}
		done <- runs.Load()
		return nil
	})
	if _, err := newClient(t, q).Enqueue(asynq.NewTask("test:retry", nil), asynq.MaxRetry(5)); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, done); got != 3 {
		t.Errorf("it took %d runs, want 3", got)
	}
}

func TestQueueSchedules(t *testing.T) {
	q, _ := startQueue(t)
	due := time.Now().Add(2 * time.Second)
	ran := make(chan time.Time, 1)
	serve(t, q, func(context.Context, *asynq.Task) error { ran <- time.Now(); return nil })
	info, err := newClient(t, q).Enqueue(asynq.NewTask("test:later", nil), asynq.ProcessAt(due))
	if err != nil {
		t.Fatal(err)
	}
	if info.State != asynq.TaskStateScheduled {
		t.Errorf("the task is %v, want scheduled", info.State)
	}
	if at := receive(t, ran); at.Before(due.Truncate(time.Second)) { // Asynq counts in seconds
		t.Errorf("it ran at %v, before %v", at, due)
	}
}

// A unique task holds a lock with a TTL: it must keep others out, and end.
func TestQueueUniqueLockEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, _ := startQueue(t)
		client := newClient(t, q)
		enqueue := func() error {
			_, err := client.Enqueue(asynq.NewTask("test:unique", nil), asynq.Unique(time.Second))
			return err
		}
		if err := enqueue(); err != nil {
			t.Fatal(err)
		}
		if err := enqueue(); !errors.Is(err, asynq.ErrDuplicateTask) {
			t.Errorf("the second is %v, want a duplicate", err)
		}
		time.Sleep(time.Second + ttlTick)
		synctest.Wait()
		if err := enqueue(); err != nil {
			t.Errorf("the lock did not end: %v", err)
		}
	})
}

func TestQueueTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := startQueue(t)
		if err := client.Set(t.Context(), "k", "v", time.Second).Err(); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			wait time.Duration
			want int64
		}{{time.Second - ttlTick, 1}, {2 * ttlTick, 0}} {
			time.Sleep(step.wait)
			synctest.Wait()
			if got := client.Exists(t.Context(), "k").Val(); got != step.want {
				t.Errorf("after %v more: %d keys, want %d", step.wait, got, step.want)
			}
		}
	})
}

// The first answers of a pipeline come while the rest is still being written.
func TestQueueLongPipeline(t *testing.T) {
	_, client := startQueue(t)
	const n = 5000
	value := strings.Repeat("x", 100)
	p := client.Pipeline()
	var last *redis.StringCmd
	for i := range n {
		p.Set(t.Context(), fmt.Sprint("k", i), value, 0)
		last = p.Get(t.Context(), fmt.Sprint("k", i))
	}
	done := make(chan error, 1)
	go func() { _, err := p.Exec(context.Background()); done <- err }()
	if err := receive(t, done); err != nil {
		t.Fatal(err)
	}
	if got := last.Val(); got != value {
		t.Errorf("the last answer is %q", got)
	}
}

func TestClosedQueueRefuses(t *testing.T) {
	q, client := startQueue(t)
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	q.Close()
	q.Close()
	if err := client.Get(t.Context(), "k").Err(); err == nil || errors.Is(err, redis.Nil) {
		t.Errorf("a closed store answers: %v", err)
	}
	fresh := q.ConnOpt().MakeRedisClient().(*redis.Client)
	defer fresh.Close()
	if err := fresh.Ping(t.Context()).Err(); err == nil {
		t.Error("a closed store accepts connections")
	}
}
