package h2

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
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
	// rate is how many answers came a second in the last two windows, and window in the last.
	rate    float64
	window  float64
	answers int       // since
	since   time.Time // zero: nothing is counted yet
	trial   trial     // of the connection made last
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
			if len(c.streams) >= crowd && len(p.conns) < p.shared() {
				p.dialOne()
			}
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

// free is a connection with a stream to spare: of those that share a short way the one
// with less to do, else the first, so that the later ones become idle when it suffices.
func (p *pool) free() *conn {
	shared := p.shared()
	var best *conn
	for i, c := range p.conns {
		if c.hasRoom() && (best == nil || i < shared && len(c.streams) < len(best.streams)) {
			best = c
		}
		if best != nil && i+1 >= shared {
			break
		}
	}
	return best
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
	if len(p.conns) < p.wanted() {
		p.dialOne()
	}
}

// dialOne dials, unless it is being done or has just failed.
func (p *pool) dialOne() {
	if p.dialing || p.t.closed && p.t.flying == 0 || p.resting && len(p.conns) > 0 {
		return
	}
	p.dialing = true
	p.t.running.Go(p.dial)
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
		before := min(p.rate, p.most())
		p.conns = append(p.conns, c)
		if len(p.conns) > p.shared() {
			p.trial = trial{before: before, windows: trialWindows}
		}
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
