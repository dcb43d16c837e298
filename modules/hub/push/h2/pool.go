package h2

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"math"
	"net"
	"slices"
	"time"
)

// pool is the way to one host: its connections, and the line of requests that
// wait for a stream. Everything in it is guarded by Transport.mu.
type pool struct {
	t       *Transport
	address string
	conns   []*conn   // that take requests
	leaving []*conn   // that only end the ones they have
	waiting []*stream // first come, first served
	dialing bool
	resting bool // the last dial failed: no other for a while, if there is any connection
	// trip is the round trip of an unloaded request: how long the quickest answers
	// take, from its frames' being written to its end.
	trip time.Duration
	// rate is how many answers came a second, lately.
	rate    float64
	answers int       // since
	since   time.Time // zero: nothing is counted yet
}

// maxTries is how often a request is sent whose peers refuse it unseen.
const maxTries = 10

// rest is how long a failed dial keeps the pool from growing.
const rest = time.Second

// submit gives the request a stream, or a place in the line.
func (p *pool) submit(st *stream) {
	st.pool = p
	if len(p.waiting) == 0 {
		if c := p.free(); c != nil {
			c.open(st)
			return
		}
	}
	p.waiting = append(p.waiting, st)
	p.grow()
}

// repeat puts requests that were not looked at to the front of the line, in
// their order; one that was refused too often ends with the cause.
func (p *pool) repeat(unseen []*stream, cause error) {
	line := make([]*stream, 0, len(unseen)+len(p.waiting))
	for _, st := range unseen {
		st.conn = nil
		if st.tries++; st.tries >= maxTries {
			st.finish(fmt.Errorf("h2: refused %d times: %w", st.tries, cause))
			continue
		}
		line = append(line, st)
	}
	p.waiting = append(line, p.waiting...)
	p.admit()
}

// free is the first connection with a stream to spare: the later ones become idle
// when the first suffice.
func (p *pool) free() *conn {
	for _, c := range p.conns {
		if c.hasRoom() {
			return c
		}
	}
	return nil
}

// admit opens streams for those that wait, as far as there is room.
func (p *pool) admit() {
	for len(p.waiting) > 0 {
		c := p.free()
		if c == nil {
			p.grow()
			return
		}
		st := p.waiting[0]
		p.waiting[0] = nil
		p.waiting = p.waiting[1:]
		c.open(st)
	}
	p.waiting = nil
}

// grow dials, one connection at a time, if requests wait and more connections
// would carry more.
func (p *pool) grow() {
	if p.dialing || p.t.closed && p.t.flying == 0 || len(p.conns) >= p.wanted() || p.resting && len(p.conns) > 0 {
		return
	}
	p.dialing = true
	p.t.running.Go(p.dial)
}

// wanted is how many connections there should be while requests wait. By Little's law
// streams ÷ round trip is the most that so many streams carry; only when that is nearly
// reached does another connection carry more. Else what is waited for is a processor,
// ours or the peer's.
func (p *pool) wanted() int {
	streams := 0
	for _, c := range p.conns {
		streams += c.limit
	}
	n := len(p.conns)
	if n == 0 || streams > 0 && p.trip > 0 && p.rate >= nearly*float64(streams)/p.trip.Seconds() {
		n++
	}
	return min(n, p.t.cfg.MaxConns)
}

const (
	nearly     = 0.8
	rateWindow = 200 * time.Millisecond
)

// Depth is how many requests should be in flight so that the way to the host is full
// and there is room to become faster: twice those that are. 0: nothing is known yet.
func (t *Transport) Depth() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	depth := 0.0
	for _, p := range t.pools {
		depth = max(depth, 2*p.rate*p.trip.Seconds())
	}
	return int(math.Ceil(min(depth, float64(t.cfg.MaxConns*t.cfg.MaxStreams))))
}

// counted brings the rate up to date.
func (p *pool) counted(now time.Time) {
	d := now.Sub(p.since)
	if !p.since.IsZero() && 0 <= d && d < rateWindow {
		return
	}
	if !p.since.IsZero() && d > 0 {
		p.rate = float64(p.answers) / d.Seconds()
	}
	p.since, p.answers = now, 0
}

