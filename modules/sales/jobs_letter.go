package sales

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/queue"
)

const (
	jobMail  = "sales:mail"
	laneMail = "sales-mail" // of its own: a mail server that hangs holds up no money
)

type mailPayload struct {
	Batch id.ID `json:"batch"`
}

// mailJob sends a batch of letters; 20 tries are some days.
func mailJob(batch id.ID) db.Job {
	return db.Job{Name: jobMail, Queue: laneMail, Payload: mailPayload{batch}, Timeout: 15 * time.Minute, Retries: 20}
}

func (s *Service) letterJobs(q *queue.Queue) {
	queue.On(q, jobMail, func(ctx context.Context, p mailPayload) error { return s.SendLetters(ctx, p.Batch) })
}
