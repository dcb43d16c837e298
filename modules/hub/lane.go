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
	piped    push.Piped // the sender, if it is
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

// admit waits until one message may go. Errors: *closedError, or ctx's. asked is the time
// it is.
func (l *lane) admit(ctx context.Context, asked time.Time) error {
	if ok, at := l.breaker.admit(asked); !ok {
		return &closedError{at, string(l.service) + " does not answer well"}
	}
	return l.pace.wait(ctx, asked)
}

// begin sends a message off, which stays as it is until it is home. The caller has been
// admitted and has entered; the slot is free again when the message is home.
func (l *lane) begin(m *push.Message) (wait func() push.Outcome) {
	ctx := l.deadline.context() // a stopping job lets what is on the wire come home, so that it is not sent twice
	if l.piped == nil {
		return func() push.Outcome { return l.sender.Send(ctx, m) }
	}
	if wait = l.piped.Begin(ctx, m); wait != nil {
		return wait
	}
	done := make(chan push.Outcome, 1)
	go func() { done <- l.sender.Send(ctx, m) }()
	return func() push.Outcome { return <-done }
}

// home waits for what was begun and learns from the answer; answered is when the outcome
// was known. repeat says that the message failed before.
func (l *lane) home(wait func() push.Outcome, now func() time.Time, repeat bool) (o push.Outcome, answered time.Time) {
	o = wait()
	<-l.slots
	answered = now()
	l.breaker.record(answered, &o, repeat)
	if o.Verdict == push.Throttled && !o.DeviceOnly {
		l.pace.throttle(answered, o.RetryAfter)
	} else if o.Verdict == push.Delivered {
		l.pace.recover(answered)
	}
	return o, answered
}

// send sends one message and waits for its outcome. Errors: *closedError, or ctx's; it was
// not sent then.
func (l *lane) send(ctx context.Context, asked time.Time, now func() time.Time, m *push.Message, repeat bool) (o push.Outcome, answered time.Time, err error) {
	if err := l.admit(ctx, asked); err != nil {
		return o, asked, err
	}
	if err := l.enter(ctx); err != nil {
		return o, asked, err
	}
	o, answered = l.home(l.begin(m), now, repeat)
	return o, answered, nil
}

// tryEnter takes a slot if one is free, and reports whether.
func (l *lane) tryEnter() bool {
	select {
	case l.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// enter waits for a slot. Errors: ctx's.
func (l *lane) enter(ctx context.Context) error {
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
	if !p.limited() {
		return nil
	}
	return p.limiter.Wait(ctx)
}

// limited reports whether the pace holds anybody up.
func (p *pace) limited() bool { return p.limiter.Limit() != rate.Inf }

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
	fresh.piped, _ = sender.(push.Piped)
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
