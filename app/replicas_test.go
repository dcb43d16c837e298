package app

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/identity"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/faulttest"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales"
	"github.com/usherhq/usher/modules/sales/admission"
)

// replicas are processes of usher on one PostgreSQL and one Redis, behind a proxy that gives each
// request to the next of them.
type replicas struct {
	t        *testing.T
	database string
	key      string
	proxy    *httptest.Server

	mu   sync.Mutex
	all  []*house
	next int
}

func newReplicas(t *testing.T, n int) *replicas {
	t.Helper()
	r := &replicas{t: t, database: dbtest.URL(t), key: identity.NewKeySecret()}
	settings := []string{"database.url=" + r.database, "database.max_conns=12", "redis.url=redis-socket://" + newRedis(t).socket, "seal.key=" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
		"access.keys=[{name: test, secret: " + r.key + ", rights: [manage]}]"}
	for range n {
		h := newHouse(t, settings...)
		h.key = r.key
		if r.all = append(r.all, h); len(r.all) == 1 { // the others send to its push services
			settings = append(settings, "hub.services.apns_endpoint="+h.services.APNsURL(), "hub.services.fcm_endpoint="+h.services.FCMURL(),
				"hub.services.webpush_hosts="+h.services.WebPushHost(), "hub.services.ca_file="+h.caFile)
		}
	}
	r.proxy = httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(r.turn()) }, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)})
	t.Cleanup(r.proxy.Close)
	return r
}

func (r *replicas) turn() *url.URL {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	to, err := url.Parse(r.all[r.next%len(r.all)].url)
	if err != nil {
		panic(err)
	}
	return to
}

// lose kills the last one. The proxy learns of it later, as from a health check: what it sends
// there meanwhile is not answered.
func (r *replicas) lose() {
	last := r.all[len(r.all)-1]
	last.killed()
	last.child = nil
	time.Sleep(100 * time.Millisecond)
	r.mu.Lock()
	r.all = r.all[:len(r.all)-1]
	r.mu.Unlock()
}

// insist repeats a call through the proxy until it is answered, with the same key.
func (r *replicas) insist(method, path, key string, in, out any) error {
	return r.insistAs(r.key, method, path, key, in, out)
}

func (r *replicas) insistAs(secret, method, path, key string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		status, text, err := r.once(secret, method, path, key, body)
		switch {
		case err != nil || status >= 500 || status == http.StatusTooManyRequests || status == http.StatusConflict && key != "":
			continue // not answered, or the one who began it may have died: 409 until it is known
		case status >= 300:
			return fmt.Errorf("%s %s: %d %s", method, path, status, text)
		}
		if raw, ok := out.(*[]byte); ok {
			*raw = text
			return nil
		}
		return json.Unmarshal(text, out)
	}
	return fmt.Errorf("%s %s was not answered", method, path)
}

func (r *replicas) once(secret, method, path, key string, body []byte) (status int, text []byte, err error) {
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.proxy.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	text, err = io.ReadAll(res.Body)
	return res.StatusCode, text, err
}

const (
	fans       = 120
	fansAtOnce = 8
)

// crowd is fans who each register, buy, fetch their tickets, get a push and go in.
type crowd struct {
	*replicas
	event   sales.Event
	scanner string // secret of the one at the door

	mu     sync.Mutex
	orders map[string]keptOrder
	mine   []sales.Scan // a ticket each, as the door knows it
	first  time.Time    // somebody was through after one was killed
	killed time.Time
}

// goes is the whole way of one fan, whatever process answers which step of it.
func (c *crowd) goes(i int) error {
	name, qty := fmt.Sprintf("fan-%d", i), 1+i%3
	x := c.all[0].services.Handle(push.FCM, i, "")
	if err := c.insist("PUT", "/v1/installations/"+name, "", hub.Installation{App: "festival", Kind: x.Kind, Handle: x.Value, Tags: []string{name}}, new(hub.Installation)); err != nil {
		return err
	}
	var cart struct{ Quote string }
	wanted := map[string]any{"event": c.event.ID, "lines": []map[string]any{{"category": c.event.Categories[0].ID, "qty": qty}}, "buyer": map[string]any{"email": name + "@example.org"}}
	if err := c.insist("POST", "/v1/carts", name, wanted, &cart); err != nil {
		return err
	}
	var o struct {
		sales.Order
		Tickets string `json:"tickets_url"`
	}
	if err := c.insist("POST", "/v1/orders", "", map[string]any{"quote": cart.Quote}, &o); err != nil {
		return err
	}
	at, err := url.Parse(o.Tickets)
	if err != nil {
		return err
	}
	var page []byte
	if err := c.insist("GET", at.Path, "", nil, &page); err != nil {
		return err
	}
	if codes := bytes.Count(page, []byte(`class="ticket-code"`)); codes != qty {
		return fmt.Errorf("%s has %d codes for %d tickets", name, codes, qty)
	}
	var n hub.Notification
	if err := c.insist("POST", "/v1/notifications", "push-"+name, map[string]any{"app": "festival", "tags": name, "template": "alert", "properties": map[string]any{"title": "Doors open", "body": name}}, &n); err != nil {
		return err
	}
	var tickets []sales.Scan
	for k := range qty {
		tickets = append(tickets, sales.Scan{ID: id.New(), Order: &o.ID, N: k + 1})
	}
	if err := c.scanned(tickets, admission.Admitted); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	c.mu.Lock()
	c.orders[o.ID.String()] = keptOrder{qty, o.TotalMinor, qty}
	c.mine = append(c.mine, tickets...)
	c.mu.Unlock()
	return nil
}

