package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/faulttest"
	"github.com/usherhq/usher/modules/sales"
)

const (
	onSaleClients  = 12
	onSaleKills    = 12
	onSaleCapacity = 1200 // fewer than are asked for: the last kills fall into the end of the sale
)

// onSale is buyers who repeat what was not answered, with the same key.
type onSale struct {
	t        *testing.T
	database string // its address, the same after each restart
	door     atomic.Pointer[entrance]
	event    sales.Event
	ended    atomic.Bool
	told     chan struct{} // an answer each

	mu      sync.Mutex
	orders  map[string]sales.Order // acknowledged, by key
	quotes  map[string]string      // of those that were in a cart
	refused int                    // told that nothing is left
	repeats int                    // requests without an answer
	all     sync.WaitGroup
}

// TestKilledDuringAnOnSale kills the server or PostgreSQL at random moments of a sale.
// What was acknowledged is there, once and as it was told; what is sold, the tickets
// and the orders agree; and never is one too many sold. It prints the table.
func TestKilledDuringAnOnSale(t *testing.T) {
	h := newHouse(t, "limits.shop.per_second=100000", "limits.shop.burst=100000")
	s := &onSale{t: t, database: h.builtIn(), orders: map[string]sales.Order{}, quotes: map[string]string{}, told: make(chan struct{}, 1<<16)}
	s.event = h.onSaleEvent(onSaleCapacity)
	s.door.Store(&entrance{h.url, h.key})
	for c := range onSaleClients {
		s.all.Go(func() { s.buy(c) })
	}
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	var recovery time.Duration // the longest
	table := []string{"| killed | acknowledged | refused | repeated requests | missing | doubled | changed | sold = tickets = Σqty ≤ capacity |", "|---|---|---|---|---|---|---|---|"}
	for range onSaleKills {
		s.until(40 + random.IntN(60))
		time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond) // anywhere within a batch
		what := "usher"
		if random.IntN(2) == 0 {
			what = "PostgreSQL"
			h.must(syscall.Kill(h.postmaster(), syscall.SIGKILL))
		} else {
			h.killed()
			h.start()
			s.door.Store(&entrance{h.url, h.key})
		}
		struck := time.Now()
		for len(s.told) > 0 {
			<-s.told
		}
		s.until(1)
		recovery = max(recovery, time.Since(struck))
		line, _ := s.judge(h, what)
		table = append(table, line)
	}
	s.ended.Store(true)
	s.all.Wait()
	line, row := s.judge(h, "(at the end)")
	table = append(table, line)
	t.Logf("\n%s", strings.Join(table, "\n"))
	books := h.saleBooks(s.database, s.event)
	if len(books.orders) != len(s.orders) || books.Held != 0 {
		t.Errorf("%d orders are there and %d tickets held, %d were acknowledged and nobody waits any more", len(books.orders), books.Held, len(s.orders))
	}
	asked := 0
	for key, o := range s.orders { // a repetition after everything: the same order
		if asked++; asked > 200 {
			break
		}
		now, replayed, err := s.again(key, o.Qty)
		if err != nil || !replayed || now.ID != o.ID || now.TotalMinor != o.TotalMinor {
			t.Fatalf("%s repeated: %+v, replayed %v, %v; it was %+v", key, now, replayed, err, o)
		}
	}
	row.Fault, row.Injected, row.Recovery = "kill -9 of usher or PostgreSQL, during a sale", onSaleKills, recovery
	row.Report(t)
}

// judge compares what the buyers were told so far with what the database holds.
func (s *onSale) judge(h *house, killed string) (line string, row faulttest.Row) {
	s.t.Helper()
	s.mu.Lock()
	told := maps.Clone(s.orders)
	refused, repeats := s.refused, s.repeats
	s.mu.Unlock()
	books := h.saleBooks(s.database, s.event)
	ids, missing, doubled, changed := map[string]bool{}, 0, 0, 0
	for _, o := range told {
		name := o.ID.String()
		if ids[name] {
			doubled++
		}
		ids[name] = true
		kept, ok := books.orders[name]
		switch {
		case !ok:
			missing++
		case kept != (keptOrder{o.Qty, o.TotalMinor, o.Qty}):
			changed++
		}
	}
	doubled += books.Orders - books.Keys
	invariant := books.Sold == books.Tickets && books.Tickets == books.Asked && books.Sold+books.Held <= books.Capacity
	if missing+doubled+changed > 0 || !invariant {
		s.t.Errorf("after %s was killed: %d missing, %d doubled, %d changed; %+v", killed, missing, doubled, changed, books.saleSums)
	}
	line = fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %d | %d = %d = %d ≤ %d |", killed, len(told), refused, repeats, missing, doubled, changed, books.Sold, books.Tickets, books.Asked, books.Capacity)
	return line, faulttest.Row{Acknowledged: len(told), Lost: missing + changed, Doubled: doubled}
}

