package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// walkers is how many phones walk about the field.
const walkers = 300

// step is how often they tell what they hear.
const step = 2 * time.Second

// walker is one phone on the field.
type walker struct {
	id     string
	spot   int
	beacon int       // of the spot, that it is nearest to
	until  time.Time // then it goes on; of a queue: it has been served
}

// field is what goes on between the stages.
type field struct {
	mu       sync.Mutex
	draw     []float64 // how much each spot attracts now
	bar, pie int       // who queue
	redeemed int64
	over     bool
}

// like changes how much a spot attracts, from now on.
func (f *field) like(name string, draw float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, s := range spots {
		if s.name == name {
			f.draws()[i] = draw
		}
	}
}

// draws are how much spots attract; it is called under the lock.
func (f *field) draws() []float64 {
	if f.draw == nil {
		for _, s := range spots {
			f.draw = append(f.draw, s.draw)
		}
	}
	return f.draw
}

// leave ends the walk.
func (f *field) leave() { f.mu.Lock(); defer f.mu.Unlock(); f.over = true }

// look is what attracts now, and whether everybody goes home.
func (f *field) look() ([]float64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.draws()), f.over
}

// walk moves the crowd until the festival is over: people stay, go on, queue and are
// served; the tills sell; one in three of those who got a voucher redeems it.
func (f *Festival) walk(ctx context.Context) error {
	r := rand.New(rand.NewPCG(f.Seed, 99))
	crowd := make([]*walker, min(walkers, f.Installations))
	now := time.Now()
	for i := range crowd {
		crowd[i] = &walker{id: phone(f.services, f.Seed, i).ID, spot: 3, until: now.Add(f.span(time.Duration(r.IntN(60)) * time.Second))}
	}
	queues := map[int][]*walker{}
	tick := time.NewTicker(step)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case now = <-tick.C:
		}
		draws, over := f.field.look()
		if over {
			return nil
		}
		sold := f.move(r, crowd, queues, draws, now)
		if err := f.tell(ctx, r, crowd, sold, n, now); err != nil {
			return unless(ctx, err)
		}
		done, err := f.redeemSome(ctx, r)
		if err != nil {
			return unless(ctx, err)
		}
		f.field.mu.Lock()
		f.field.bar, f.field.pie, f.field.redeemed = len(queues[4]), len(queues[5]), f.field.redeemed+done
		f.field.mu.Unlock()
	}
}

// unless is err, unless it came because ctx has ended.
func unless(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // what a stop cuts off is no fault
	}
	return err
}

// move lets people whose time is over go elsewhere, and serves the queues; it says which
// tills have sold something.
func (f *Festival) move(r *rand.Rand, crowd []*walker, queues map[int][]*walker, draws []float64, now time.Time) (sold []string) {
	for at := range spots {
		for _, name := range tillsAt[at] {
			if len(queues[at]) > 0 && r.Float64() < step.Seconds()*f.Speed/14 {
				queues[at][0].until = now
				queues[at], sold = queues[at][1:], append(sold, name)
			}
		}
	}
	for _, w := range crowd {
		if now.Before(w.until) {
			continue
		}
		w.spot = next(r, draws, w.spot)
		s := spots[w.spot]
		if w.until = now.Add(f.span(time.Duration((20 + r.ExpFloat64()*s.stay) * float64(time.Second)))); s.kind == "queue" {
			w.until = now.Add(time.Hour)
			queues[w.spot] = append(queues[w.spot], w)
		}
	}
	return sold
}

// tillsAt are the tills that serve a queue, by its spot.
var tillsAt = map[int][]string{4: {"bar-1", "bar-2"}, 5: {"pizza-1"}}

func next(r *rand.Rand, draws []float64, from int) int {
	total := 0.0
	for i, d := range draws {
		if i != from {
			total += d
		}
	}
	at := r.Float64() * total
	for i, d := range draws {
		if i == from {
			continue
		}
		if at -= d; at < 0 {
			return i
		}
	}
	return 0
}

// tell posts what all phones hear and the tills sold, as apps and tills do.
func (f *Festival) tell(ctx context.Context, r *rand.Rand, crowd []*walker, sold []string, n int, now time.Time) error {
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
func (f *Festival) redeemSome(ctx context.Context, r *rand.Rand) (done int64, err error) {
	for _, c := range f.mail.open() {
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
		if err == nil {
			done++
		}
	}
	return done, nil
}
