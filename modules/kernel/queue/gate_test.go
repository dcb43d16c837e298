package queue

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

// An idle lane is asked once a second; one that was handed a job, or has just given one, at once.
func TestTheGateSparesRedisIdleQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		asked := 0
		answer := error(redis.Nil)
		ask := g.ProcessHook(func(context.Context, redis.Cmder) error { asked++; return answer })
		poll := func(lane string) error {
			key := "asynq:{" + lane + "}"
			return ask(t.Context(), redis.NewCmd(t.Context(), "evalsha", "sha", 4, key+":pending", key+":paused", key+":active", key+":lease"))
		}
		since := time.Now()
		expect := func(what string, n int, after time.Duration) {
			t.Helper()
			if took := time.Since(since); asked != n || took != after {
				t.Errorf("%s: asked %d times in %s, want %d in %s", what, asked, took, n, after)
			}
			asked, since = 0, time.Now()
		}
		for range 5 {
			if err := poll("work"); !errors.Is(err, redis.Nil) {
				t.Fatalf("an idle lane answers %v", err)
			}
		}
		expect("idle, and at first", 5, 4*gateRest)
		time.AfterFunc(gateRest/10, func() { g.open("work") })
		_ = poll("work")
		expect("handed while it is asked", 1, gateRest/10)
		g.open("work")
		answer = nil
		if err := poll("work"); err != nil {
			t.Fatal(err)
		}
		_ = poll("work")
		expect("handed before, and there may be more", 2, 0)
		answer = errors.New("away")
		_ = poll("work")
		_ = poll("work")
		expect("while Redis is away", 2, 0)
		_ = poll("other")
		expect("another lane", 1, 0)
		answer = nil
		_ = ask(t.Context(), redis.NewCmd(t.Context(), "evalsha", "sha", 4, "asynq:{work}:active", "asynq:{work}:lease", "a", "b"))
		_ = ask(t.Context(), redis.NewCmd(t.Context(), "get", "asynq:{work}:pending"))
		expect("other commands", 2, 0)
		answer = redis.Nil
		_ = poll("work")
		time.AfterFunc(gateRest/10, g.close)
		if err := poll("work"); !errors.Is(err, redis.Nil) {
			t.Errorf("when the house closes, a lane answers %v", err)
		}
		expect("closed while it is asked", 1, gateRest/10)
	})
}
