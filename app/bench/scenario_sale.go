package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"
)

const (
	saleClients = 256
	saleTickets = 150_000
	saleWithin  = 8 * time.Second
	saleRate    = 15_000.0
	saleFor     = 10 // seconds
	saleP99     = 25 * time.Millisecond
	pairs       = 60_000
	pairGoal    = 8_000.0
	shopOrders  = 6_000
	shopClients = 64
	shopFactor  = 15.0
	earlier     = 2_000_000
	earlierGoal = 0.90
	laterShare  = 3 // one in so many of the tickets is enough to compare with
)

// onSale is scenario T.
func (b *bench) onSale(ctx context.Context) error {
	_, socket := b.postmaster()
	db := "postgres://usher@/postgres?host=" + url.QueryEscape(socket) + "&port=5432"
	n, within := b.part(saleTickets), saleWithin*time.Duration(b.part(saleTickets))/saleTickets
	empty, err := b.rush(ctx, db, "single tickets, closed loop", n)
	if err != nil {
		return err
	}
	b.result.add(fmt.Sprintf("%d single tickets, closed loop, %d clients", n, saleClients), empty.String(), fmt.Sprintf("≤ %s", within), verdictOf(empty.took <= within))
	open, err := b.openLoop(ctx, db)
	if err != nil {
		return err
	}
	b.result.add(fmt.Sprintf("open loop, %.0f single tickets/s for %d s, timed from when each was due", saleRate, b.part(saleFor)), open.String(), fmt.Sprintf("p99 ≤ %s", saleP99), verdictOf(quantile(open.waits, 0.99) <= saleP99))
	if err := b.pairs(ctx, db); err != nil {
		return err
	}
	if err := b.ordinary(ctx, db); err != nil {
		return err
	}
	return b.afterMillions(ctx, db)
}

// part is how much of a quantity this run measures: all of it, less when it is quick.
func (b *bench) part(of int) int { return min(of, max(1, of*b.n/1_000_000)) }

// sold is what one part of the sale took.
type sold struct {
	n     int
	took  time.Duration
	waits []time.Duration
	used  cpu
}

func (s sold) rate() float64 { return float64(s.n) / s.took.Seconds() }

