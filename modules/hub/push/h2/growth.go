package h2

import (
	"cmp"
	"math"
	"runtime"
	"time"
)

// wanted is how many connections there should be while requests wait. By Little's law
// streams ÷ round trip is the most that so many streams carry; only when that is nearly
// reached does another connection carry more. Else what is waited for is a processor,
// ours or the peer's.
func (p *pool) wanted() int {
	n := len(p.conns)
	if most := p.most(); n == 0 || most > 0 && p.rate >= nearly*most && !p.trial.failed(p) {
		n++
	}
	return min(n, p.t.cfg.MaxConns)
}

// most is how many answers a second the streams that there are can carry; 0: not known.
func (p *pool) most() float64 {
	if p.trip == 0 {
		return 0
	}
	streams := 0
	for _, c := range p.conns {
		streams += c.limit
	}
	return float64(streams) / p.trip.Seconds()
}

const (
	nearly     = 0.95
	rateWindow = 200 * time.Millisecond // for each connection, answers come in bursts
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
	if !p.since.IsZero() && 0 <= d && d < rateWindow*time.Duration(max(len(p.conns), 1)) {
		return
	}
	if !p.since.IsZero() && d > 0 {
		window := float64(p.answers) / d.Seconds()
		p.rate = (window + cmp.Or(p.window, window)) / 2
		p.window = window
		p.judge(now)
	}
	p.since, p.answers = now, 0
}

// A trial is of a connection more: one that carries less than half of what each of
// the others does was waited for by nobody but the processors, and goes again.
type trial struct {
	before  float64   // the rate without it, which for one that replaces another is what the others can carry; 0: there is no trial
	sum     float64   // of the rates with it, but the first
	windows int       // still to be counted
	over    time.Time // when one failed
}

const (
	worth        = 0.5
	trialWindows = 4 // the first does not count: the new one fills slowly
	trialRest    = 10 * time.Second
)

// failed reports whether a connection more was of no use lately.
func (t *trial) failed(p *pool) bool {
	return !t.over.IsZero() && p.t.cfg.Clock.Now().Sub(t.over) < trialRest
}

// judge ends a trial when it is time.
func (p *pool) judge(now time.Time) {
	if p.trial.before == 0 {
		return
	}
	if p.trial.windows < trialWindows {
		p.trial.sum += p.window
	}
	if p.trial.windows--; p.trial.windows > 0 {
		return
	}
	with := p.trial.sum / (trialWindows - 1) // the mean: answers come in bursts
	others := len(p.conns) - 1
	if before := p.trial.before; others > 0 && with < before*(1+worth/float64(others)) {
		p.trial.over = now
		p.conns[others].leave()
	}
	p.trial.before = 0
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

// A connection is the work of one goroutine at a time at its either end. Where the way is
// short that work is what requests wait for, and connections share it.
const (
	short  = 5 * time.Millisecond
	crowd  = 100 // requests in flight that are worth sharing
	sharer = 2
)

// shared is how many connections should share what there is to send.
func (p *pool) shared() int {
	if p.trip == 0 || p.trip > short {
		return 1
	}
	return min(sharer, runtime.GOMAXPROCS(0), p.t.cfg.MaxConns)
}
