package pricing

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/queue"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// Names of pricing's jobs.
const (
	jobDecide = "pricing:decide" // look at the prices of an event
	jobSweep  = "pricing:sweep"  // have every event looked at, once a day
	jobTell   = "pricing:tell"   // tell followers of a new price
	jobWatch  = "pricing:watch"  // have every event's prices foretold, once an hour
	jobRise   = "pricing:rise"   // how likely prices of an event go up
	jobWarn   = "pricing:warn"   // tell followers that one does
)

const lane = "pricing"

// QueueLanes are the job lanes pricing wants.
func QueueLanes() []queue.Lane { return []queue.Lane{{Name: lane, Concurrency: 2}} }

type decidePayload struct {
	Event string `json:"event"` // as facts name it: our id, or what its shop calls it
	Ask   id.ID  `json:"ask"`
	Cause Cause  `json:"cause"`
}

type sweepPayload struct {
	Day time.Time `json:"day"`
}

type risePayload struct {
	Event id.ID `json:"event"`
}

type warnPayload struct {
	Category id.ID `json:"category"`
}

type tellPayload struct {
	Decision id.ID `json:"decision"`
}

func decideJob(event string, ask id.ID, c Cause) db.Job {
	return db.Job{Name: jobDecide, Queue: lane, Payload: decidePayload{event, ask, c}, Timeout: 2 * time.Minute, Retries: 8}
}

func tellJob(decision id.ID, at time.Time) db.Job {
	return db.Job{Name: jobTell, Queue: lane, Payload: tellPayload{decision}, RunAt: at, Timeout: time.Minute, Retries: 5}
}

func riseJob(event id.ID, at time.Time) db.Job {
	return db.Job{Name: jobRise, Queue: lane, Payload: risePayload{event}, RunAt: at, Timeout: 2 * time.Minute, Retries: 5}
}

func tellRiseJob(category id.ID, at time.Time) db.Job {
	return db.Job{Name: jobWarn, Queue: lane, Payload: warnPayload{category}, RunAt: at, Timeout: time.Minute, Retries: 5}
}

// Jobs registers pricing's handlers and the daily look at every price.
func (s *Service) Jobs(q *queue.Queue) {
	queue.On(q, jobDecide, func(ctx context.Context, p decidePayload) error {
		return s.decideNamed(ctx, p)
	})
	queue.On(q, jobSweep, func(ctx context.Context, p sweepPayload) error { return s.sweep(ctx, p.Day) })
	queue.On(q, jobTell, func(ctx context.Context, p tellPayload) error { return s.tell(ctx, p.Decision) })
	queue.On(q, jobWatch, func(ctx context.Context, _ struct{}) error { return s.watchRises(ctx) })
	queue.On(q, jobRise, func(ctx context.Context, p risePayload) error { return passOver(s.Foretell(ctx, p.Event)) })
	queue.On(q, jobWarn, func(ctx context.Context, p warnPayload) error { return s.tellRise(ctx, p.Category) })
	q.Every(riseEvery, func(time.Time) db.Job {
		return db.Job{Name: jobWatch, Queue: lane, Payload: struct{}{}, Timeout: 5 * time.Minute, Retries: 3}
	})
	q.Every(24*time.Hour, func(tick time.Time) db.Job {
		return db.Job{Name: jobSweep, Queue: lane, Payload: sweepPayload{tick}, Timeout: 5 * time.Minute, Retries: 10}
	})
}

// decideNamed decides about an event as facts name it; one that is none of ours, or
// was deleted, is passed over.
func (s *Service) decideNamed(ctx context.Context, p decidePayload) error {
	event, err := s.shop.EventNamed(ctx, p.Event)
	if err == nil {
		err = s.Decide(ctx, event, p.Ask, p.Cause)
	}
	if err == nil { // once a new price is in force
		err = s.db.InTx(ctx, func(tx *db.Tx) error { return tx.Enqueue(riseJob(event, tx.Now().Add(time.Minute))) })
	}
	return passOver(err)
}

// passOver takes what is not, or no longer, there for done.
func passOver(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// watchRises asks for a look at every event on sale with prices that may go up by themselves.
func (s *Service) watchRises(ctx context.Context) error {
	events, err := s.shop.Listings(ctx)
	if err != nil {
		return err
	}
	rules, err := s.rulesOf(ctx)
	if err != nil {
		return err
	}
	moving := map[id.ID]bool{}
	for _, r := range rules {
		moving[r.Event] = moving[r.Event] || r.Mode == policy.Auto && !r.Concession
	}
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		for _, e := range events {
			if moving[e.ID] {
				if err := tx.Enqueue(riseJob(e.ID, time.Time{})); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// sweep asks for the daily decisions of every event with a price that may move.
func (s *Service) sweep(ctx context.Context, day time.Time) error {
	rules, err := s.rulesOf(ctx)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		var last id.ID
		for _, r := range rules {
			if r.Mode == policy.Off || r.Concession || r.Event == last {
				continue
			}
			last = r.Event
			if err := tx.Enqueue(decideJob(r.Event.String(), occasion(r.Event.String(), day.UTC().Format(time.DateOnly)), Cause{Kind: causeDaily})); err != nil {
				return err
			}
		}
		return forgetTriggers(tx)
	})
}

// occasion names what asks for a decision, so that asking twice decides once.
func occasion(event, what string) id.ID {
	sum := sha256.Sum256([]byte(event + "\x00" + what))
	out := id.ID(sum[:16])
	out[6], out[8] = out[6]&0x0f|0x80, out[8]&0x3f|0x80 // UUID version 8: our own hash
	return out
}
