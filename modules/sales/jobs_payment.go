package sales

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/queue"
)

const (
	jobSettle    = "sales:settle"    // money into an order
	jobClose     = "sales:close"     // a session nobody should pay any more
	jobRefund    = "sales:refund"    // money back
	jobReconcile = "sales:reconcile" // news that never came
)

// paymentJob names what a job is about.
type paymentJob struct {
	ID id.ID `json:"id"`
}

func settleJob(payment id.ID) db.Job {
	return db.Job{Name: jobSettle, Queue: laneSales, Payload: paymentJob{payment}, Timeout: time.Minute, Retries: 10}
}

func closeJob(payment id.ID) db.Job {
	return db.Job{Name: jobClose, Queue: laneSales, Payload: paymentJob{payment}, Timeout: time.Minute, Retries: 5}
}

func refundJob(refund id.ID) db.Job {
	return db.Job{Name: jobRefund, Queue: laneSales, Payload: paymentJob{refund}, Timeout: time.Minute, Retries: 10}
}

// paymentJobs settle payments and send money back.
func (s *Service) paymentJobs(q *queue.Queue) {
	queue.On(q, jobSettle, func(ctx context.Context, j paymentJob) error { return s.SettlePayment(ctx, j.ID) })
	queue.On(q, jobClose, func(ctx context.Context, j paymentJob) error { return s.ClosePayment(ctx, j.ID) })
	queue.On(q, jobRefund, func(ctx context.Context, j paymentJob) error { return s.SendRefund(ctx, j.ID) })
	queue.On(q, jobReconcile, func(ctx context.Context, _ struct{}) error { return s.Reconcile(ctx) })
	q.Every(time.Minute, func(time.Time) db.Job {
		return db.Job{Name: jobReconcile, Queue: laneSales, Payload: struct{}{}, Timeout: 10 * time.Minute, Retries: -1}
	})
}
