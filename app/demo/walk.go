package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/hub/push/pushtest"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// walkers is how many phones walk about the field.
const walkers = 300

// step is how often they tell what they hear.
const step = 2 * time.Second

// Mail is the vouchers that the simulated push services delivered and nobody redeemed yet.
type Mail struct {
	mu    sync.Mutex
	codes []string
	seen  int64
}

var codeIn = regexp.MustCompile(`"code":"([0-9A-HJKMNP-TV-Z]{16})".*?"stall":"(\w*)"`)

// Take reads what a push service delivered; pass it as pushtest.Config.OnMessage.
func (m *Mail) Take(r pushtest.Receipt) {
	if found := codeIn.FindSubmatch(r.Payload); found != nil && r.Status < 300 {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.codes = append(m.codes, string(found[1])+" "+string(found[2]))
		m.seen++
	}
}

// open takes what has come.
func (m *Mail) open() (codes []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	codes, m.codes = m.codes, nil
	return codes
}

// count is how many came so far.
func (m *Mail) count() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen
}

// walker is one phone on the field.
type walker struct {
	id     string
	spot   int
	beacon int       // of the spot, that it is nearest to
	until  time.Time // then it goes on; of a queue: it has been served
}

// walk moves the crowd until ctx ends: people stay, go on, queue and are served; the tills
// sell; one in three of those who got a voucher redeems it.
func (f *festival) walk(ctx context.Context) error {
	r := rand.New(rand.NewPCG(f.Seed, 99))
	crowd := make([]*walker, min(walkers, f.Installations))
	now := time.Now()
	for i := range crowd {
		crowd[i] = &walker{id: phone(f.services, f.Seed, i).ID, spot: 3, until: now.Add(time.Duration(r.IntN(60)) * time.Second)}
	}
	queues := map[int][]*walker{}
	var redeemed int64
	tick := time.NewTicker(step)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case now = <-tick.C:
		}
		sold := move(r, crowd, queues, now)
		if err := f.tell(ctx, r, crowd, sold, n, now); err != nil && ctx.Err() == nil {
			return err
		}
		done, err := f.redeemSome(ctx, r)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if redeemed += done; n%30 == 29 {
			seen := f.Mail.count()
			f.screen.say("  field: %d wait at the bar, %d for pizza; %s vouchers reached phones, %s were redeemed\n", len(queues[4]), len(queues[5]), grouped(seen), grouped(redeemed))
		}
	}
}

// move lets people whose time is over go elsewhere, and serves the queues; it says which
// tills have sold something.
func move(r *rand.Rand, crowd []*walker, queues map[int][]*walker, now time.Time) (sold []string) {
	for at, till := range map[int][]string{4: {"bar-1", "bar-2"}, 5: {"pizza-1"}} {
		for _, name := range till {
			if len(queues[at]) > 0 && r.Float64() < step.Seconds()/14 {
				queues[at][0].until = now
				queues[at], sold = queues[at][1:], append(sold, name)
			}
		}
	}
	for _, w := range crowd {
		if now.Before(w.until) {
			continue
		}
		w.spot = next(r, w.spot)
		s := spots[w.spot]
		if w.until = now.Add(time.Duration((20 + r.ExpFloat64()*s.stay) * float64(time.Second))); s.kind == "queue" {
			w.until = now.Add(time.Hour)
			queues[w.spot] = append(queues[w.spot], w)
		}
	}
	return sold
}

func next(r *rand.Rand, from int) int {
	total := 0.0
	for i, s := range spots {
		if i != from {
			total += s.draw
		}
	}
	at := r.Float64() * total
	for i, s := range spots {
		if i == from {
			continue
		}
		if at -= s.draw; at < 0 {
			return i
		}
	}
	return 0
}

// tell posts what all phones hear and the tills sold, as apps and tills do.
func (f *festival) tell(ctx context.Context, r *rand.Rand, crowd []*walker, sold []string, n int, now time.Time) error {
	at := now.UTC().Format(time.RFC3339Nano)
	events := make([]map[string]any, 0, len(crowd)+len(sold))
	for i, w := range crowd {
		if w.beacon == 0 || r.IntN(8) == 0 {
			w.beacon = 1 + r.IntN(beaconsEach) // somebody moves a little
		}
		beacon := fmt.Sprintf("%s-%d", spots[w.spot].beacon, w.beacon)
		events = append(events, map[string]any{"specversion": "1.0", "id": fmt.Sprintf("%d-%d", i, n), "source": "/demo/phones", "type": "beacon.sighting", "subject": w.id, "time": at,
			"data": map[string]any{"installation": w.id, "beacon": beacon, "rssi": -62 + 4*r.NormFloat64()}})
	}
	for i, till := range sold {
		events = append(events, map[string]any{"specversion": "1.0", "id": fmt.Sprintf("sale-%d-%d", n, i), "source": "/demo/tills", "type": "sale.completed", "subject": till, "time": at,
			"data": map[string]any{"event": venueEvent, "order": fmt.Sprintf("o-%d-%d", n, i), "quantity": 1, "amount": 650, "currency": "EUR", "till": till}})
	}
	body, err := json.Marshal(events)
	if err != nil {
		return fault.E(op, fault.Internal, "cannot write the events", err)
	}
	return f.client.send(ctx, http.MethodPost, "/v1/events", "application/cloudevents-batch+json", body)
}

// redeemSome brings one in three of the vouchers that have come to a till.
func (f *festival) redeemSome(ctx context.Context, r *rand.Rand) (done int64, err error) {
	for _, c := range f.Mail.open() {
		if r.IntN(3) > 0 {
			continue
		}
		till := "bar-1"
		if c[17:] == "Pizza" {
			till = "pizza-1"
		}
		err := f.client.call(ctx, http.MethodPost, "/v1/redemptions", map[string]any{"code": c[:16], "till": till}, nil)
		if err != nil && !fault.Is(err, fault.Conflict) {
			return done, err
		}
		done++
	}
	return done, nil
}
