package azure

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/queue"
)

// jobName is the queue's name of an export or import.
const jobName = "hub:azure-job"

type jobPayload struct {
	Job id.ID `json:"job"`
}

// lane is a lane of its own: an import may take hours, and nothing else must wait for it.
const lane = "azure"

// QueueLanes are the job lanes the protocol wants.
func QueueLanes() []queue.Lane { return []queue.Lane{{Name: lane, Concurrency: 1, Pace: queue.Calm}} }

// Jobs registers the handlers.
func (s *Service) Jobs(q *queue.Queue) {
	queue.On(q, jobName, func(ctx context.Context, p jobPayload) error { return s.runJob(ctx, p.Job) })
}

// jobTries is how often a job is run again after storage or database failed.
const jobTries = 10

func jobOf(job id.ID) db.Job {
	return db.Job{Name: jobName, Queue: lane, Payload: jobPayload{job}, Timeout: 6 * time.Hour, Retries: jobTries}
}
