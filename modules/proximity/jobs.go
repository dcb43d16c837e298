package proximity

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/queue"
)

// Names of proximity's jobs.
const (
	jobPush    = "proximity:push"    // hand vouchers to the hub
	jobExpire  = "proximity:expire"  // end vouchers, give their worth back
	jobSweep   = "proximity:sweep"   // notice who has left
	jobQueues  = "proximity:queues"  // estimate the queues, once a minute
	jobPublish = "proximity:publish" // make the pictures of the bins that have settled
	jobLearn   = "proximity:learn"   // what became of choices, and what follows from it
	jobRetain  = "proximity:retain"  // forget what has had its time
)

const (
	lane     = "proximity"
	lanePush = "vouchers" // a lane of its own: nothing slow stands before a voucher of five minutes
)

type pushPayload struct {
	Vouchers []id.ID `json:"vouchers"`
}

// QueueLanes are the job lanes proximity wants.
func QueueLanes() []queue.Lane {
	return []queue.Lane{{Name: lane, Concurrency: 3}, {Name: lanePush, Concurrency: 4}}
}

// Jobs registers the handlers and what runs by the clock, once over all replicas.
func (s *Service) Jobs(q *queue.Queue) {
	queue.On(q, jobPush, func(ctx context.Context, p pushPayload) error { return s.pushVouchers(ctx, p.Vouchers) })
	periodic := func(name string, every time.Duration, run func(ctx context.Context) error) {
		queue.On(q, name, func(ctx context.Context, _ struct{}) error { return run(ctx) })
		q.Every(every, func(time.Time) db.Job {
			return db.Job{Name: name, Queue: lane, Payload: struct{}{}, Timeout: max(every, time.Minute), Retries: -1}
		})
	}
	periodic(jobSweep, 5*time.Second, func(ctx context.Context) error { _, err := s.Sweep(ctx); return err })
	periodic(jobQueues, time.Minute, s.EstimateQueues)
	periodic(jobPublish, time.Minute, s.Publish)
	periodic(jobLearn, time.Minute, s.Learn)
	periodic(jobRetain, time.Hour, s.Retain)
	periodic(jobExpire, 10*time.Second, func(ctx context.Context) error { _, err := s.Expire(ctx); return err })
}

// pushJob repeats as long as a voucher is worth it; one that has expired is left out.
func pushJob(vouchers []id.ID, now time.Time) db.Job {
	return db.Job{Name: jobPush, Queue: lanePush, Payload: pushPayload{vouchers}, RunAt: now, Timeout: time.Minute, Retries: 20}
}

// pushVouchers hands vouchers to the hub: each once, with its remaining validity as the
// time the push service may keep it. A phone that the hub does not know gets none; its
// voucher is found under "my vouchers", or expires.
func (s *Service) pushVouchers(ctx context.Context, ids []id.ID) error {
	all, err := s.unpushed(ctx, ids)
	if err != nil || len(all) == 0 {
		return err
	}
	sends := map[id.ID]func(tx *db.Tx) error{}
	claim := make([]id.ID, len(all))
	for i, v := range all {
		claim[i] = v.ID
		send, err := s.push.Personal(ctx, v.app, v.installation, "voucher", v.properties(), v.ValidUntil)
		if err != nil && fault.Retryable(err) {
			return err
		}
		if err != nil {
			s.log.Warn("a voucher cannot be pushed", "voucher", v.ID, "error", err)
			continue
		}
		sends[v.ID] = send
	}
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		mine, err := markPushed(tx, claim)
		if err != nil {
			return err
		}
		for _, v := range all {
			if send := sends[v.ID]; send != nil && mine[v.ID] {
				if err := send(tx); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// properties are what the hub's template "voucher" may use.
func (v *Voucher) properties() map[string]any {
	return map[string]any{
		"title": v.Title, "body": v.text, "code": v.Code, "stall": v.Stall, "grant": v.Grant.words(),
		"valid_until": v.ValidUntil.Format(time.RFC3339), "event": v.Event, "voucher": v.ID.String(),
	}
}
