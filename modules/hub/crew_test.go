package hub

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"

	"github.com/usherhq/usher/modules/hub/push"
)

// longWay answers the first messages at once, and with them says how long the way is. Then
// it answers nothing until many are on it.
type longWay struct {
	asked, flying atomic.Int64
	full          chan struct{}
}

const (
	knownAfter     = 20
	answeredAtOnce = 2 * hireEvery // so many more does the first crew take on, and looks as often whether it is large enough
	manyOnTheWay   = 450
)

func (*longWay) Service() push.Service { return push.APNs }
func (*longWay) Close() error          { return nil }

func (l *longWay) Depth() int {
	if l.asked.Load() < knownAfter {
		return 1
	}
	return 4000
}

func (l *longWay) Send(ctx context.Context, _ *push.Message) push.Outcome {
	if l.asked.Add(1) > answeredAtOnce {
		if l.flying.Add(1) == manyOnTheWay {
			close(l.full)
		}
		select {
		case <-l.full:
		case <-ctx.Done():
			return push.Outcome{Verdict: push.Failed, Reason: "alone"}
		}
	}
	return push.Outcome{Verdict: push.Delivered, Status: 200}
}

// TestACrewGrows: a run that began with the senders of a short way has more of them as
// soon as answers tell that the way is long.
func TestACrewGrows(t *testing.T) {
	r := newRig(t, func(cfg *Config) { cfg.ChunkSize, cfg.FlushSize, cfg.InFlight = 700, 700, 4000 })
	way := &longWay{full: make(chan struct{})}
	r.lanes.maker = func(context.Context, push.Service, []byte, Services) (push.Sender, error) { return way, nil }
	for n := range 700 {
		r.phone(push.APNs, n, "")
	}
	if shallow/laneJobs >= manyOnTheWay {
		t.Fatal("the first crew would do")
	}
	n := r.send(Draft{Native: map[push.Service]json.RawMessage{push.APNs: json.RawMessage(`{"aps":{}}`)}, Services: []push.Service{push.APNs}})
	r.work()
	if rep := r.report(n.ID); rep.Outcomes[stateDelivered] != 700 {
		t.Errorf("report %+v; %d were on the way", rep, way.flying.Load())
	}
}
