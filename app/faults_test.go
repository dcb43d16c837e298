package app

import (
	"context"
	"encoding/csv"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/faulttest"
	"github.com/usherhq/usher/modules/kernel/pgserver"
)

// The send that the faults hit, and what bounds its repeats: what was unanswered
// or unrecorded when the process died.
const (
	faultPhones   = 50_000
	faultInFlight = 200 // hub.in_flight, for each of the three services
	faultFlush    = 100 // hub.flush_size, for each of the four runs at a service
	faultWindow   = 3 * (faultInFlight + 4*faultFlush)
)

// Whatever dies in the middle of a send: every installation's outcome is recorded
// once, none is missing, and repeats stay within the in-flight window.
func TestFaultsInTheMiddleOfASend(t *testing.T) {
	for _, fault := range []struct {
		name    string
		redis   bool // a true Redis instead of the built-in queue
		strike  func(h *house, r *redisProcess)
		repeats int
	}{
		{"usher is killed, built-in queue", false, func(h *house, _ *redisProcess) { h.killed(); h.start() }, faultWindow},
		{"usher is killed, Redis", true, func(h *house, _ *redisProcess) { h.killed(); h.start() }, faultWindow},
		{"PostgreSQL is killed", false, func(h *house, _ *redisProcess) { h.must(syscall.Kill(h.postmaster(), syscall.SIGKILL)) }, faultWindow},
		{"Redis is killed", true, func(_ *house, r *redisProcess) { r.kill(); r.start() }, 0},
		{"FLUSHALL", true, func(_ *house, r *redisProcess) { r.flush() }, 0},
	} {
		t.Run(fault.name, func(t *testing.T) {
			settings := []string{"hub.in_flight=200", "hub.flush_size=100", "hub.chunk_size=1000"}
			var r *redisProcess
			if fault.redis {
				r = newRedis(t)
				settings = append(settings, "redis.url=redis-socket://"+r.socket)
			}
			h := newHouse(t, settings...)
			h.festival(faultPhones)
			n := h.notify()
			before := h.until(n, "a fifth of the send", func(r hub.Report) bool { return r.Recorded >= faultPhones/5 })
			fault.strike(h, r)
			struck := time.Now()
			h.until(n, "an outcome after it", func(r hub.Report) bool { return r.Recorded > before.Recorded+faultWindow })
			recovery := time.Since(struck)
			if rep := h.until(n, "the rest of the send", hub.Report.Finished); rep.Recorded != faultPhones || rep.Outcomes["delivered"] != faultPhones {
				t.Errorf("recorded %d outcomes, want %d delivered: %v", rep.Recorded, faultPhones, rep.Outcomes)
			}
			lost := h.everyOutcomeOnce(n)
			faulttest.Row{Fault: fault.name + ", during a send", Injected: 1, Acknowledged: faultPhones, Lost: lost,
				Doubled: h.repeatsWithin(fault.repeats), Most: fault.repeats, Recovery: recovery}.Report(t)
		})
	}
}

// everyOutcomeOnce reads all outcomes through the API, and tells how many phones have none.
func (h *house) everyOutcomeOnce(n hub.Notification) (lost int) {
	h.t.Helper()
	var text []byte
	h.call("GET", "/v1/notifications/"+n.ID.String()+"/deliveries?format=csv", nil, &text)
	rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	h.must(err)
	outcomes := map[string]int{}
	for _, row := range rows[1:] {
		outcomes[row[0]]++
	}
	for phone, times := range outcomes {
		if times != 1 {
			h.t.Errorf("%s has %d outcomes", phone, times)
		}
	}
	return faultPhones - len(outcomes)
}

// repeatsWithin counts what the push services were asked more than once.
func (h *house) repeatsWithin(most int) (repeats int) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, times := range h.seen {
		repeats += times - 1
	}
	h.t.Logf("%d deliveries, %d repeats (allowed: %d)", len(h.seen), repeats, most)
	if len(h.seen) != faultPhones || repeats > most {
		h.t.Errorf("%d phones were asked for, %d times too often; want %d and at most %d", len(h.seen), repeats, faultPhones, most)
	}
	return repeats
}

// redisProcess is a private redis-server that tests may kill.
type redisProcess struct {
	t      *testing.T
	socket string
	child  *pgserver.Child
}

func newRedis(t *testing.T) *redisProcess {
	t.Helper()
	dir, err := os.MkdirTemp("", "usher-redis-") // t.TempDir's path is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	r := &redisProcess{t: t, socket: filepath.Join(dir, "s")}
	t.Cleanup(func() { r.kill(); _ = os.RemoveAll(dir) })
	r.start()
	return r
}

func (r *redisProcess) start() {
	r.t.Helper()
	_ = os.Remove(r.socket)
	var err error
	r.child, err = pgserver.StartChild(exec.Command("redis-server", "--port", "0", "--unixsocket", r.socket, "--save", "", "--dir", filepath.Dir(r.socket)))
	if err != nil {
		r.t.Fatal(err)
	}
	end := time.Now().Add(patience)
	for time.Now().Before(end) {
		if c, err := net.Dial("unix", r.socket); err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	r.t.Fatal("redis-server does not start")
}

func (r *redisProcess) kill() {
	r.child.Signal(syscall.SIGKILL)
	<-r.child.Done()
}

func (r *redisProcess) flush() {
	r.t.Helper()
	c := redis.NewClient(&redis.Options{Network: "unix", Addr: r.socket})
	defer c.Close()
	if err := c.FlushAll(context.Background()).Err(); err != nil {
		r.t.Fatal(err)
	}
}
