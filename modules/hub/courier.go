package hub

import (
	"context"
	"sync"
)

// A courier is one of a crew. Over a Piped sender it has several messages under way, and
// begins another for each that comes home, the oldest first: with one at a time it would
// be put to sleep and woken up for each.
type courier struct {
	*crew
	under    *[fullLoad]attempt // a ring
	first, n int                // the oldest of those under way, and how many there are
}

// fullLoad is how many messages a courier has under way at most.
const fullLoad = 8

// load is how many it has under way now. A lane that keeps a pace has one each: a courier
// that waits for the pace would not see what comes home meanwhile.
func (r *run) load() int {
	if r.lane == nil || r.lane.piped == nil || r.lane.pace.limited() {
		return 1
	}
	return fullLoad
}

// work sends to one recipient after the other. What is on the wire when it must stop comes
// home as well.
func (c *courier) work(ctx context.Context) {
	c.under = rings.Get().(*[fullLoad]attempt)
	for c.next(ctx) {
	}
	for c.n > 0 {
		c.land(ctx)
	}
	for i := range c.under {
		c.under[i] = attempt{payload: c.under[i].payload[:0]}
	}
	rings.Put(c.under)
}

// rings are those of couriers at rest.
var rings = sync.Pool{New: func() any { return new([fullLoad]attempt) }}

// next begins the next recipient's attempt, and reports whether to go on.
func (c *courier) next(ctx context.Context) bool {
	r := c.run
	for c.n >= r.load() {
		c.land(ctx)
	}
	if ctx.Err() != nil || r.halt.Load() != nil {
		return false
	}
	i := int(r.next.Add(1)) - 1
	if i >= len(r.recipients) {
		return false
	}
	if i%hireEvery == hireEvery-1 {
		c.hire(ctx)
	}
	a := &c.under[(c.first+c.n)%fullLoad]
	if r.prepare(a, &r.recipients[i], r.now()) {
		return c.outcomes.put(&a.outcome)
	}
	if err := c.begin(ctx, a); err != nil {
		return c.gather(a, err)
	}
	c.n++
	return true
}

// begin sends a prepared attempt off. It waits for a slot of the lane only when it holds
// none: those it would wait for could be its own. Errors: *closedError, or ctx's.
func (c *courier) begin(ctx context.Context, a *attempt) error {
	lane := c.run.lane
	if err := lane.admit(ctx, a.outcome.at); err != nil {
		return err
	}
	for !lane.tryEnter() {
		if c.n > 0 {
			c.land(ctx)
		} else if err := lane.enter(ctx); err != nil {
			return err
		} else {
			break
		}
	}
	a.wait = lane.begin(&a.message)
	return nil
}

// land waits for the oldest attempt under way.
func (c *courier) land(ctx context.Context) {
	a := &c.under[c.first]
	c.first, c.n = (c.first+1)%fullLoad, c.n-1
	c.gather(a, c.run.end(ctx, a))
}

// gather puts an attempt's outcome into the basket, or ends the run where there is none,
// and reports whether to go on.
func (c *courier) gather(a *attempt, err error) bool {
	r, o := c.run, &a.outcome
	if closed, ok := closedUntil(err); ok {
		r.halt.CompareAndSwap(nil, closed)
	}
	if err != nil {
		return false
	}
	if o.reason == "cancelled" && o.state == "" {
		r.halt.CompareAndSwap(nil, &closedError{r.now(), "the sender was closed"})
		return false // it may or may not have gone out: its turn comes again
	}
	return c.outcomes.put(o)
}
