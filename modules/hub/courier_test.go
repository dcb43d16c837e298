package hub

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
)

// pipe is a piped sender that answers when it is told to, and counts what is under way.
type pipe struct {
	answers chan struct{} // closed: at once
	refuses func(n int) bool

	mu           sync.Mutex
	begun, ended int
	most         int // under way at once
	sent         map[string]int
}

func newPipe() *pipe { return &pipe{answers: make(chan struct{}), sent: map[string]int{}} }

func (*pipe) Service() push.Service { return push.APNs }
func (*pipe) Close() error          { return nil }

func (p *pipe) Send(_ context.Context, m *push.Message) push.Outcome { return p.take(m)() }

func (p *pipe) Begin(_ context.Context, m *push.Message) func() push.Outcome {
	p.mu.Lock()
	refused := p.refuses != nil && p.refuses(p.begun)
	p.mu.Unlock()
	if refused {
		return nil
	}
	return p.take(m)
}

func (p *pipe) take(m *push.Message) func() push.Outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun++
	p.most = max(p.most, p.begun-p.ended)
	p.sent[m.Handle.Value+string(m.Payload)]++
	handle, payload := m.Handle.Value, string(m.Payload)
	return func() push.Outcome {
		<-p.answers
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ended++
		if handle != m.Handle.Value || payload != string(m.Payload) {
			return push.Outcome{Verdict: push.Failed, Reason: "the message has changed under way"}
		}
		return push.Outcome{Verdict: push.Delivered, Status: 200}
	}
}

func (p *pipe) under() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.begun - p.ended
}

// through sends to n phones over a pipe.
func through(t *testing.T, p *pipe, n int, change func(*Config)) (*rig, Notification) {
	t.Helper()
	r := newRig(t, change)
	r.lanes.maker = func(context.Context, push.Service, []byte, Services) (push.Sender, error) { return p, nil }
	for i := range n {
		r.phone(push.APNs, i, "", func(in *Installation) { in.Locale = []string{"en", "de"}[i%2] }) // two different payloads
	}
	return r, r.send(hello)
}

// TestCouriersHaveSeveralUnderWay: as many messages as the lane allows are under way
// before the first answer comes, none twice, and each stays as it is until its own.
func TestCouriersHaveSeveralUnderWay(t *testing.T) {
	const n = 100
	p := newPipe()
	r, sent := through(t, p, n, func(cfg *Config) { cfg.InFlight = 4 * 64 })
	done := make(chan struct{})
	go func() { defer close(done); r.work() }()
	for patience := time.Now().Add(10 * time.Second); p.under() < 64 && time.Now().Before(patience); {
		time.Sleep(time.Millisecond)
	}
	close(p.answers)
	<-done
	if rep := r.report(sent.ID); rep.Outcomes[stateDelivered] != n || len(p.sent) != n || p.begun != n || p.most != 64 {
		t.Errorf("%v; %d messages of %d begun, %d at once; want %d, once each, 64 at once", rep.Outcomes, len(p.sent), p.begun, p.most, n)
	}
}

// TestCouriersWaitForNoSlotOfTheirOwn: with fewer slots than a full load, what a courier
// has under way comes home first.
func TestCouriersWaitForNoSlotOfTheirOwn(t *testing.T) {
	p := newPipe()
	close(p.answers)
	r, sent := through(t, p, 50, func(cfg *Config) { cfg.InFlight = 3 })
	r.work()
	if rep := r.report(sent.ID); rep.Outcomes[stateDelivered] != 50 || p.most > 3 {
		t.Errorf("%v, %d at once; want 50, at most 3", rep.Outcomes, p.most)
	}
}

// TestWhatCannotBeBegunIsSent: a sender may leave any message to Send.
func TestWhatCannotBeBegunIsSent(t *testing.T) {
	p := newPipe()
	close(p.answers)
	p.refuses = func(n int) bool { return n%3 != 0 }
	r, sent := through(t, p, 50, func(*Config) {})
	r.work()
	if rep := r.report(sent.ID); rep.Outcomes[stateDelivered] != 50 || p.begun != 50 {
		t.Errorf("%v of %d; want 50", rep.Outcomes, p.begun)
	}
}

// TestACourierOfAPacedLaneHasOneUnderWay: while it waits for the pace it would see no answer.
func TestACourierOfAPacedLaneHasOneUnderWay(t *testing.T) {
	s := &Service{cfg: Config{InFlight: laneJobs * 64}}
	paced := run{s: s, lane: &lane{pace: newPace(100), piped: newPipe()}}
	free := run{s: s, lane: &lane{pace: newPace(0), piped: newPipe()}}
	plain := run{lane: &lane{pace: newPace(0)}}
	if paced.load() != 1 || free.load() != fullLoad || plain.load() != 1 || (&run{}).load() != 1 {
		t.Errorf("paced %d, free %d, not piped %d", paced.load(), free.load(), plain.load())
	}
	if paced.workers() != 64 || free.workers() != 64/fullLoad {
		t.Errorf("%d couriers keep a pace, %d do not", paced.workers(), free.workers())
	}
}
