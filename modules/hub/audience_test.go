package hub

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/queue"
)

// Audiences whose evaluation takes longer than anyone waits, many more than there are
// connections and workers, asked for by people who look, who send and by the clock: what
// is being sent goes on and comes to its end, and readers of the stream are not held back.
func TestAudiencesThatTakeLongHoldUpNoSend(t *testing.T) {
	r := newRig(t, func(c *Config) { c.ChunkSize = 10 }) // six chunks, two more than workers
	for i := range 60 {
		r.phone(push.APNs, i, "", tagged("fan", "slow"))
	}
	due, waits := rigStart.Add(time.Hour), hello
	waits.Tags, waits.SendAt = "slow", &due
	for range 4 {
		r.send(waits)
	}
	waits.SendAt = nil
	slow := newSlowTag(t, r.db, "slow")
	r.runQueue()

	r.mu.Lock() // the service holds its answers: the first chunks are on the wire
	fans := hello
	fans.Tags = "fan"
	going := r.send(fans)
	<-r.asked
	r.clock.Advance(time.Hour) // the four are due
	evaluated := r.atOnce(12, func() error { _, err := r.Audience(t.Context(), "festival", "slow"); return err },
		func() error { _, err := r.trySend(waits); return err },
		func() error { _, err := r.DryRun(t.Context(), waits); return err })
	slow.awaitWaiting(2)
	r.mu.Unlock()

	if !r.finished(going, 20*time.Second) {
		t.Error("the notification that was being sent waits for the others' audiences")
	}
	slow.release()
	evaluated()
	if rep := r.report(going.ID); rep.Outcomes[stateDelivered] != 60 {
		t.Errorf("outcomes %v, want 60 delivered", rep.Outcomes)
	}
}

// Readers of the stream wait for each transaction that has written, so none may evaluate
// an audience: whoever is sent something because of a fact would wait for it.
func TestAnAudienceIsEvaluatedBeforeItsTransaction(t *testing.T) {
	r := newRig(t)
	phone := r.phone(push.APNs, 1, "", tagged("slow"))
	due, d := rigStart.Add(time.Hour), hello
	d.Tags, d.SendAt = "slow", &due
	n := r.send(d)
	slow := newSlowTag(t, r.db, "slow")
	r.clock.Advance(time.Hour)
	released := r.atOnce(1, func() error { return r.release(t.Context(), n.ID) })
	if wrote := slow.awaitWaiting(1); wrote > 0 {
		t.Error("the audience is evaluated in a transaction that has written")
	}
	slow.release()
	released()
	r.work()
	if got := r.got(phone.Handle); len(got) != 1 {
		t.Errorf("the phone got %d messages", len(got))
	}
}

// The two ways of cutting an audience cut everyone alike, in whatever order they registered and
// whoever has left: "everyone" and a tag that all have.
func TestEveryoneIsCutAsAnyAudience(t *testing.T) {
	const size = 4
	r := newRig(t, func(c *Config) { c.ChunkSize = size })
	for i, n := range []int{2 * size, 3*size + 1, size - 1} { // whole chunks, one more, not one
		for j := range n {
			r.phone(push.Services[i], j, "", tagged("fan"))
		}
	}
	for j := range 2 {
		gone := r.phone(push.Services[0], 100+j, "", tagged("fan"))
		r.phone(push.Services[1], 100+j, "", tagged("fan"))
		r.must(r.DeleteInstallation(t.Context(), "festival", gone.ID))
	}
	everyone, fans := hello, hello
	fans.Tags = "fan"
	for _, only := range [][]push.Service{nil, push.Services[1:2]} {
		everyone.Services, fans.Services = only, only
		a, b := r.prepare(everyone), r.prepare(fans)
		if len(a.waves) != 1 || !slices.Equal(a.waves[0].spans, b.waves[0].spans) || len(a.waves[0].spans) == 0 {
			t.Errorf("%v: everyone %v, all fans %v", only, a.waves, b.waves)
		}
	}
}

func (r *rig) prepare(d Draft) Prepared {
	r.t.Helper()
	p, err := r.Prepare(r.t.Context(), d)
	r.must(err)
	return p
}

// runQueue works on the hub's jobs as the binary does, each lane with its own workers.
func (r *rig) runQueue() {
	r.t.Helper()
	redis, err := queue.ParseURL("redis-socket://" + dbtest.Redis(r.t))
	r.must(err)
	q, err := queue.New(r.db, redis, queue.Config{Lanes: QueueLanes(), Poll: 50 * time.Millisecond, Pickup: 5 * time.Millisecond}, slog.New(slog.DiscardHandler))
	r.must(err)
	r.Jobs(q)
	ctx, stop := context.WithCancel(r.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	r.t.Cleanup(func() { stop(); <-ended })
}

// atOnce calls each of fns n times, all at once, and returns when they have begun; wait
// waits for their ends.
func (r *rig) atOnce(n int, fns ...func() error) (wait func()) {
	var begun atomic.Int32
	var wg sync.WaitGroup
	for range n {
		for _, fn := range fns {
			wg.Go(func() {
				begun.Add(1)
				if err := fn(); err != nil {
					r.t.Error(err)
				}
			})
		}
	}
	for int(begun.Load()) < n*len(fns) {
		time.Sleep(time.Millisecond)
	}
	return wg.Wait
}

// finished waits for the notification's end, and reports whether it came.
func (r *rig) finished(n Notification, patience time.Duration) bool {
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	rep, err := r.await(ctx, n.ID, patience)
	return err == nil && rep.Finished()
}
