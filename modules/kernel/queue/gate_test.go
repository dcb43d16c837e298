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
		g := &gate{}
		asked := 0
		answer := error(redis.Nil)
		ask := g.ProcessHook(func(context.Context, redis.Cmder) error { asked++; return answer })
		poll := func(lane string) error {
			key := "asynq:{" + lane + "}"
			return ask(t.Context(), redis.NewCmd(t.Context(), "evalsha", "sha", 4, key+":pending", key+":paused", key+":active", key+":lease"))
		}
		expect := func(what string, n int) {
			t.Helper()
			if asked != n {
				t.Errorf("%s: asked %d times, want %d", what, asked, n)
			}
			asked = 0
		}
		for range 50 {
			if err := poll("work"); !errors.Is(err, redis.Nil) {
				t.Fatalf("an idle lane answers %v", err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		expect("idle", 1)
		time.Sleep(gateRest)
		_ = poll("work")
		expect("after a second", 1)
		g.open("work")
		answer = nil
		if err := poll("work"); err != nil {
			t.Fatal(err)
		}
		_ = poll("work")
		expect("handed, and there may be more", 2)
		answer = errors.New("away")
		_ = poll("work")
		_ = poll("work")
		expect("while Redis is away", 2)
		_ = poll("other")
		expect("another lane", 1)
		answer = nil
		_ = ask(t.Context(), redis.NewCmd(t.Context(), "evalsha", "sha", 4, "asynq:{work}:active", "asynq:{work}:lease", "a", "b"))
		_ = ask(t.Context(), redis.NewCmd(t.Context(), "get", "asynq:{work}:pending"))
		expect("other commands", 2)
	})
}
