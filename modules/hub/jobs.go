package hub

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/queue"
)

// Names of the hub's jobs.
const (
	jobDeliver  = "hub:deliver"  // send what a chunk owes
	jobRelease  = "hub:release"  // split a scheduled notification whose time has come
	jobMaintain = "hub:maintain" // partitions, retention, lapsed installations
)

type deliverPayload struct {
	Chunk int64 `json:"chunk"`
}

type releasePayload struct {
	Notification id.ID `json:"notification"`
}

// QueueLanes are the job lanes the hub wants: one a push service, so that one
// that hangs holds only its own workers.
func QueueLanes() []queue.Lane {
	lanes := []queue.Lane{{Name: "hub", Concurrency: 2, Pace: queue.Urgent}}
	for _, s := range push.Services {
		lanes = append(lanes, queue.Lane{Name: queueOf(s), Concurrency: laneJobs, Pace: queue.Urgent})
	}
	return lanes
}

// queueOf is the lane of a service's chunks. What cannot be delivered is only recorded.
func queueOf(s push.Service) string {
	if !delivers(s) {
		return "hub"
	}
	return "push-" + string(s)
}

// Jobs registers the hub's handlers and its hourly maintenance.
func (s *Service) Jobs(q *queue.Queue) {
	queue.On(q, jobDeliver, func(ctx context.Context, p deliverPayload) error { return s.Deliver(ctx, p.Chunk) })
	queue.On(q, jobRelease, func(ctx context.Context, p releasePayload) error { return s.release(ctx, p.Notification) })
	queue.On(q, jobMaintain, func(ctx context.Context, _ struct{}) error { return s.Maintain(ctx) })
	q.Every(time.Hour, func(time.Time) db.Job {
		return db.Job{Name: jobMaintain, Queue: "hub", Payload: struct{}{}, Timeout: 10 * time.Minute, Retries: 2}
	})
}

func deliverJob(service push.Service, chunk int64, at time.Time) db.Job {
	return db.Job{
		Name: jobDeliver, Queue: queueOf(service), Payload: deliverPayload{chunk}, RunAt: at,
		Timeout: 15 * time.Minute, Retries: 100,
	}
}

func releaseJob(n id.ID, at time.Time) db.Job {
	return db.Job{Name: jobRelease, Queue: "hub", Payload: releasePayload{n}, RunAt: at, Timeout: 5 * time.Minute, Retries: 50}
}
