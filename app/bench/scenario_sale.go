package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"
)

const (
	saleRounds  = 3 // of what is compared: machines are not equally fast all the time
	saleClients = 256
	saleTickets = 150_000
	saleWithin  = 8 * time.Second
	saleRate    = 15_000.0
	saleFor     = 10 // seconds
	saleP99     = 25 * time.Millisecond
	pairs       = 60_000
	pairGoal    = 8_000.0
	shopOrders  = 6_000
	shopFactor  = 15.0
	earlier     = 2_000_000
	earlierGoal = 0.90
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
	return b.afterMillions(ctx)
}

// part is how much of a quantity this run measures: all of it, less when it is quick.
func (b *bench) part(of int) int { return min(of, max(1, of*b.n/1_000_000)) }

// sold is what one part of the sale took.
type sold struct {
	laps
	used cpu
}

func (s sold) String() string {
	return fmt.Sprintf("%.2f s = %s", s.took.Seconds(), s.figures())
}

func (s sold) figures() string {
	return fmt.Sprintf("%s; %s, clients %.1f; %s", &s.laps,
		s.used.each(int64(s.n)), float64(s.used.harness.Microseconds())/float64(s.n), disturbance(s.used.others(s.took)))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// sell runs a load against a concert's tickets and audits it.
func (b *bench) sell(ctx context.Context, db string, c concert, l load, qty int) (s sold, err error) {
	if l.doors == nil {
		l.doors, l.key = []string{strings.TrimPrefix(b.url, "http://")}, b.key
	}
	before := b.cpu()
	if err = s.run(ctx, l); err != nil {
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
	return b.sell(ctx, db, c, load{clients: saleClients, n: n, do: c.order("/v1/orders", 1)}, 1)
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
	return b.sell(ctx, db, c, load{clients: 2 * saleClients, n: n, rate: saleRate, do: c.order("/v1/orders", 1)}, 1)
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
