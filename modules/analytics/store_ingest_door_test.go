package analytics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/kernel/web"
)

// desk is an ingest door whose log the test holds in its hand.
type desk struct {
	*door
	t       *testing.T
	asked   chan []stream.Fact // a writer has come with these
	proceed chan error         // and gets this answer
}

func newDesk(t *testing.T, queueMB int) *desk {
	t.Helper()
	d := &desk{t: t, asked: make(chan []stream.Fact), proceed: make(chan error)}
	d.door = newDoor(Ingest{Writers: 1, QueueMB: queueMB}, func() time.Time { return gateNoon }, func(_ context.Context, facts []stream.Fact) ([]bool, error) {
		d.asked <- facts
		fresh := make([]bool, len(facts))
		for i := range fresh {
			fresh[i] = true
		}
		return fresh, <-d.proceed
	})
	return d
}

// send submits a request of one fact and so many bytes in the background.
func (d *desk) send(ctx context.Context, id string, size int64) (answer chan error) {
	answer = make(chan error, 1)
	held, err := d.admit(size)
	if err != nil {
		answer <- err
		return answer
	}
	a := arrivalOf(ctx, held, stream.Fact{SourceID: id})
	go func() {
		defer held.release()
		answer <- d.submit(ctx, a)
	}()
	return answer
}

func arrivalOf(ctx context.Context, held *room, facts ...stream.Fact) *arrival {
	return &arrival{room: held, ctx: ctx, facts: facts, fates: make([]fate, len(facts)), answer: make(chan error, 1)}
}

