package proximity

import (
	"context"
	"errors"
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
	return []queue.Lane{{Name: lane, Concurrency: 3}, {Name: lanePush, Concurrency: 4, Pace: queue.Urgent}}
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
// time the push service may keep it. Those of one offer that end together are one
// notification, in which each phone finds its own code. A phone that the hub does not know
// gets none; its voucher is found under "my vouchers", or expires.
func (s *Service) pushVouchers(ctx context.Context, ids []id.ID) error {
	all, err := s.unpushed(ctx, ids)
	if err != nil || len(all) == 0 {
		return err
	}
	sends := make([]func(tx *db.Tx) error, 0, 1)
	for _, l := range lettersOf(all) {
		send, err := s.push.Personal(ctx, l.app, "voucher", l.shared, l.own, l.until)
		if err != nil && fault.Retryable(err) {
			return err
		}
		if err != nil {
			s.log.Warn("vouchers cannot be pushed", "offer", l.offer, "vouchers", len(l.own), "error", err)
			continue
		}
		sends = append(sends, send)
	}
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		claimed, err := markPushed(tx, all)
		if err != nil {
			return err
		}
		if claimed < len(all) {
			return errTaken
		}
		for _, send := range sends {
			if err := send(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, errTaken) {
		return s.pushVouchers(ctx, ids) // what is left, if anything
	}
	return err
}

// errTaken says that another run, a till or the clock came first for some of the vouchers.
var errTaken = errors.New("some vouchers were taken meanwhile")

// letters are vouchers that go out as one notification.
type letters struct {
	app    string
	offer  id.ID
	until  time.Time
	shared map[string]any            // what the hub's template "voucher" may use
	own    map[string]map[string]any // by installation
}

// lettersOf groups vouchers by app, offer and end. A second voucher of a phone among
// them, which only a changed limit could bring, is a letter of its own.
func lettersOf(all []Voucher) (out []*letters) {
	type key struct {
		app   string
		offer id.ID
		until int64
		nth   int
	}
	by := map[key]*letters{}
	for i := range all {
		v := &all[i]
		k := key{v.app, v.Offer, v.ValidUntil.UnixMicro(), 0}
		for by[k] != nil && by[k].own[v.installation] != nil {
			k.nth++
		}
		l := by[k]
		if l == nil {
			l = &letters{app: v.app, offer: v.Offer, until: v.ValidUntil, shared: v.shared(), own: map[string]map[string]any{}}
			by[k], out = l, append(out, l)
		}
		l.own[v.installation] = map[string]any{"code": v.Code, "voucher": v.ID.String()}
	}
	return out
}

// shared are the properties that vouchers of an offer have in common.
func (v *Voucher) shared() map[string]any {
	return map[string]any{
		"title": v.Title, "body": v.text, "stall": v.Stall, "grant": v.Grant.words(),
		"valid_until": v.ValidUntil.Format(time.RFC3339), "event": v.Event,
	}
}
