package hub

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// A lane is the way to one push service for one app: its sender, its breaker and
// its pace. Lanes share nothing, so a service that is down holds up only itself.
type lane struct {
	app      string
	service  push.Service
	sender   push.Sender
	version  int64
	breaker  breaker
	pace     *pace
	slots    chan struct{} // bounds the unanswered requests
	deadline *deadline
}

// closedError says that a lane admits nothing before comeBack: its breaker is open,
// the service asked for a rest, or the credential is paused.
type closedError struct {
	comeBack time.Time
	reason   string
}

func (e *closedError) Error() string { return "the lane is closed: " + e.reason }

// send admits one message, sends it and learns from the answer. The error is a
// *closedError, or ctx's; the message was not sent then. repeat says that it failed
// before.
// asked is the time it is, answered when the outcome was known.
func (l *lane) send(ctx context.Context, asked time.Time, now func() time.Time, m *push.Message, repeat bool) (o push.Outcome, answered time.Time, err error) {
	if ok, at := l.breaker.admit(asked); !ok {
		return o, asked, &closedError{at, string(l.service) + " does not answer well"}
	}
	if err := l.pace.wait(ctx, asked); err != nil {
		return o, asked, err
	}
	if err := l.enter(ctx); err != nil {
		return o, asked, err
	}
	// A stopping job lets what is on the wire come home, so that it is not sent twice.
	o = l.sender.Send(l.deadline.context(), m)
	<-l.slots
	answered = now()
	l.learn(answered, o, repeat)
	return o, answered, nil
}

