package app

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/analytics"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/faulttest"
)

const (
	ingestClients = 2
	ingestLot     = 50  // events a request
	ingestBetween = 300 // events of a shop acknowledged between two kills
)

// shop sends cart events to whichever house is open, and repeats what was not
// acknowledged, as clients must.
type shop struct {
	t       *testing.T
	name    string  // the source of its events
	repeats float64 // part of the events that were sent before
	doors   []atomic.Pointer[entrance]
	began   string // the time of every event that has one, as a member
	closing atomic.Bool
	acks    chan int // events acknowledged

	mu                        sync.Mutex
	sent, accepted, duplicate int // different events; what the answers said
	clients                   sync.WaitGroup
	unanswered                int // requests that were repeated
}

// entrance is where a house can be reached.
type entrance struct{ url, key string }

// openShop starts the clients.
func openShop(t *testing.T, name string, repeats float64, houses ...*house) *shop {
	t.Helper()
	s := &shop{t: t, name: "/" + name, repeats: repeats, doors: make([]atomic.Pointer[entrance], len(houses)), acks: make(chan int, 1<<16),
		began: `"time":"` + time.Now().UTC().Format(time.RFC3339) + `",`}
	for i, h := range houses {
		s.at(i, h)
	}
	for c := range ingestClients {
		s.clients.Go(func() { s.client(c) })
	}
	return s
}

func (s *shop) at(i int, h *house) { s.doors[i].Store(&entrance{h.url, h.key}) }

// close lets the clients finish what they have begun.
func (s *shop) close() { s.closing.Store(true); s.clients.Wait() }

// until waits until so many events more are acknowledged.
func (s *shop) until(events int) {
	s.t.Helper()
	late := time.After(patience)
	for events > 0 {
		select {
		case n := <-s.acks:
			events -= n
		case <-late:
			s.t.Fatal("the clients do not come on")
		}
	}
}

// client sends lots of new events, among them some that it sent before.
func (s *shop) client(c int) {
	random := rand.New(rand.NewPCG(uint64(c), 5))
	for next := 0; !s.closing.Load(); {
		var lot bytes.Buffer
		fresh := 0
		for range ingestLot {
			n := next + fresh
			if n > 0 && random.Float64() < s.repeats {
				n = random.IntN(n)
			} else {
				fresh++
			}
			at := ""
			if n%2 == 0 { // the others come without a time
				at = s.began
			}
			fmt.Fprintf(&lot, `{"specversion":"1.0","id":"%d-%d","source":"%s",%s"type":"cart.item_added","subject":"cart-%d","data":{"cart":"cart-%d"}}`+"\n", c, n, s.name, at, n%37, n%37)
		}
		next += fresh
		s.deliver(random, lot.Bytes(), fresh)
	}
}

// deliver repeats a lot until it is acknowledged.
func (s *shop) deliver(random *rand.Rand, lot []byte, fresh int) {
	for tries := 0; ; tries++ {
		result, err := s.post(s.doors[random.IntN(len(s.doors))].Load(), lot)
		s.mu.Lock()
		if err != nil {
			s.unanswered++
			s.mu.Unlock()
			time.Sleep(5 * time.Millisecond) // the pace of a client, not a measure of anything
			continue
		}
		s.sent, s.accepted, s.duplicate = s.sent+fresh, s.accepted+result.Accepted, s.duplicate+result.Duplicate
		s.mu.Unlock()
		if result.Accepted+result.Duplicate != ingestLot {
			s.t.Errorf("not everything was taken: %+v", result)
		}
		s.acks <- ingestLot
		return
	}
}

func (s *shop) post(to *entrance, lot []byte) (r analytics.Result, err error) {
	req, err := http.NewRequest(http.MethodPost, to.url+"/v1/events", bytes.NewReader(lot))
	if err != nil {
		return r, err
	}
	req.Header.Set("Authorization", "Bearer "+to.key)
	req.Header.Set("Content-Type", "application/x-ndjson")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return r, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return r, err
	}
	if res.StatusCode != http.StatusAccepted {
		return r, fmt.Errorf("%d %s", res.StatusCode, text)
	}
	return r, json.Unmarshal(text, &r)
}

// balance waits until the listener has handled everything, and compares.
func (s *shop) balance(h *house, database string) (l ledger) {
	s.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if l = h.ledger(database, s.name); l.Waiting == 0 && l.Items >= s.sent {
			break
		}
	}
	s.t.Logf("%s: %d events sent, %d requests repeated, answers: %d accepted, %d duplicate; %+v", s.name, s.sent, s.unanswered, s.accepted, s.duplicate, l)
	if want := (ledger{Rows: s.sent, Events: s.sent, Items: s.sent}); l != want {
		s.t.Errorf("%+v, want %+v", l, want)
	}
	if s.accepted > s.sent {
		s.t.Errorf("%d events were called new, of %d", s.accepted, s.sent)
	}
	return l
}

// Usher is killed twenty times while events come in. Every acknowledged event is in
// the log, each once, and the listener's effect happened once for each.
func TestKilledTwentyTimesDuringIngest(t *testing.T) {
	h := newHouse(t)
	rare := openShop(t, "rare", 0.001, h)
	often := openShop(t, "often", 0.05, h)
	var recovery time.Duration // the longest
	const kills = 20
	for range kills {
		rare.until(ingestBetween)
		often.until(ingestBetween)
		h.killed()
		struck := time.Now()
		h.start()
		rare.at(0, h)
		often.at(0, h)
		often.until(1)
		recovery = max(recovery, time.Since(struck))
	}
	rare.close()
	often.close()
	one, two := rare.balance(h, h.builtIn()), often.balance(h, h.builtIn())
	faulttest.Row{Fault: "kill -9 of usher, during ingest", Injected: kills, Acknowledged: rare.sent + often.sent,
		Lost: rare.sent - one.Events + often.sent - two.Events, Doubled: one.Rows - one.Events + two.Rows - two.Events, Recovery: recovery}.Report(t)
}

// Two replicas share one PostgreSQL and one Redis. One dies for good in the middle:
// the other takes over its partitions, and nothing is lost or doubled.
func TestOneOfTwoReplicasDies(t *testing.T) {
	database, redis := dbtest.URL(t), newRedis(t)
	settings := []string{"database.url=" + database, "redis.url=redis-socket://" + redis.socket, "seal.key=" + base64.StdEncoding.EncodeToString(make([]byte, 32))}
	one, two := newHouse(t, settings...), newHouse(t, settings...)
	s := openShop(t, "shop", 0.05, one, two)
	s.until(3000)
	one.killed()
	struck := time.Now()
	s.at(0, two)
	s.until(1)
	recovery := time.Since(struck)
	s.until(3000)
	s.close()
	l := s.balance(two, database)
	faulttest.Row{Fault: "kill -9 of one of two replicas, during ingest", Injected: 1, Acknowledged: s.sent,
		Lost: s.sent - l.Events, Doubled: l.Rows - l.Events, Recovery: recovery}.Report(t)
}