// await polls; nothing here tells when a goroutine has come to rest.
func (d *desk) await(what string, done func() bool) {
	d.t.Helper()
	for range 20_000 {
		if done() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	d.t.Fatal("no " + what)
}

// An event that PostgreSQL does not take fails alone, wherever it stands and in
// whosever request.
func TestRefusedEventFailsAlone(t *testing.T) {
	g := newGate(t, web.Send)
	fact := func(id, data string) stream.Fact {
		return stream.Fact{Type: "x.a", Key: "k", Source: "/door", SourceID: id, Time: gateNoon, Data: json.RawMessage(data)}
	}
	facts, fates := make([]stream.Fact, 101), make([]fate, 101)
	refused := map[int]bool{0: true, 40: true, 41: true, 100: true}
	for i := range facts {
		facts[i] = fact(fmt.Sprint(i), "1")
		if refused[i] {
			facts[i].Data = json.RawMessage(`"\u0000"`)
		}
	}
	if err := g.door.settle(t.Context(), facts, fates); err != nil {
		t.Fatal(err)
	}
	for i, f := range fates {
		if refused[i] != (f.refused != "") || f.fresh == refused[i] {
			t.Errorf("fact %d: %+v", i, f)
		}
	}
	if n := len(g.facts()); n != len(facts)-len(refused) {
		t.Errorf("%d facts in the log", n)
	}
	if !strings.Contains(fates[0].refused, "PostgreSQL does not take") {
		t.Errorf("why: %q", fates[0].refused)
	}
}

func TestDatabaseAwayFailsTheWholeBatch(t *testing.T) {
	d := newDesk(t, 2)
	defer d.close()
	answer := d.send(t.Context(), "1", 10)
	<-d.asked
	d.proceed <- fault.E("test", fault.Transient, "away", nil)
	if err := <-answer; !fault.Is(err, fault.Transient) {
		t.Errorf("%v", err)
	}
}

// A caller that leaves is not written, and its bytes count until a writer has come
// past it: callers that come and go do not fill the memory.
func TestCallerLeavesWhileItWaits(t *testing.T) {
	d := newDesk(t, 2)
	defer d.close()
	first := d.send(t.Context(), "first", 1<<20)
	<-d.asked // the only writer is busy
	ctx, leave := context.WithCancel(t.Context())
	second := d.send(ctx, "second", 1<<20)
	d.await("second request in the queue", func() bool { return len(d.queue) == 1 })
	leave()
	if err := <-second; !fault.Is(err, fault.Transient) || !errors.Is(err, context.Canceled) {
		t.Errorf("the caller that left: %v", err)
	}
	if err := <-d.send(t.Context(), "third", 1); !fault.Is(err, fault.Limited) {
		t.Errorf("the queue still holds 2 MB, and took more: %v", err)
	}
	d.proceed <- nil
	if err := <-first; err != nil {
		t.Error(err)
	}
	d.await("room", func() bool { return d.held.Load() == 0 })
	fourth := d.send(t.Context(), "fourth", 1)
	if facts := <-d.asked; len(facts) != 1 || facts[0].SourceID != "fourth" {
		t.Errorf("written after the one that left: %+v", facts)
	}
	d.proceed <- nil
	if err := <-fourth; err != nil {
		t.Error(err)
	}
	if n := d.turned.Load(); n != 1 {
		t.Errorf("%d turned away", n)
	}
}

// The caller leaves while its facts are written: they are written.
func TestCallerLeavesWhileItIsWritten(t *testing.T) {
	d := newDesk(t, 2)
	defer d.close()
	ctx, leave := context.WithCancel(t.Context())
	answer := d.send(ctx, "1", 10)
	<-d.asked
	leave()
	if err := <-answer; !fault.Is(err, fault.Transient) {
		t.Errorf("%v", err)
	}
	if d.held.Load() != 10 {
		t.Errorf("%d bytes are held while they are written", d.held.Load())
	}
	d.proceed <- nil
	d.await("room", func() bool { return d.held.Load() == 0 })
}

// Close while requests come: each gets an answer, and what was answered well is in
// the log, once.
func TestCloseWhileRequestsCome(t *testing.T) {
	var mu sync.Mutex
	logged := map[string]int{}
	d := newDoor(IngestDefaults(), func() time.Time { return gateNoon }, func(_ context.Context, facts []stream.Fact) ([]bool, error) {
		mu.Lock()
		defer mu.Unlock()
		for _, f := range facts {
			logged[f.SourceID]++
		}
		return make([]bool, len(facts)), nil
	})
	var well sync.Map
	var all sync.WaitGroup
	half := make(chan bool)
	for caller := range 20 {
		all.Go(func() {
			for n := range 200 {
				if caller == 0 && n == 50 {
					close(half)
				}
				id := fmt.Sprint(caller, "-", n)
				held, err := d.admit(1)
				if err != nil {
					t.Error(err)
					return
				}
				err = d.submit(t.Context(), arrivalOf(t.Context(), held, stream.Fact{SourceID: id}))
				held.release()
				if err == nil {
					well.Store(id, true)
				} else if !fault.Is(err, fault.Transient) {
					t.Errorf("%s: %v", id, err)
				}
			}
		})
	}
	<-half
	d.close()
	all.Wait()
	answered := 0
	well.Range(func(id, _ any) bool {
		answered++
		if logged[id.(string)] != 1 {
			t.Errorf("%v was answered and written %d times", id, logged[id.(string)])
		}
		return true
	})
	if answered == 0 || answered == 4000 || len(logged) < answered {
		t.Errorf("%d of 4000 answered well, %d written: the close did not come between", answered, len(logged))
	}
}

// The figures for machines: what was sent is what they say, by reasons that are few
// whatever strangers send.
func TestIngestStats(t *testing.T) {
	g := newGate(t, web.Listen)
	g.post(batchKind, []byte(`[`+strings.Join([]string{
		`{"specversion":"1.0","id":"1","source":"/t","type":"page.viewed","data":{"page":"/"}}`,
		`{"specversion":"1.0","id":"1","source":"/t","type":"page.viewed","data":{"page":"/"}}`,
		`{"specversion":"1.0","id":"2","source":"/t","type":"page.viewed","data":{}}`,
		`{"specversion":"1.0","id":"3","source":"/t","type":"x.told"}`,
		`{"specversion":"0.3","id":"4","source":"/t","type":"page.viewed","data":{"page":"/"}}`, `7`,
	}, ",")+`]`))
	g.door.held.Store(g.door.most)
	g.post(structuredKind, []byte(toldEvent("1")))
	got := g.IngestStats()
	if got.Accepted != 1 || got.Duplicate != 1 || got.TurnedAway != 1 || got.Held != got.Most || got.Waiting != 0 ||
		fmt.Sprint(got.Rejected) != "map[data:1 event:1 right:1 specversion:1]" {
		t.Errorf("%+v", got)
	}
	if c := got.Commits; c.Count != 1 || c.Within[20] != 1 || len(c.Within) != len(durationBounds) {
		t.Errorf("commits %+v", c)
	}
	g.door.held.Store(0)
}

func TestDurationsAreAHistogram(t *testing.T) {
	var w stopwatch
	for _, d := range []time.Duration{0, 2 * time.Millisecond, 3 * time.Millisecond, time.Second, time.Minute} {
		w.add(d)
	}
	d := w.copy()
	if d.Count != 5 || d.Sum != 61*time.Second+5*time.Millisecond || d.Within[.002] != 2 || d.Within[.005] != 3 || d.Within[.5] != 3 || d.Within[1] != 4 || d.Within[20] != 4 {
		t.Errorf("%+v", d)
	}
}