// enter waits for a slot.
func (l *lane) enter(ctx context.Context) error {
	select {
	case l.slots <- struct{}{}: // nearly always, and at a third of the cost of what follows
		return nil
	default:
	}
	select {
	case l.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// depth is how many messages should be on the way to the service at once.
func (l *lane) depth() int {
	if d, ok := l.sender.(push.Deep); ok {
		if n := d.Depth(); n > 0 {
			return max(n, shallow)
		}
	}
	return unmeasured
}

func (l *lane) learn(now time.Time, o push.Outcome, repeat bool) {
	l.breaker.record(now, &o, repeat)
	if o.Verdict == push.Throttled && !o.DeviceOnly {
		l.pace.throttle(now, o.RetryAfter)
	} else if o.Verdict == push.Delivered {
		l.pace.recover(now)
	}
}

// pace keeps an app under a push service's quota: a token bucket of the
// promoter's figure, halved whenever the service says "too many" and raised again
// step by step.
type pace struct {
	limiter *rate.Limiter
	wanted  rate.Limit

	mu      sync.Mutex
	rest    time.Time // nothing goes out before
	changed time.Time
}

const (
	paceFloor = rate.Limit(10) // messages a second, however often we are throttled
	paceStep  = 5 * time.Second
	paceStart = rate.Limit(10_000) // assumed when throttled without a figure
)

// newPace makes a pace of perSecond messages; 0 means unlimited.
func newPace(perSecond int) *pace {
	wanted := rate.Inf
	if perSecond > 0 {
		wanted = rate.Limit(perSecond)
	}
	return &pace{limiter: rate.NewLimiter(wanted, max(perSecond/20, 1)), wanted: wanted}
}

// wait blocks until the pace lets one message pass. Errors: *closedError during a
// rest, ctx's.
func (p *pace) wait(ctx context.Context, now time.Time) error {
	p.mu.Lock()
	rest := p.rest
	p.mu.Unlock()
	if now.Before(rest) {
		return &closedError{rest, "the service asked to wait"}
	}
	if p.limiter.Limit() == rate.Inf {
		return nil
	}
	return p.limiter.Wait(ctx)
}

func (p *pace) throttle(now time.Time, after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := now.Add(max(after, time.Second)); until.After(p.rest) {
		p.rest = until
	}
	if now.Sub(p.changed) < time.Second {
		return // one burst of refusals halves the pace once
	}
	limit := p.limiter.Limit()
	if limit == rate.Inf {
		limit = paceStart
	}
	p.set(now, max(limit/2, paceFloor))
}

// recover raises a halved pace by a tenth every few seconds without refusals.
func (p *pace) recover(now time.Time) {
	if p.limiter.Limit() >= p.wanted {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.changed) >= paceStep {
		next := p.limiter.Limit() * 1.1
		if p.wanted == rate.Inf && next > 4*paceStart {
			next = rate.Inf
		}
		p.set(now, min(next, p.wanted))
	}
}

func (p *pace) set(now time.Time, limit rate.Limit) {
	p.changed = now
	p.limiter.SetLimit(limit)
	p.limiter.SetBurst(max(int(min(limit, 1e6)/20), 1))
}

// lanes makes and keeps lanes, one per app and service.
type lanes struct {
	cfg   Config
	maker SenderMaker
	log   *slog.Logger

	mu sync.Mutex
	by map[laneKey]*lane
}

type laneKey struct {
	app     string
	service push.Service
}

func newLanes(cfg Config, maker SenderMaker, log *slog.Logger) *lanes {
	return &lanes{cfg: cfg, maker: maker, log: log, by: map[laneKey]*lane{}}
}

// lane gives the way to a service for an app, made anew when the credential
// changed. Errors: *closedError while the credential is paused or missing.
func (s *Service) lane(ctx context.Context, app string, service push.Service) (*lane, error) {
	version, perSecond, paused, err := s.credentialVersion(ctx, app, service)
	if fault.Is(err, fault.NotFound) {
		return nil, &closedError{s.db.Now().Add(time.Minute), "no credential for " + string(service)}
	}
	if err != nil {
		return nil, err
	}
	if paused {
		return nil, &closedError{s.db.Now().Add(time.Minute), "the credential is paused"}
	}
	s.lanes.mu.Lock()
	defer s.lanes.mu.Unlock()
	key := laneKey{app, service}
	old := s.lanes.by[key]
	if old != nil && old.version == version {
		return old, nil
	}
	cred, err := s.openCredential(ctx, app, service)
	if err != nil {
		return nil, err
	}
	sender, err := s.lanes.maker(ctx, service, cred.Secret, s.cfg.Services)
	if err != nil {
		return nil, err
	}
	fresh := &lane{
		app: app, service: service, sender: sender, version: version, pace: newPace(perSecond),
		slots: make(chan struct{}, s.cfg.InFlight), deadline: newDeadline(s.cfg.SendTimeout),
	}
	s.lanes.by[key] = fresh
	if old != nil {
		go old.drain()
	}
	return fresh, nil
}

// drain closes a replaced lane once its last request came home.
func (l *lane) drain() {
	for range cap(l.slots) {
		l.slots <- struct{}{}
	}
	_ = l.sender.Close()
}

func (l *lanes) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ln := range l.by {
		_ = ln.sender.Close()
	}
}

// LaneState is a lane as people see it.
type LaneState struct {
	App     string       `json:"app"`
	Service push.Service `json:"service"`
	Breaker string       `json:"breaker"` // "closed" or "open"
	Probe   *time.Time   `json:"probe,omitempty"`
	Pace    float64      `json:"pace,omitempty"` // messages a second; 0: unlimited
	Flying  int          `json:"in_flight"`
}

// Lanes lists the state of every lane this process has opened.
func (s *Service) Lanes() []LaneState {
	s.lanes.mu.Lock()
	defer s.lanes.mu.Unlock()
	out := make([]LaneState, 0, len(s.lanes.by))
	for _, l := range s.lanes.by {
		st := LaneState{App: l.app, Service: l.service, Flying: len(l.slots)}
		if limit := l.pace.limiter.Limit(); limit != rate.Inf {
			st.Pace = float64(limit)
		}
		if word, at := l.breaker.state(); word == "open" {
			st.Breaker, st.Probe = word, &at
		} else {
			st.Breaker = word
		}
		out = append(out, st)
	}
	return out
}

// closedUntil unwraps a *closedError.
func closedUntil(err error) (*closedError, bool) {
	return errors.AsType[*closedError](err)
}
