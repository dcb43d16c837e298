package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/pricing"
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
	{sales.Event{Slug: Slug, Names: names("River Festival", "Fluss-Festival"), Venue: "River Meadows"}, []sales.Category{
		{Names: names("Day ticket", "Tagesticket"), PriceMinor: 4900, TaxPermille: 70, Capacity: 2400, MaxPerOrder: 8},
		{Names: names("Weekend", "Wochenende"), PriceMinor: 11900, TaxPermille: 70, Capacity: 900, MaxPerOrder: 8},
		{Names: names("Balcony", "Balkon"), PriceMinor: 24900, TaxPermille: 70, Capacity: 60, MaxPerOrder: 4},
	}},
	{sales.Event{Slug: "river-warm-up", Names: names("Warm-up night", "Warm-up-Abend"), Venue: "Boat House", Shop: "warmup"}, []sales.Category{
		{Names: names("Floor", "Stehplatz"), PriceMinor: 1900, Capacity: 600, ShopName: "floor"},
	}},
}

const (
	// Slug is where the festival is sold.
	Slug       = "river-festival"
	festivalIn = 30 * 24 * time.Hour
	buyersEach = 600 * time.Millisecond // mean time between visitors of the shop, at speed 1
	tills      = 8                      // visitors that are served at once
)

// shop is the demo's sale while it goes on.
type shop struct {
	*Festival
	event sales.Event  // sold here
	every atomic.Int64 // mean time between visitors, ns
	shut  chan struct{}

	mu                    sync.Mutex
	orders                []order
	tickets, left, turned int64
	revenue               int64 // minor units
}

// order is what somebody bought.
type order struct {
	ID         id.ID `json:"id"`
	Qty        int   `json:"qty"`
	TotalMinor int64 `json:"total_minor"`
}

// openShop puts the programme on sale, with prices that may move.
func (f *Festival) openShop(ctx context.Context) error {
	s := &shop{Festival: f, shut: make(chan struct{})}
	s.come(buyersEach)
	for i, p := range programme {
		e := p.event
		e.Locales, e.Zone, e.Currency, e.StartsAt = []string{"en", "de"}, "Europe/London", "EUR", time.Now().Add(festivalIn).Truncate(time.Hour).UTC()
		if err := f.client.call(ctx, "POST", "/v1/catalogue/events", e, &e); err != nil {
			return err
		}
		path := "/v1/catalogue/events/" + e.ID.String()
		for _, c := range p.categories {
			if err := f.client.call(ctx, "POST", path+"/categories", c, nil); err != nil {
				return err
			}
		}
		if err := f.client.call(ctx, "PATCH", path, map[string]string{"state": sales.EventPublished}, &e); err != nil {
			return err
		}
		if i == 0 {
			s.event = e
		}
	}
	f.shop = s
	if err := s.giveCode(ctx); err != nil {
		return err
	}
	return s.letPricesMove(ctx)
}

// letPricesMove switches prices on, inside the limits they come with.
func (s *shop) letPricesMove(ctx context.Context) error {
	for _, c := range s.event.Categories {
		var r pricing.Rule
		path := "/v1/pricing/categories/" + c.ID.String()
		if err := s.client.call(ctx, "GET", path, nil, &r); err != nil {
			return err
		}
		r.Mode, r.EveryMinutes = "auto", 0
		if err := s.client.call(ctx, "PUT", path, r, nil); err != nil {
			return err
		}
	}
	return nil
}

// come sets how often somebody comes, at speed 1.
func (s *shop) come(every time.Duration) { s.every.Store(int64(s.span(every))) }

// close ends the sale.
func (s *shop) close() { close(s.shut) }

