package hub

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// sendAll works through the recipients with many requests in flight and records
// the outcomes as they come.
func (r *run) sendAll(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	c := crew{run: r, outcomes: newBasket(min(r.s.cfg.FlushSize, len(r.recipients)))}
	c.hire(ctx)
	defer c.outcomes.release() // the crew has ended by then
	go func() { c.working.Wait(); c.outcomes.close() }()
	if err := r.collect(ctx, c.outcomes); err != nil {
		stop()
		c.outcomes.close() // let the workers end
		c.working.Wait()
		return err
	}
	if ctx.Err() != nil {
		return fault.E("hub.Deliver", fault.Transient, "the job was stopped", ctx.Err())
	}
	return nil
}

// A crew is the senders of a run. It grows while it works: how long the way to the
// service is shows only when answers come.
type crew struct {
	run      *run
	outcomes *basket
	working  sync.WaitGroup
	hired    atomic.Int64
}

// hireEvery is after how many recipients a crew looks whether it is large enough.
const hireEvery = 64

// hire makes the crew as large as the way to the service calls for. At least one of the
// crew must be at work, or none ever have been.
func (c *crew) hire(ctx context.Context) {
	wanted := int64(min(c.run.workers(), len(c.run.recipients)))
	for n := c.hired.Load(); n < wanted; n = c.hired.Load() {
		if c.hired.CompareAndSwap(n, n+1) {
			c.working.Go(func() { (&courier{crew: c}).work(ctx) })
		}
	}
}

// laneJobs is how many chunks of one push service are worked on at once.
const laneJobs = 4

// How many requests of a lane are unanswered at once. A short way is full with few: fewer
// than these leave a processor idle now and then, more only fall out of its cache and are
// repeated after a crash. A sender that does not measure its way gets enough for most ways.
const (
	shallow    = 1600
	unmeasured = 1000
)

// unanswered is how many requests of one run may be unanswered: a longer way has more of
// them under way, up to the operator's limit.
func (r *run) unanswered() int {
	depth := unmeasured
	if r.lane != nil {
		depth = r.lane.depth()
	}
	return max(min(depth, r.s.cfg.InFlight)/laneJobs, 1)
}

// workers is how many couriers they call for.
func (r *run) workers() int { return max(r.unanswered()/r.load(), 1) }
