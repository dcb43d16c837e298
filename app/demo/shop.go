package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales"
)

// names are a text in the demo's two languages.
func names(en, de string) map[string]sales.Text {
	return map[string]sales.Text{"en": {Title: en}, "de": {Title: de}}
}

// programme is what the festival sells itself, and a warm-up that another shop sells.
var programme = []struct {
	event      sales.Event
	categories []sales.Category
}{
	{sales.Event{Slug: "river-festival", Names: names("River Festival", "Fluss-Festival"), Venue: "River Meadows"}, []sales.Category{
		{Names: names("Day ticket", "Tagesticket"), PriceMinor: 4900, TaxPermille: 70, Capacity: 4000, MaxPerOrder: 8},
		{Names: names("Weekend", "Wochenende"), PriceMinor: 11900, TaxPermille: 70, Capacity: 1500, MaxPerOrder: 8},
		{Names: names("Balcony", "Balkon"), PriceMinor: 24900, TaxPermille: 70, Capacity: 120, MaxPerOrder: 4},
	}},
	{sales.Event{Slug: "river-warm-up", Names: names("Warm-up night", "Warm-up-Abend"), Venue: "Boat House", Shop: "warmup"}, []sales.Category{
		{Names: names("Floor", "Stehplatz"), PriceMinor: 1900, Capacity: 600, ShopName: "floor"},
	}},
}

const (
	festivalIn = 30 * 24 * time.Hour
	buyersEach = 700 * time.Millisecond // mean time between visitors of the shop
	rushEvery  = 8 * time.Minute        // and for two of them three times as many come
	rushFor    = 2 * time.Minute
)

// shop is the demo's sale while it goes on.
type shop struct {
	client client
	rng    *rand.Rand
	event  sales.Event // sold here
	began  time.Time

	mu                    sync.Mutex
	orders, tickets, left int
}

// openShop puts the programme on sale.
func (f *festival) openShop(ctx context.Context) (*shop, error) {
	s := &shop{client: f.client, rng: rand.New(rand.NewPCG(f.Seed, 'b'<<8|'y')), began: time.Now()}
	for i, p := range programme {
		e := p.event
		e.Locales, e.Zone, e.Currency, e.StartsAt = []string{"en", "de"}, "Europe/London", "EUR", s.began.Add(festivalIn).Truncate(time.Hour).UTC()
		if err := f.client.call(ctx, "POST", "/v1/catalogue/events", e, &e); err != nil {
			return nil, err
		}
		path := "/v1/catalogue/events/" + e.ID.String()
		for _, c := range p.categories {
			if err := f.client.call(ctx, "POST", path+"/categories", c, nil); err != nil {
				return nil, err
			}
		}
		if err := f.client.call(ctx, "PATCH", path, map[string]string{"state": sales.EventPublished}, &e); err != nil {
			return nil, err
		}
		if i == 0 {
			s.event = e
		}
	}
	return s, nil
}

// sell lets people come to the shop until ctx ends, more of them now and then.
// What the same seed decides is the same each time; what the clock decides is not.
func (s *shop) sell(ctx context.Context) error {
	for n := 0; ; n++ {
		pause := time.Duration(s.rng.ExpFloat64() * float64(buyersEach))
		if since := time.Since(s.began); since%rushEvery > rushEvery-rushFor {
			pause /= 3
		}
		if sleep(ctx, pause) != nil {
			return nil
		}
		if err := s.visitor(ctx, n); err != nil && ctx.Err() == nil && !tolerable(err) {
			return err
		}
	}
}

// tolerable: what buyers meet in a good shop too.
func tolerable(err error) bool {
	return fault.Is(err, fault.Conflict) || fault.Is(err, fault.Limited) || fault.Is(err, fault.Transient)
}

// visitor is one person who looks, and perhaps fills a cart, and perhaps buys.
func (s *shop) visitor(ctx context.Context, n int) error {
	who, likes := tongues[s.rng.IntN(len(tongues))], s.rng.IntN(100)
	name, k, qty := who.names[s.rng.IntN(len(who.names))], s.kind(), 1+s.rng.IntN(4)
	if err := s.tell(ctx, "page.viewed", n, map[string]any{"page": "/" + s.event.Slug, "event": s.event.Slug}); err != nil {
		return err
	}
	switch {
	case likes < 45: // only looked
		return nil
	case likes < 55: // buys the warm-up, elsewhere
		return s.tell(ctx, "sale.completed", n, map[string]any{"event": "warmup", "category": "floor", "order": fmt.Sprint("w", n), "quantity": qty, "amount": 1900 * qty, "currency": "EUR"})
	}
	var cart struct {
		ID    id.ID  `json:"id"`
		Quote string `json:"quote"`
	}
	wanted := map[string]any{"event": s.event.ID, "lines": []sales.Wanted{{Category: k, Qty: qty}}}
	if err := s.client.call(ctx, "POST", "/v1/carts", wanted, &cart); err != nil {
		return err
	}
	if likes < 70 { // leaves the cart behind
		s.count(0, 0, 1)
		return nil
	}
	buyer := map[string]string{"name": name, "email": fmt.Sprintf("buyer-%d@usher.example", n), "locale": who.locale}
	err := s.client.call(ctx, "POST", "/v1/carts/"+cart.ID.String()+"/checkout", map[string]any{"quote": cart.Quote, "buyer": buyer, "method": "door"}, nil)
	if err == nil {
		s.count(1, qty, 0)
	}
	return err
}

// kind chooses a category as people do: most want a day, few the balcony.
func (s *shop) kind() id.ID {
	at := 0
	switch p := s.rng.IntN(100); {
	case p >= 96:
		at = 2
	case p >= 65:
		at = 1
	}
	return s.event.Categories[at].ID
}

// tell sends one event to the ingest door.
func (s *shop) tell(ctx context.Context, typ string, n int, data map[string]any) error {
	line, err := json.Marshal(map[string]any{"specversion": "1.0", "id": fmt.Sprintf("%s-%d", typ, n), "source": "/demo/shop", "type": typ, "data": data})
	if err != nil {
		return fault.E("demo.tell", fault.Internal, "cannot write the event", err)
	}
	return s.client.call(ctx, "POST", "/v1/events", bytes.NewReader(line), nil)
}

func (s *shop) count(orders, tickets, left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.orders, s.tickets, s.left = s.orders+orders, s.tickets+tickets, s.left+left
}