// until waits until so many buyers more have their answer.
func (s *onSale) until(answers int) {
	s.t.Helper()
	late := time.After(patience)
	for range answers {
		select {
		case <-s.told:
		case <-late:
			s.t.Fatal("the buyers do not come on")
		}
	}
}

// buy is one client: orders at once, and carts that are confirmed.
func (s *onSale) buy(c int) {
	random := rand.New(rand.NewPCG(uint64(c), 3))
	for n := 0; !s.ended.Load(); n++ {
		key, qty := fmt.Sprintf("buyer-%d-%d", c, n), 1+random.IntN(3)
		var o sales.Order
		var err error
		if random.IntN(3) == 0 {
			o, err = s.cart(key, qty)
		} else {
			o, _, err = s.ask(key, qty)
			if err == nil && random.IntN(10) == 0 { // a nervous one asks once more
				var same sales.Order
				if same, _, err = s.ask(key, qty); err == nil && same.ID != o.ID {
					s.t.Errorf("%s made the orders %s and %s", key, o.ID, same.ID)
				}
			}
		}
		s.mu.Lock()
		switch {
		case errors.Is(err, errRefused):
			s.refused++
		case err != nil:
			s.t.Error(err)
		default:
			s.orders[key] = o
		}
		s.mu.Unlock()
		s.told <- struct{}{}
	}
}

func (s *onSale) wanted(qty int) map[string]any {
	return map[string]any{"event": s.event.ID, "lines": []map[string]any{{"category": s.event.Categories[0].ID, "qty": qty}}, "buyer": map[string]any{"email": "ana@example.org"}}
}

func (s *onSale) ask(key string, qty int) (o sales.Order, replayed bool, err error) {
	replayed, err = s.insist("/v1/orders", key, s.wanted(qty), &o)
	if err == nil && (o.Qty != qty || len(o.Lines) != 1) {
		err = fmt.Errorf("%s asked for %d and got %+v", key, qty, o)
	}
	return o, replayed, err
}

// cart puts tickets into a cart and buys it.
func (s *onSale) cart(key string, qty int) (o sales.Order, err error) {
	var cart struct{ Quote string }
	if _, err = s.insist("/v1/carts", key, s.wanted(qty), &cart); err != nil {
		return o, err
	}
	s.mu.Lock()
	s.quotes[key] = cart.Quote
	s.mu.Unlock()
	o, _, err = s.again(key, qty)
	return o, err
}

// again asks for the order of a key as it was asked for before.
func (s *onSale) again(key string, qty int) (o sales.Order, replayed bool, err error) {
	s.mu.Lock()
	quote := s.quotes[key]
	s.mu.Unlock()
	if quote == "" {
		return s.ask(key, qty)
	}
	replayed, err = s.insist("/v1/orders", "", map[string]any{"quote": quote}, &o)
	return o, replayed, err
}

var errRefused = errors.New("nothing is left")

// insist repeats a request until it is answered.
func (s *onSale) insist(path, key string, in, out any) (replayed bool, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return false, err
	}
	for end := time.Now().Add(patience); time.Now().Before(end); {
		status, header, text, err := s.post(path, key, body)
		switch {
		case err == nil && status == http.StatusCreated:
			return header.Get("Idempotent-Replayed") != "", json.Unmarshal(text, out)
		case err == nil && status == http.StatusConflict:
			return false, errRefused
		case err == nil && status < 500 && status != http.StatusTooManyRequests:
			return false, fmt.Errorf("%s with %s: %d %s", path, key, status, text)
		}
		s.mu.Lock()
		s.repeats++
		s.mu.Unlock()
		time.Sleep(20 * time.Millisecond) // the pace of a client, not a measure of anything
	}
	return false, fmt.Errorf("%s with %s was not answered", path, key)
}

func (s *onSale) post(path, key string, body []byte) (int, http.Header, []byte, error) {
	to := s.door.Load()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, to.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+to.key)
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, res.Header, text, err
}

// onSaleEvent puts an event with one category on sale.
func (h *house) onSaleEvent(capacity int) (e sales.Event) {
	h.t.Helper()
	title := map[string]any{"en": map[string]any{"title": "Concert"}}
	h.call("POST", "/v1/catalogue/events", map[string]any{"slug": "concert", "names": title, "locales": []string{"en"}, "zone": "Europe/Berlin", "currency": "EUR",
		"starts_at": time.Now().Add(30 * 24 * time.Hour)}, &e)
	h.call("POST", "/v1/catalogue/events/"+e.ID.String()+"/categories", map[string]any{"names": title, "price_minor": 4900, "capacity": capacity}, nil)
	h.call("PATCH", "/v1/catalogue/events/"+e.ID.String(), map[string]any{"state": "published"}, &e)
	return e
}
