package identity

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/queue"
)

const jobForget = "identity:forget" // what has had its time

// QueueLanes are the job lanes identity wants.
func QueueLanes() []queue.Lane {
	return []queue.Lane{{Name: laneIdentity, Concurrency: 1, Pace: queue.Calm}}
}

// Jobs registers identity's hourly cleaning.
func (s *Service) Jobs(q *queue.Queue) {
	queue.On(q, jobForget, func(ctx context.Context, _ struct{}) error {
		_, err := s.Purge(ctx)
		return err
	})
	q.Every(time.Hour, func(time.Time) db.Job {
		return db.Job{Name: jobForget, Queue: laneIdentity, Payload: struct{}{}, Timeout: 10 * time.Minute, Retries: 3}
	})
}
