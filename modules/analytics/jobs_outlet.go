package analytics

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/queue"
)

const (
	laneOutlets = "outlets" // a receiver that hangs keeps nobody else waiting

	jobSend             = "analytics:send-webhook"
	jobForgetDeliveries = "analytics:forget-webhooks"

	deliveriesKept = 30 * 24 * time.Hour
)

type sendPayload struct {
	Delivery id.ID `json:"delivery"`
}

// sendJob is one delivery with all its attempts.
func sendJob(delivery id.ID) db.Job {
	return db.Job{Name: jobSend, Queue: laneOutlets, Payload: sendPayload{delivery}, Timeout: 2 * attemptTimeout, Retries: len(backoff) + 5}
}

// outletJobs registers the jobs of webhooks.
func (s *Service) outletJobs(q *queue.Queue) {
	queue.On(q, jobSend, func(ctx context.Context, p sendPayload) error { return s.SendDelivery(ctx, p.Delivery) })
	queue.On(q, jobForgetDeliveries, func(ctx context.Context, _ struct{}) error { return s.forgetDeliveries(ctx) })
	q.Every(time.Hour, func(time.Time) db.Job {
		return db.Job{Name: jobForgetDeliveries, Queue: laneAnalytics, Payload: struct{}{}, Timeout: 10 * time.Minute, Retries: 2}
	})
}
