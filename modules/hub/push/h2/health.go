package h2

import (
	"errors"
	"time"
)

// errSilent ends a connection whose peer says nothing, not even to a PING.
var errSilent = errors.New("h2: the peer does not answer a ping")

// health watches over a connection. It counts what it sees from tick to tick and
// needs no time but the ticks'. Transport.mu guards it.
type health struct {
	ticker *time.Timer
	seen   uint64        // frames heard at the last tick
	opened uint32        // next stream at the last tick
	unused time.Duration // without a request
	asked  bool          // a PING is out because nothing was heard

	timed   *stream // whose round trip is measured
	timedAt time.Time
}

// watch looks after the connection in d. The caller holds mu.
func (c *conn) watch(d time.Duration) {
	c.ticker = time.AfterFunc(d, func() { c.tick(d) })
}

func (c *conn) unwatch() {
	if c.ticker != nil {
		c.ticker.Stop()
	}
}

// tick ends a connection that is dead or of no use, or looks again later.
func (c *conn) tick(d time.Duration) {
	t := c.pool.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.ended {
		return
	}
	heard := c.heard.Load()
	c.unused += d
	if len(c.streams) > 0 || c.nextID != c.opened {
		c.unused = 0
	}
	next := t.cfg.PingAfter
	switch {
	case c.unused >= t.cfg.IdleTimeout:
		c.end(nil)
		return
	case heard != c.seen:
		c.asked = false
	case c.asked:
		c.fail(errSilent)
		return
	default:
		c.asked = true
		c.ping()
		next = t.cfg.PingTimeout
	}
	c.seen, c.opened = heard, c.nextID
	c.watch(next)
}

// ping asks the peer for a sign of life. It says nothing of the way of a request, which
// may lead further than the peer that answers it. The caller holds mu.
func (c *conn) ping() {
	_ = c.fr.WritePing(false, [8]byte{'u', 's', 'h', 'e', 'r'})
}

// pong is the answer. The caller holds mu.
func (c *conn) pong() {
	if c.asked && c.ticker.Stop() { // else the tick is on its way
		c.asked = false
		c.watch(c.pool.t.cfg.PingAfter)
	}
}

// time measures how long st takes, unless another is being measured. The caller
// holds mu.
func (c *conn) time(st *stream) {
	if c.timed == nil {
		c.timed, c.timedAt = st, c.pool.t.cfg.Clock.Now()
	}
}

// arrived counts an answer, and ends the measurement if it is st's. The caller holds mu.
func (c *conn) arrived(st *stream) {
	c.useful = true
	c.pool.answers++
	if c.timed == st {
		c.timed = nil
		now := c.pool.t.cfg.Clock.Now()
		c.pool.measured(now.Sub(c.timedAt))
		c.pool.counted(now)
	}
}