// measured takes a sample of the round trip: the least counts, and rises slowly
// when the way has become longer.
func (p *pool) measured(d time.Duration) {
	switch {
	case d <= 0: // the clock was set back, or stands still
	case p.trip == 0 || d < p.trip:
		p.trip = d
	default:
		p.trip += (d - p.trip) / 64
	}
}

// dial makes one connection for all that wait; no single request's end cancels it.
func (p *pool) dial() {
	ctx, cancel := context.WithTimeout(p.t.dialing, p.t.cfg.DialTimeout)
	defer cancel()
	c, err := p.connect(ctx)
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	p.dialing = false
	if err != nil {
		p.unreachable(err)
		return
	}
	if p.t.closed && p.t.flying == 0 { // nobody waits for it any more
		c.end(nil)
	}
	if !c.ended { // it may have, since its settings
		p.conns = append(p.conns, c)
	}
	p.admit()
	p.forget()
}

// connect returns a connection whose peer has sent its settings, so that its
// limits hold from the first request.
func (p *pool) connect(ctx context.Context) (*conn, error) {
	nc, err := p.handshake(ctx)
	if err != nil {
		return nil, err
	}
	c := newConn(p, nc)
	state := nc.ConnectionState()
	c.tls = &state
	c.start()
	select {
	case <-c.settled:
		return c, nil
	case <-c.gone:
		return nil, fmt.Errorf("h2: %s closed the connection at once: %w", p.address, cmp.Or(c.err, c.away))
	case <-ctx.Done():
		p.t.mu.Lock()
		defer p.t.mu.Unlock()
		c.fail(ctx.Err())
		return nil, fmt.Errorf("h2: %s does not say its settings: %w", p.address, ctx.Err())
	}
}

func (p *pool) handshake(ctx context.Context) (*tls.Conn, error) {
	raw, err := p.t.cfg.Dial(ctx, "tcp", p.address)
	if err != nil {
		return nil, err
	}
	cfg := p.t.cfg.TLS
	if cfg.ServerName == "" {
		cfg = cfg.Clone()
		cfg.ServerName, _, _ = net.SplitHostPort(p.address)
	}
	nc := tls.Client(raw, cfg)
	if err := nc.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, err
	}
	if nc.ConnectionState().NegotiatedProtocol != "h2" {
		_ = nc.Close()
		return nil, ErrNoHTTP2
	}
	return nc, nil
}

// unreachable ends what waits, unless other connections will carry it.
func (p *pool) unreachable(err error) {
	if len(p.conns) > 0 {
		p.resting = true
		time.AfterFunc(rest, func() {
			p.t.mu.Lock()
			defer p.t.mu.Unlock()
			p.resting = false
			p.admit()
		})
		return
	}
	for _, st := range p.waiting {
		st.finish(err)
	}
	p.waiting = nil
	p.forget()
}

// remove takes a connection out that has ended.
func (p *pool) remove(c *conn) {
	same := func(x *conn) bool { return x == c }
	p.conns = slices.DeleteFunc(p.conns, same)
	p.leaving = slices.DeleteFunc(p.leaving, same)
	p.admit()
	p.forget()
}

// retreat keeps further requests off a connection; those in the line go elsewhere.
func (p *pool) retreat(c *conn) {
	if i := slices.Index(p.conns, c); i >= 0 {
		p.conns = slices.Delete(p.conns, i, i+1)
		p.leaving = append(p.leaving, c)
	}
	if len(p.waiting) > 0 {
		p.grow()
	}
}

// leave takes a request out of the line.
func (p *pool) leave(st *stream) {
	p.waiting = slices.DeleteFunc(p.waiting, func(x *stream) bool { return x == st })
}

func (p *pool) closeIdle() {
	for _, c := range slices.Concat(p.conns, p.leaving) {
		if len(c.streams) == 0 {
			c.end(nil)
		}
	}
}

// forget drops a pool that holds nothing: hosts are strangers' choice.
func (p *pool) forget() {
	if len(p.conns)+len(p.leaving)+len(p.waiting) == 0 && !p.dialing {
		delete(p.t.pools, p.address)
	}
}