// sell lets people come to the shop until it closes. The same seed lets the same people
// come with the same wishes; the clock decides how many come.
func (s *shop) sell(ctx context.Context) error {
	var served sync.WaitGroup
	defer served.Wait()
	failed, free := make(chan error, 1), make(chan struct{}, tills)
	r := rand.New(rand.NewPCG(s.Seed, 'p'))
	for n := 0; ; n++ {
		pause := time.NewTimer(time.Duration(r.ExpFloat64() * float64(s.every.Load())))
		select {
		case <-ctx.Done():
			return nil
		case <-s.shut:
			return nil
		case err := <-failed:
			return err
		case <-pause.C:
		}
		free <- struct{}{}
		served.Go(func() {
			defer func() { <-free }()
			if err := s.visitor(ctx, n); err != nil && ctx.Err() == nil && !tolerable(err) {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
}

// tolerable: what buyers meet in a good shop too.
func tolerable(err error) bool {
	return fault.Is(err, fault.Conflict) || fault.Is(err, fault.Limited) || fault.Is(err, fault.Transient) || fault.Is(err, fault.Forbidden)
}

// visitor is one person who looks, and perhaps fills a cart, and perhaps buys.
func (s *shop) visitor(ctx context.Context, n int) error {
	r := rand.New(rand.NewPCG(s.Seed, uint64(n)<<8|'b'))
	likes, b := r.IntN(100), s.buyer(r, n)
	if err := s.say(ctx, "page.viewed", n, map[string]any{"page": "/" + Slug, "event": Slug}); err != nil {
		return err
	}
	switch {
	case likes < 45: // only looked
		return nil
	case likes < 55: // buys the warm-up, elsewhere
		return s.say(ctx, "sale.completed", n, map[string]any{"event": "warmup", "category": "floor", "order": fmt.Sprint("w", n), "quantity": b.qty, "amount": 1900 * b.qty, "currency": "EUR"})
	}
	held, err := s.hold(ctx, b)
	if err != nil {
		s.count(func() { s.turned++ })
		return err
	}
	if likes < 70 { // leaves the cart behind
		s.count(func() { s.left++ })
		return nil
	}
	var done struct{ Order *order }
	err = s.client.call(ctx, "POST", "/v1/carts/"+held.ID.String()+"/checkout", map[string]any{"quote": held.Quote, "buyer": b.address, "method": "door"}, &done)
	if err == nil && done.Order != nil {
		s.count(func() {
			s.orders, s.tickets, s.revenue = append(s.orders, *done.Order), s.tickets+int64(done.Order.Qty), s.revenue+done.Order.TotalMinor
		})
	}
	return err
}

// cart is what a visitor holds.
type cart struct {
	ID    id.ID  `json:"id"`
	Quote string `json:"quote"`
}

// hold fills a cart; who is sent to the waiting room goes there first.
func (s *shop) hold(ctx context.Context, b buyer) (c cart, err error) {
	wanted, err := json.Marshal(map[string]any{"event": s.event.ID, "lines": []sales.Wanted{{Category: b.category, Qty: b.qty}}, "codes": b.codes})
	if err != nil {
		return c, fault.E(op, fault.Internal, "cannot write the cart", err)
	}
	ask := func(pass string) error {
		return s.client.sendWith(ctx, "POST", "/v1/carts", "application/json", wanted, http.Header{"Usher-Pass": {pass}}, &c)
	}
	if err = ask(""); !fault.Is(err, fault.Forbidden) {
		return c, err
	}
	pass, err := s.wait(ctx)
	if err != nil {
		return c, err
	}
	return c, ask(pass)
}

// patience is how long somebody stands in the waiting room before he goes.
const patience = 10 * time.Second

// wait stands in the waiting room until the pass comes that lets the visitor in.
func (s *shop) wait(ctx context.Context) (pass string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	path := "/v1/rooms/" + s.event.ID.String()
	var stand struct{ Ticket, Pass string }
	err = s.client.call(ctx, "POST", path, nil, &stand)
	for err == nil && stand.Pass == "" {
		if sleep(ctx, 250*time.Millisecond) != nil {
			return "", fault.E(op, fault.Conflict, "a visitor had no more patience", nil)
		}
		err = s.client.call(ctx, "GET", path+"?ticket="+url.QueryEscape(stand.Ticket), nil, &stand)
	}
	if err == nil || fault.Is(err, fault.NotFound) { // the room was closed meanwhile
		return stand.Pass, nil
	}
	return "", err
}

// rush sends everybody through the waiting room while ten times as many come.
func (f *Festival) rush(ctx context.Context) error {
	s := f.shop
	room := "/v1/rooms/" + s.event.ID.String()
	if err := f.client.call(ctx, "PUT", room, map[string]any{"mode": "on"}, nil); err != nil {
		return err
	}
	s.come(buyersEach / 10)
	if err := sleep(ctx, f.span(80*time.Second)); err != nil {
		return err
	}
	s.come(buyersEach)
	return f.client.call(ctx, "PUT", room, map[string]any{"mode": "off"}, nil)
}

// say sends one event to the ingest door.
func (s *shop) say(ctx context.Context, typ string, n int, data map[string]any) error {
	line, err := json.Marshal(map[string]any{"specversion": "1.0", "id": fmt.Sprintf("%s-%d", typ, n), "source": "/demo/shop", "type": typ, "data": data})
	if err != nil {
		return fault.E(op, fault.Internal, "cannot write the event", err)
	}
	return s.client.call(ctx, "POST", "/v1/events", bytes.NewReader(line), nil)
}

func (s *shop) count(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (f *Festival) toldSales() web.Text {
	s := f.shop
	s.mu.Lock()
	defer s.mu.Unlock()
	return web.T("%v tickets in %v orders so far; %v carts were left behind, %v buyers came too late.", web.Number(s.tickets), web.Number(len(s.orders)), web.Number(s.left), web.Number(s.turned))
}
