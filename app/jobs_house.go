package app

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/queue"
	"github.com/usherhq/usher/modules/kernel/web"
)

// laneHouse runs the jobs that belong to no module.
const laneHouse = "house"

const jobForget = "web:forget" // answers to repeatable requests, once they are a day old

// houseJobs registers them.
func houseJobs(q *queue.Queue, d *db.DB) {
	queue.On(q, jobForget, func(ctx context.Context, _ struct{}) error {
		_, err := web.PurgeIdempotency(ctx, d)
		return err
	})
	q.Every(time.Hour, func(time.Time) db.Job {
		return db.Job{Name: jobForget, Queue: laneHouse, Payload: struct{}{}, Timeout: 10 * time.Minute, Retries: 3}
	})
}
