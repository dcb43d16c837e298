package app

import (
	"bytes"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/faulttest"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales"
	"github.com/usherhq/usher/modules/sales/admission"
)

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
