package sales

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/queue"
)

// jobCheck compares what is counted with what there is.
const jobCheck = "sales:check"

// checkJobs checks the books once an hour.
func (s *Service) checkJobs(q *queue.Queue) {
	queue.On(q, jobCheck, func(ctx context.Context, _ struct{}) error { return s.checkBooks(ctx) })
	q.Every(time.Hour, func(time.Time) db.Job {
		return db.Job{Name: jobCheck, Queue: laneSales, Payload: struct{}{}, Timeout: 15 * time.Minute, Retries: 2}
	})
}
