package main

import (
	"context"
	"fmt"
	"time"
)

// laps is a thing measured in rounds, in turn with what it is compared with.
type laps struct {
	n     int
	took  time.Duration
	waits []time.Duration
}

func (l *laps) run(ctx context.Context, round load) error {
	took, waits, err := round.run(ctx)
	l.n, l.took, l.waits = l.n+round.n, l.took+took, append(l.waits, waits...)
	return err
}

func (l *laps) rate() float64 { return float64(l.n) / l.took.Seconds() }

func (l *laps) String() string {
	return fmt.Sprintf("%.0f/s, p50 %.1f ms, p99 %.1f ms", l.rate(), ms(quantile(l.waits, 0.5)), ms(quantile(l.waits, 0.99)))
}

// ordinary compares with a transaction an order by GORM, and with echo that keeps nothing.
func (b *bench) ordinary(ctx context.Context, db string) error {
	orders, requests := b.part(shopOrders), b.part(saleTickets)
	theirs, err := shopSchema(ctx, db, orders*saleRounds)
	if err != nil {
		return err
	}
	shop, err := startShop(db)
	if err != nil {
		return err
	}
	defer func() { _ = shop.stop() }()
	var gorm, ours, idle laps
	for round := range saleRounds {
		say("  GORM with a transaction an order, ours, and nothing at all: round %d of %d", round+1, saleRounds)
		place := theirs.order("/orders")
		if err := gorm.run(ctx, load{doors: []string{shop.door}, clients: shopClients, n: orders, do: func(c *client, i int) error { return place(c, round*orders+i) }}); err != nil {
			return err
		}
		sold, err := b.rush(ctx, db, "ours", requests)
		if err != nil {
			return err
		}
		say("    %s", sold)
		ours.n, ours.took = ours.n+sold.n, ours.took+sold.took
		if err := idle.run(ctx, load{doors: []string{shop.door}, clients: saleClients, n: requests, do: theirs.order("/nothing")}); err != nil {
			return err
		}
	}
	if err := auditSale(ctx, db, "shop", theirs, gorm.n, 1); err != nil {
		return err
	}
	b.result.tell("what this machine could do at best: the same requests and clients, echo on net/http decodes each and answers it, nothing is kept", "%.0f/s; usher sold %.0f %% of that in turn with it", idle.rate(), 100*ours.rate()/idle.rate())
	b.result.add("a transaction an order: echo and GORM, the same tables, HTTP and number of connections", fmt.Sprintf("%s with %d clients; usher in turn with it, %d rounds, %.0f/s, %.1f ×", &gorm, shopClients, saleRounds, ours.rate(), ours.rate()/gorm.rate()),
		fmt.Sprintf("≥ %.0f ×", shopFactor), verdictOf(ours.rate() >= shopFactor*gorm.rate()))
	return nil
}

// afterMillions asks whether earlier orders make the till slow: two houses sell in turn, each
// with a PostgreSQL of its own, and one has sold millions before. A round begins behind a
// checkpoint, where each page that is written to goes whole into the WAL.
func (b *bench) afterMillions(ctx context.Context) error {
	young, err := b.oneHouse(ctx, "young")
	if err != nil {
		return err
	}
	defer young.stop(context.WithoutCancel(ctx))
	old, err := b.oneHouse(ctx, "old")
	if err != nil {
		return err
	}
	defer old.stop(context.WithoutCancel(ctx))
	before, err := old.all[0].concert(ctx, 1)
	if err != nil {
		return err
	}
	say("  %d earlier orders", b.part(earlier))
	if err := earlierOrders(ctx, old.pg.URL(), before, b.part(earlier)); err != nil {
		return err
	}
	var few, many laps
	rivals := []struct {
		*fleet
		*laps
	}{{young, &few}, {old, &many}}
	for round := range saleRounds {
		say("  a house without and one with earlier orders: round %d of %d", round+1, saleRounds)
		for _, r := range rivals {
			if err := r.sell(ctx, r.laps, b.part(saleTickets)/saleRounds); err != nil {
				return err
			}
		}
	}
	b.result.add(fmt.Sprintf("single tickets with %d earlier orders", b.part(earlier)), fmt.Sprintf("%s; %.0f %% of the rate of a house without them in turn with it, %d rounds, each behind a checkpoint (%s)", &many, 100*many.rate()/few.rate(), saleRounds, &few),
		fmt.Sprintf("≥ %.0f %%", 100*earlierGoal), verdictOf(many.rate() >= earlierGoal*few.rate()))
	return auditSale(ctx, old.pg.URL(), "sales", before, b.part(earlier), 1)
}

// oneHouse is a fleet of one, which is warm.
func (b *bench) oneHouse(ctx context.Context, name string) (*fleet, error) {
	f, err := b.assemble(ctx, name)
	if err != nil {
		return nil, err
	}
	if err = f.grow(ctx, 1); err == nil {
		err = f.sell(ctx, new(laps), b.part(saleTickets)/saleRounds)
	}
	if err != nil {
		f.stop(context.WithoutCancel(ctx))
	}
	return f, err
}

// sell sells n single tickets of a new concert through all processes, behind a checkpoint,
// and audits it.
func (f *fleet) sell(ctx context.Context, l *laps, n int) error {
	c, err := f.all[0].concert(ctx, n)
	if err != nil {
		return err
	}
	if err := checkpoint(ctx, f.pg.URL()); err != nil {
		return err
	}
	if err := settle(ctx); err != nil { // a process that has just started has other things to do
		return err
	}
	if err := l.run(ctx, load{doors: f.doors(), key: f.key, clients: saleClients, n: n, do: c.order("/v1/orders")}); err != nil {
		return err
	}
	return auditSale(ctx, f.pg.URL(), "sales", c, n, 1)
}
