package sales

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/queue"
)

// jobWaitlist settles offers and makes new ones.
const jobWaitlist = "sales:waitlist"

// waitlistJobs serves the waiting lists once a minute; a direct sale does not
// overtake them meanwhile where the promoter chose so.
func (s *Service) waitlistJobs(q *queue.Queue) {
	queue.On(q, jobWaitlist, func(ctx context.Context, _ struct{}) error { return s.ServeWaitlists(ctx) })
	q.Every(time.Minute, func(time.Time) db.Job {
		return db.Job{Name: jobWaitlist, Queue: laneSales, Payload: struct{}{}, Timeout: 5 * time.Minute, Retries: 2}
	})
}