func (s sold) String() string {
	return fmt.Sprintf("%.2f s = %.0f/s, p50 %.1f ms, p99 %.1f ms; %s, clients %.1f; %s", s.took.Seconds(), s.rate(), ms(quantile(s.waits, 0.5)), ms(quantile(s.waits, 0.99)),
		s.used.each(int64(s.n)), float64(s.used.harness.Microseconds())/float64(s.n), disturbance(s.used.others(s.took)))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// sell runs a load against a concert's tickets and audits it.
func (b *bench) sell(ctx context.Context, db string, c concert, l load, qty int) (s sold, err error) {
	if l.doors == nil {
		l.doors, l.key = []string{strings.TrimPrefix(b.url, "http://")}, b.key
	}
	before := b.cpu()
	s.n = l.n
	if s.took, s.waits, err = l.run(ctx); err != nil {
		return s, err
	}
	s.used = b.cpu().minus(before)
	return s, auditSale(ctx, db, "sales", c, l.n, qty)
}

// rush sells n single tickets of a new concert as fast as answers come.
func (b *bench) rush(ctx context.Context, db, what string, n int) (sold, error) {
	c, err := b.concert(ctx, n+1)
	if err != nil {
		return sold{}, err
	}
	say("  %s", what)
	return b.sell(ctx, db, c, load{clients: saleClients, n: n, do: c.order("/v1/orders")}, 1)
}

// openLoop: buyers come whether earlier ones were served or not.
func (b *bench) openLoop(ctx context.Context, db string) (sold, error) {
	n := b.part(int(saleRate) * saleFor)
	c, err := b.concert(ctx, n)
	if err != nil {
		return sold{}, err
	}
	if err := settle(ctx); err != nil {
		return sold{}, err
	}
	say("  open loop")
	return b.sell(ctx, db, c, load{clients: 2 * saleClients, n: n, rate: saleRate, do: c.order("/v1/orders")}, 1)
}

func (b *bench) pairs(ctx context.Context, db string) error {
	n := b.part(pairs)
	c, err := b.concert(ctx, 4*n)
	if err != nil {
		return err
	}
	say("  hold and confirm")
	s, err := b.sell(ctx, db, c, load{clients: saleClients, n: n, do: c.pair(2)}, 2)
	if err != nil {
		return err
	}
	b.result.add("hold → confirm, pairs of requests for two tickets", s.String(), fmt.Sprintf("≥ %.0f pairs/s", pairGoal), verdictOf(s.rate() >= pairGoal))
	return nil
}

// ordinary compares with a transaction an order by GORM, in turn.
func (b *bench) ordinary(ctx context.Context, db string) error {
	n := b.part(shopOrders)
	theirs, err := shopSchema(ctx, db, b.part(shopOrders))
	if err != nil {
		return err
	}
	shop, err := startShop(db)
	if err != nil {
		return err
	}
	defer func() { _ = shop.stop() }()
	say("  GORM, a transaction an order")
	took, waits, err := load{doors: []string{shop.door}, clients: shopClients, n: n, do: theirs.order("/orders")}.run(ctx)
	if err == nil {
		err = auditSale(ctx, db, "shop", theirs, n, 1)
	}
	if err != nil {
		return err
	}
	ours, err := b.rush(ctx, db, "and ours again", b.part(saleTickets/laterShare))
	if err != nil {
		return err
	}
	requests := b.part(saleTickets / laterShare)
	idle, _, err := load{doors: []string{shop.door}, clients: saleClients, n: requests, do: theirs.order("/nothing")}.run(ctx)
	if err != nil {
		return err
	}
	floor := float64(requests) / idle.Seconds()
	b.result.tell("what this machine could do at best: the same requests and clients, echo on net/http decodes each and answers it, nothing is kept", "%.0f/s; usher sold %.0f %% of that right before", floor, 100*ours.rate()/floor)
	rate := float64(n) / took.Seconds()
	b.result.add("a transaction an order: echo and GORM, the same tables, HTTP and number of connections", fmt.Sprintf("%.0f/s with %d clients, p50 %.1f ms, p99 %.1f ms; usher right after it %.0f/s, %.1f ×",
		rate, shopClients, ms(quantile(waits, 0.5)), ms(quantile(waits, 0.99)), ours.rate(), ours.rate()/rate), fmt.Sprintf("≥ %.0f ×", shopFactor), verdictOf(ours.rate() >= shopFactor*rate))
	return nil
}

// afterMillions asks whether earlier orders make the till slow: the rate before them
// and after them, each measured right beside the other.
func (b *bench) afterMillions(ctx context.Context, db string) error {
	few, err := b.rush(ctx, db, "before the millions", b.part(saleTickets/laterShare))
	if err != nil {
		return err
	}
	old, err := b.concert(ctx, 1)
	if err != nil {
		return err
	}
	say("  %d earlier orders", b.part(earlier))
	if err := earlierOrders(ctx, db, old, b.part(earlier)); err != nil {
		return err
	}
	if err := settle(ctx); err != nil {
		return err
	}
	many, err := b.rush(ctx, db, "after the millions", b.part(saleTickets/laterShare))
	if err != nil {
		return err
	}
	b.result.add(fmt.Sprintf("single tickets with %d earlier orders", b.part(earlier)), fmt.Sprintf("%.0f %% of the rate right before them; %s", 100*many.rate()/few.rate(), many), fmt.Sprintf("≥ %.0f %%", 100*earlierGoal), verdictOf(many.rate() >= earlierGoal*few.rate()))
	return auditSale(ctx, db, "sales", old, b.part(earlier), 1)
}
