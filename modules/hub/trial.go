package hub

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Trial is what a test send answers: what became of each of its deliveries.
type Trial struct {
	Report     Report     `json:"report"`
	Deliveries []Delivery `json:"deliveries"`
}

// trialPatience is how long a test send waits for its outcomes.
const trialPatience = 20 * time.Second

// Try sends a draft to ten installations of its audience and waits for the
// outcomes, for a bounded time. Errors: those of Prepare.
func (s *Service) Try(ctx context.Context, d Draft, by string) (Trial, error) {
	var t Trial
	d.Test = true
	p, err := s.Prepare(ctx, d)
	if err != nil {
		return t, err
	}
	var n Notification
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		n, err = s.Send(tx, p, by)
		return err
	})
	if err != nil {
		return t, err
	}
	if t.Report, err = s.await(ctx, n.ID, trialPatience); err != nil {
		return t, err
	}
	t.Deliveries, _, err = s.Deliveries(ctx, t.Report.Notification, deliveryPlace{No: noPlace}, maxTargets)
	return t, err
}

// await returns a notification's report once it has finished or patience is over.
func (s *Service) await(ctx context.Context, notification id.ID, patience time.Duration) (Report, error) {
	end := time.NewTimer(patience)
	defer end.Stop()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		r, err := s.Report(ctx, notification)
		if err != nil || r.Finished() {
			return r, err
		}
		select {
		case <-look.C:
		case <-end.C:
			return r, nil
		case <-ctx.Done():
			return r, fault.E("hub.await", fault.Transient, "the request ended first", ctx.Err())
		}
	}
}
