package conformance

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
)

// maxTries is how often the suite, like the hub, sends what must be repeated.
const maxTries = 10

// contexts: a message whose context ends is to be repeated, and says why.
func (s suite) contexts(t *testing.T) {
	services, sender := s.start(t, pushtest.Config{})
	m := Message(services.Handle(s.service, 1, ""))

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	wantRetry(t, sender.Send(ended, m), "cancelled")
	if got := services.Stats(s.service).Requests; got != 0 {
		t.Errorf("a cancelled message was sent %d times", got)
	}

	s.deliver(t, sender, m) // connects and fetches what else it needs
	services.Outage(s.service, pushtest.Hang)
	late, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	wantRetry(t, sender.Send(late, m), "timeout")

	services.Outage(s.service, pushtest.Off)
	if o := send(t, sender, m); o.Verdict != push.Delivered {
		t.Fatalf("after the outage: %+v", o)
	}
	services.Outage(s.service, pushtest.Hang)
	ctx, cancel := context.WithCancel(t.Context())
	before := services.Stats(s.service).Requests
	outcome := make(chan push.Outcome)
	go func() { outcome <- sender.Send(ctx, m) }()
	for services.Stats(s.service).Requests == before {
		time.Sleep(time.Millisecond) // the service has no other way to say that it hangs
	}
	cancel()
	wantRetry(t, <-outcome, "cancelled")
}

func wantRetry(t *testing.T, o push.Outcome, reason string) {
	t.Helper()
	if o.Verdict != push.Retry || o.Reason != reason || o.Status != 0 || o.Err == nil {
		t.Errorf("outcome %+v, want retry because %q", o, reason)
	}
}

// load sends n messages from 50 goroutines, repeating as the hub does, and
// returns how many sends that took.
func (s suite) load(t *testing.T, services *pushtest.Services, sender push.Sender, n int) (sends int) {
	t.Helper()
	work := make(chan int)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for i := range work {
				tries := s.deliver(t, sender, Message(services.Handle(s.service, i, "")))
				mu.Lock()
				sends += tries
				mu.Unlock()
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	wg.Wait()
	return sends
}

func (s suite) deliver(t *testing.T, sender push.Sender, m *push.Message) (tries int) {
	t.Helper()
	for tries = 1; tries <= maxTries; tries++ {
		o := send(t, sender, m)
		if o.Verdict == push.Delivered {
			return tries
		}
		if o.Verdict != push.Retry {
			t.Errorf("outcome %+v, want delivered or retry", o)
			return tries
		}
	}
	t.Errorf("not delivered in %d tries", maxTries)
	return maxTries
}

func (s suite) concurrent(t *testing.T) {
	var seen receipts
	services, sender := s.start(t, pushtest.Config{OnMessage: seen.add})
	const n = 2000
	if sends := s.load(t, services, sender, n); sends != n {
		t.Errorf("%d messages took %d sends from a healthy service", n, sends)
	}
	wantEach(t, services, s.service, &seen, n, 1)
}

// wantEach checks that each of n handles got its message, at most atMost times.
func wantEach(t *testing.T, services *pushtest.Services, service push.Service, seen *receipts, n, atMost int) {
	t.Helper()
	got := seen.accepted()
	for i := range n {
		h := services.Handle(service, i, "").Value
		if got[h] < 1 || got[h] > atMost {
			t.Errorf("handle %d got its message %d times, want 1 to %d", i, got[h], atMost)
		}
	}
	if len(got) != n {
		t.Errorf("%d handles got a message, want %d", len(got), n)
	}
}

// streamLimit: more messages than the service takes at once only wait. APNs
// takes one until it has seen a provider token.
func (s suite) streamLimit(t *testing.T) {
	cfg := s.shape(pushtest.ServiceConfig{MaxStreams: 1, Latency: time.Millisecond})
	services, sender := s.start(t, cfg)
	const n = 300
	if sends := s.load(t, services, sender, n); sends != n {
		t.Errorf("%d messages took %d sends under a stream limit", n, sends)
	}
}

// goAway: a service that says goodbye over and over loses no message, and gets
// few of them twice.
func (s suite) goAway(t *testing.T) {
	var seen receipts
	cfg := s.shape(pushtest.ServiceConfig{GoAwayEvery: 40})
	cfg.OnMessage = seen.add
	services, sender := s.start(t, cfg)
	const n = 1000
	sends := s.load(t, services, sender, n)
	if sends > n+n/4 {
		t.Errorf("%d messages took %d sends", n, sends)
	}
	wantEach(t, services, s.service, &seen, n, 2)
	if c := services.Stats(s.service).Connections; c < n/40 {
		t.Errorf("%d connections: the service said goodbye too rarely for the test to mean anything", c)
	}
}

// outage: every way to fail is told apart, and ends when the outage does.
func (s suite) outage(t *testing.T) {
	services, sender := s.start(t, pushtest.Config{})
	m := Message(services.Handle(s.service, 1, ""))
	delivered := func() {
		t.Helper()
		if tries := s.deliver(t, sender, m); tries > 3 {
			t.Errorf("%d tries after the outage", tries)
		}
	}
	delivered()
	services.Outage(s.service, pushtest.Unavailable)
	if o := send(t, sender, m); o.Verdict != push.Retry || o.Status != 503 {
		t.Errorf("unavailable: %+v", o)
	}
	services.Outage(s.service, pushtest.Off)
	delivered()
	services.Outage(s.service, pushtest.Reset)
	if o := send(t, sender, m); o.Verdict != push.Retry || o.Status != 0 || o.Err == nil {
		t.Errorf("reset: %+v", o)
	}
	services.Outage(s.service, pushtest.Off)
	delivered()
}

// closes: Close ends what is idle, refuses what comes after, and may be repeated.
func (s suite) closes(t *testing.T) {
	services, sender := s.start(t, pushtest.Config{})
	m := Message(services.Handle(s.service, 1, ""))
	s.load(t, services, sender, 100)
	for range 2 {
		if err := sender.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	wantRetry(t, send(t, sender, m), "closed")
	for end := time.Now().Add(patience); services.Stats(s.service).Open > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d connections are still open", services.Stats(s.service).Open)
		}
	}
}
