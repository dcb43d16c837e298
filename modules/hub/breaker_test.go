package hub

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
)

var (
	success = &push.Outcome{Verdict: push.Delivered}
	failure = &push.Outcome{Verdict: push.Retry}
)

func TestBreaker(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var b breaker
	for range 19 {
		b.record(now, failure, false)
	}
	if ok, _ := b.admit(now); !ok {
		t.Fatal("19 failures must not open it yet")
	}
	b.record(now, failure, false)
	ok, at := b.admit(now)
	if ok || !at.After(now) {
		t.Fatal("20 failures must open it")
	}
	admitted := 0
	for range 100 {
		if ok, _ := b.admit(at); ok {
			admitted++
		}
	}
	if admitted != breakerProbes {
		t.Fatalf("%d probes, want %d", admitted, breakerProbes)
	}
	b.record(at, failure, false)
	if ok, later := b.admit(at); ok || later.Sub(at) < 2*breakerFirst {
		t.Fatalf("a failed probe must double the pause, got %s", later.Sub(at))
	}
	_, later := b.admit(at)
	if ok, _ := b.admit(later); !ok {
		t.Fatal("it must probe again")
	}
	b.record(later, success, false)
	if ok, _ := b.admit(later); !ok {
		t.Fatal("a good answer must close it")
	}
}

// Probes that never come back (their run was stopped) must not close the lane for ever.
func TestBreakerLostProbes(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var b breaker
	for range breakerMin {
		b.record(now, failure, false)
	}
	_, at := b.admit(now)
	for range breakerProbes {
		b.admit(at)
	}
	if ok, _ := b.admit(at.Add(breakerPatience)); !ok {
		t.Fatal("after its patience the breaker must probe anew")
	}
}

// The last few phones of a send fail again and again; the service is well.
func TestBreakerIgnoresRepeats(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var b breaker
	for range 200 {
		b.record(now, failure, true)
	}
	if ok, _ := b.admit(now); !ok {
		t.Fatal("repeats must not open it")
	}
}

func TestBreakerForgetsOldFailures(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var b breaker
	for i := range 1000 {
		answer := success
		if i%3 == 0 {
			answer = failure
		}
		b.record(now, answer, false)
	}
	if word, _ := b.state(); word != "closed" {
		t.Fatal("a third of failures must not open it")
	}
}

// Sixteen connections are lost at once, each with a hundred messages that come in any
// order: sixteen failures. Messages without a connection to blame count one by one.
func TestBreakerCountsALostConnectionOnce(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var b breaker
	lost := make([]error, 16)
	for i := range lost {
		lost[i] = errors.New("cut")
	}
	for range len(lost) + 1 {
		b.record(now, success, false)
	}
	for i := range 1600 {
		b.record(now, &push.Outcome{Verdict: push.Retry, Lost: lost[i*7%16]}, false)
	}
	if ok, _ := b.admit(now); !ok || b.failed != 16 {
		t.Fatalf("%d failures of 16 lost connections, admitted: %v", b.failed, ok)
	}
	b.record(now, failure, false)
	if ok, _ := b.admit(now); ok {
		t.Fatal("one more failure than good answers must open it")
	}
}

// A connection is cut with all that is under way on it: the rest goes on at once. A
// service that is away or hangs is still told apart from that.
func TestALostConnectionDoesNotCloseTheLane(t *testing.T) {
	for _, service := range push.Services {
		t.Run(string(service), func(t *testing.T) {
			const flying = 60
			s := newStretch(t, service, pushtest.ServiceConfig{Latency: 100 * time.Millisecond, CutEvery: flying})
			s.send(1)
			s.send(flying - 1) // the last of them cuts the connection
			before := s.delivered
			if s.send(flying - 1); s.delivered-before != flying-1 || s.held != 0 {
				t.Fatalf("after the cut %d messages delivered, %d held back; want %d, 0", s.delivered-before, s.held, flying-1)
			}
			s.services.Outage(service, pushtest.Reset)
			for range 5 {
				s.send(flying)
			}
			if s.held == 0 {
				t.Error("a service that takes no connection must open the breaker")
			}
		})
	}
}

func TestAServiceThatHangsClosesTheLane(t *testing.T) {
	s := newStretch(t, push.APNs, pushtest.ServiceConfig{})
	s.send(1)
	s.deadline = newDeadline(10 * time.Millisecond)
	s.services.Outage(push.APNs, pushtest.Hang)
	s.send(breakerMin + 1)
	if s.send(1); s.held == 0 {
		t.Error("a service that hangs must open the breaker")
	}
}

