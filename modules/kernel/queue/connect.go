package queue

import (
	"context"
	"time"

	"github.com/hibiken/asynq"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// ConnOpt makes connections to the queue's store: a Redis that ParseURL names, or
// the built-in one.
type ConnOpt = asynq.RedisConnOpt

// ParseURL reads a Redis URL: redis, rediss, redis-socket or redis-sentinel.
// Errors: fault.Invalid.
func ParseURL(url string) (ConnOpt, error) {
	opt, err := asynq.ParseRedisURI(url)
	if err != nil {
		return nil, fault.E("queue.ParseURL", fault.Invalid, "redis.url cannot be read", err).WithFix("such as redis://127.0.0.1:6379/0")
	}
	return opt, nil
}

// Ping checks that the store answers within two seconds. Errors: fault.Transient.
func (q *Queue) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := q.redis.Ping(ctx).Err(); err != nil {
		return fault.E("queue.Ping", fault.Transient, "the queue's store does not answer", err)
	}
	return nil
}