// scanned reports scans of a door and compares what it is told. A scan that was not answered is
// repeated under its own id.
func (c *crowd) scanned(scans []sales.Scan, want admission.Verdict) error {
	var answer struct{ Results []sales.Scanned }
	if err := c.insistAs(c.scanner, "POST", "/v1/scans", "", map[string]any{"event": c.event.ID, "device": "gate", "scans": scans}, &answer); err != nil {
		return err
	}
	for _, s := range answer.Results {
		if s.Verdict != want {
			return fmt.Errorf("a ticket is %s, want %s", s.Verdict, want)
		}
	}
	if len(answer.Results) != len(scans) {
		return fmt.Errorf("%d answers to %d scans", len(answer.Results), len(scans))
	}
	return nil
}

// TestEveryJourneyThroughReplicas lets a crowd go its whole way through two, and through three
// processes behind a proxy, kills one of them in the middle, and looks for everything that was
// answered: no order, ticket, message or entry is lost, and none is there twice.
func TestEveryJourneyThroughReplicas(t *testing.T) {
	for _, n := range []int{2, 3} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := newReplicas(t, n)
			one := r.all[0]
			one.festival(0)
			c := &crowd{replicas: r, event: one.onSaleEvent(1000), orders: map[string]keptOrder{}}
			c.scanner = r.all[n-1].enrolled(c.event) // its claim link is the newest
			next := make(chan int)
			var all sync.WaitGroup
			for range fansAtOnce {
				all.Go(func() {
					for i := range next {
						if err := c.goes(i); err != nil {
							t.Error(err)
						}
						c.through()
					}
				})
			}
			for i := range fans {
				if i == fans/3 {
					c.mu.Lock()
					c.killed = time.Now()
					c.mu.Unlock()
					r.lose()
				}
				next <- i
			}
			close(next)
			all.Wait()
			c.judge(one, n)
		})
	}
}

// enrolled makes a scanner as staff do: a one-time code on one device, its key on the other.
func (h *house) enrolled(e sales.Event) string {
	h.t.Helper()
	h.claimed()
	var paper struct{ Code string }
	var made struct{ Secret string }
	h.buyer(h.owner, "POST", "/v1/scanners", map[string]string{"name": "gate", "event": e.ID.String()}, &paper)
	h.buyer(nil, "POST", "/v1/scanners/enrol", map[string]string{"code": paper.Code}, &made)
	return made.Secret
}

// through notes when the first fan came through after the kill.
func (c *crowd) through() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.killed.IsZero() && c.first.IsZero() {
		c.first = time.Now()
	}
}

// judge compares what the crowd was told with what is there.
func (c *crowd) judge(one *house, n int) {
	c.t.Helper()
	books := one.saleBooks(c.database, c.event)
	lost, doubled := 0, books.Orders-books.Keys
	for name, told := range c.orders {
		if kept, ok := books.orders[name]; !ok || kept != told {
			c.t.Errorf("order %s is %+v, and was told as %+v", name, kept, told)
			lost++
		}
	}
	doubled += len(books.orders) - len(c.orders)
	if books.Sold != len(c.mine) || books.Tickets != len(c.mine) || books.Held != 0 {
		c.t.Errorf("%d tickets were handed out: %+v", len(c.mine), books.saleSums)
	}
	one.soon("every fan's phone has its message", func() bool { one.mu.Lock(); defer one.mu.Unlock(); return len(one.seen) >= fans })
	one.mu.Lock()
	for _, times := range one.seen {
		doubled += times - 1
	}
	lost += fans - len(one.seen)
	one.mu.Unlock()
	var door sales.DoorCounts
	if err := c.insistAs(c.scanner, "GET", "/v1/scans/counts?event="+c.event.ID.String(), "", nil, &door); err != nil || door.In != len(c.mine) || door.Double != 0 {
		c.t.Errorf("the door counts %+v, %v; %d went in", door, err, len(c.mine))
	}
	again := c.mine[:20]
	for i := range again {
		again[i].ID = id.New()
	}
	if err := c.scanned(again, admission.AlreadyUsed); err != nil {
		c.t.Error(err)
	}
	faulttest.Row{Fault: fmt.Sprintf("kill -9 of one of %d replicas behind a proxy, during purchases, pushes and check-in", n), Injected: 1,
		Acknowledged: fans + len(c.orders) + 2*len(c.mine) + fans, Lost: lost, Doubled: doubled, Most: fansAtOnce, Recovery: c.first.Sub(c.killed)}.Report(c.t)
}