// stretch is a lane to a simulated service, on a clock that stands still.
type stretch struct {
	*lane
	t        *testing.T
	services *pushtest.Services

	mu              sync.Mutex
	delivered, held int
}

func newStretch(t *testing.T, service push.Service, cfg pushtest.ServiceConfig) *stretch {
	t.Helper()
	services, err := pushtest.Start(pushtest.Config{APNs: cfg, FCM: cfg, WebPush: cfg})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = services.Close() })
	secret, err := json.Marshal(map[push.Service]NewCredential{
		push.APNs:    APNsCredential{KeyPEM: string(services.APNsKeyPEM()), KeyID: services.APNsKeyID(), TeamID: services.APNsTeamID(), Topic: services.APNsTopic()},
		push.FCM:     FCMCredential{ServiceAccount: services.ServiceAccountJSON()},
		push.WebPush: WebPushCredential{VAPIDPrivateKey: services.VAPIDPrivateKey(), Subject: "mailto:test@usher.example"},
	}[service])
	if err != nil {
		t.Fatal(err)
	}
	sender, err := NewSender(t.Context(), service, secret, Services{
		APNsEndpoint: services.APNsURL(), FCMEndpoint: services.FCMURL(), WebPushHosts: []string{services.WebPushHost()},
		Connections: 1, Roots: services.RootCAs(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sender.Close() })
	return &stretch{t: t, services: services, lane: &lane{
		service: service, sender: sender, pace: newPace(0), slots: make(chan struct{}, 1000), deadline: newDeadline(10 * time.Second),
	}}
}

// send sends n messages at once, and counts what became of them.
func (s *stretch) send(n int) {
	var wg sync.WaitGroup
	for i := range n {
		h := s.services.Handle(s.service, i, "")
		m := &push.Message{ID: deliveryID(1, int64(i)), Payload: []byte(`{"aps":{"alert":"x"}}`),
			Handle: push.Handle{Kind: h.Kind, Value: h.Value, P256dh: h.P256dh, Auth: h.Auth}}
		wg.Go(func() {
			o, _, err := s.lane.send(context.Background(), rigStart, func() time.Time { return rigStart }, m, false)
			s.mu.Lock()
			defer s.mu.Unlock()
			if _, closed := closedUntil(err); closed {
				s.held++
			} else if o.Verdict == push.Delivered {
				s.delivered++
			}
		})
	}
	wg.Wait()
}

// What a connection took along goes out again at once, and again if the next one, cut at the same time,
// takes it along too; who is taken along always waits.
func TestAMessageOfALostConnectionIsSentAgainAtOnce(t *testing.T) {
	r := newRig(t)
	unlucky := r.phone(push.APNs, 0, "")
	losses := map[string]int{}
	for i := range 30 {
		losses[r.phone(push.APNs, i+1, "").Handle] = 1 + i%2
	}
	maker := r.lanes.maker
	r.lanes.maker = func(ctx context.Context, service push.Service, secret []byte, cfg Services) (push.Sender, error) {
		sender, err := maker(ctx, service, secret, cfg)
		return &lossy{Sender: sender, lost: errors.New("cut"), unlucky: unlucky.Handle, losses: losses, tries: map[string]int{}}, err
	}
	n := r.send(hello)
	r.work()
	if rep := r.report(n.ID); rep.Outcomes[stateDelivered] != 30 || rep.Retried != 30 || rep.Waiting != 1 || rep.Requests != 15*2+15*3+1+lossesAtOnce {
		t.Errorf("%d delivered, %d of them not at the first attempt, %d wait, %d requests; want 30, 30, 1, and 79", rep.Outcomes[stateDelivered], rep.Retried, rep.Waiting, rep.Requests)
	}
}

// lossy is a sender whose connections take messages along, those of the unlucky always.
type lossy struct {
	push.Sender
	lost    error
	unlucky string
	losses  map[string]int // of each other handle's

	mu    sync.Mutex
	tries map[string]int // by handle
}

func (s *lossy) Send(ctx context.Context, m *push.Message) push.Outcome {
	s.mu.Lock()
	s.tries[m.Handle.Value]++
	lost := s.tries[m.Handle.Value] <= s.losses[m.Handle.Value]
	s.mu.Unlock()
	if lost || m.Handle.Value == s.unlucky {
		return push.Outcome{Verdict: push.Retry, Reason: "unreachable", Lost: s.lost}
	}
	return s.Sender.Send(ctx, m)
}
