package pushtest

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest/h2"
	"github.com/usherhq/usher/modules/kernel/clock"
)

// incoming is a message that passed its service's checks.
type incoming struct {
	handle  string // whole, as in push.Handle.Value
	special string // the part that Prefixes may name; "" for none
	id      string
	bearer  string
	payload []byte // valid during the request only
	dryRun  bool
}

// protocol is what differs between the services.
type protocol interface {
	// reachedAt tells the service's own origin, before the first request.
	reachedAt(origin string)
	// aside answers a request that is no message and reports whether it did.
	aside(r *h2.Request, a *h2.Answer) bool
	// check verifies a message; if it is wrong, it fills the answer and returns false.
	check(r *h2.Request, a *h2.Answer, in *incoming) bool
	accept(in *incoming, a *h2.Answer)
	// refuse gives the service's true error answer.
	refuse(a *h2.Answer, status int, reason string)
	// names of the reasons that every service has a word for.
	quotaReason() string
	downReason() string
}

// service is one simulated push service.
type service struct {
	name      push.Service
	cfg       ServiceConfig
	protocol  protocol
	server    *h2.Server
	clock     clock.Clock
	onMessage func(Receipt)
	keep      []string // headers that receipts tell of
	prefixes  map[string]*Prefix
	mode      atomic.Pointer[Mode]

	requests, accepted, declined, unanswered atomic.Int64

	mu      sync.Mutex
	tries   map[string]int    // of transient handles
	refused map[string]string // bearer last refused, by newToken handle
	minute  time.Time
	taken   int
}

// serve answers one request.
func (s *service) serve(r *h2.Request, a *h2.Answer) {
	mode := *s.mode.Load()
	if mode == Off && s.protocol.aside(r, a) {
		return
	}
	s.requests.Add(1)
	a.Delay = s.cfg.Latency
	var in incoming
	switch {
	case mode == Hang:
		a.Action = h2.Ignore
	case mode == Unavailable:
		s.protocol.refuse(a, 503, s.protocol.downReason())
	case !s.protocol.check(r, a, &in):
	case s.overQuota():
		s.protocol.refuse(a, 429, s.protocol.quotaReason())
		s.retryAfter(a)
	default:
		s.answer(&in, a)
	}
	s.record(&in, a, s.kept(r))
}

// kept are the headers that a receipt tells of; nil when nobody asked.
func (s *service) kept(r *h2.Request) map[string]string {
	if len(s.keep) == 0 {
		return nil
	}
	header := map[string]string{}
	for _, name := range s.keep {
		if value := r.Get(name); value != "" {
			header[name] = value
		}
	}
	return header
}

// answer gives the handle the answer it asks for.
func (s *service) answer(in *incoming, a *h2.Answer) {
	p := s.prefixes[in.special]
	if p == nil || p.kind == plain && p.Verdict == push.Delivered {
		s.protocol.accept(in, a)
		return
	}
	switch p.kind {
	case slow:
		a.Delay += Slow
		s.protocol.accept(in, a)
	case huge:
		s.protocol.accept(in, a)
		a.Body = make([]byte, 1<<20)
	case reset:
		a.Action = h2.Reset
	case eof:
		a.Action = h2.CloseConn
	case html:
		a.Status = p.Status
		a.Fields = append(a.Fields, h2.Field{Name: "content-type", Value: "text/html"})
		a.Body = []byte("<html><body><h1>Bad Gateway</h1></body></html>")
	case transient, thisOnly, newToken:
		if s.settled(p, in) {
			s.protocol.accept(in, a)
		} else {
			s.refuse(p, a)
		}
	default:
		s.refuse(p, a)
	}
}

func (s *service) refuse(p *Prefix, a *h2.Answer) {
	status, reason := p.Status, p.Reason
	if p.kind == newToken {
		status, reason = 403, "ExpiredProviderToken"
	}
	if v, ok := s.protocol.(interface{ refuseField(*h2.Answer, int, string) }); ok && p.kind == violation {
		v.refuseField(a, status, reason)
		return
	}
	s.protocol.refuse(a, status, reason)
	if s.name != push.APNs && p.kind == plain {
		s.retryAfter(a)
	}
}

// settled reports whether a handle that is refused at first is now accepted.
func (s *service) settled(p *Prefix, in *incoming) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch p.kind {
	case thisOnly:
		return in.dryRun
	case newToken:
		last, seen := s.refused[in.handle]
		if seen && last != in.bearer {
			delete(s.refused, in.handle)
			return true
		}
		s.refused[in.handle] = in.bearer
		return false
	}
	if s.tries[in.handle] == transientTries {
		delete(s.tries, in.handle)
		return true
	}
	s.tries[in.handle]++
	return false
}

func (s *service) overQuota() bool {
	if s.cfg.PerMinute == 0 {
		return false
	}
	now := s.clock.Now().Truncate(time.Minute)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !now.Equal(s.minute) {
		s.minute, s.taken = now, 0
	}
	s.taken++
	return s.taken > s.cfg.PerMinute
}

func (s *service) retryAfter(a *h2.Answer) {
	if a.Status == 429 || a.Status == 503 {
		a.Fields = append(a.Fields, h2.Field{Name: "retry-after", Value: strconv.Itoa(int(RetryAfter / time.Second))})
	}
}

// record counts the request and reports it.
func (s *service) record(in *incoming, a *h2.Answer, header map[string]string) {
	switch {
	case a.Action != h2.Respond:
		s.unanswered.Add(1)
		return
	case a.Status/100 == 2:
		s.accepted.Add(1)
	default:
		s.declined.Add(1)
	}
	if s.onMessage != nil {
		s.onMessage(Receipt{
			Service: s.name, Handle: in.handle, ID: in.id, Status: a.Status, Header: header,
			Payload: append([]byte(nil), in.payload...), At: s.clock.Now(),
		})
	}
}
