package identity

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/queue"
)

const jobErase = "identity:erase" // forget a person, in every module

// laneIdentity is the lane of identity's jobs.
const laneIdentity = "identity"

type erasePayload struct {
	Person string `json:"person"`
}

func eraseJob(person string) db.Job {
	return db.Job{Name: jobErase, Queue: laneIdentity, Payload: erasePayload{person}, Timeout: 10 * time.Minute, Retries: 100}
}

// Jobs registers the handler.
func (p *PersonalData) Jobs(q *queue.Queue) {
	queue.On(q, jobErase, func(ctx context.Context, e erasePayload) error { return p.erase(ctx, e.Person) })
}
