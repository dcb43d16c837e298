package main

import (
	"context"
	"fmt"
)

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
		place := theirs.order("/orders", 1)
		if err := gorm.run(ctx, load{doors: []string{shop.door}, clients: saleClients, n: orders, do: func(c *client, i int) error { return place(c, round*orders+i) }}); err != nil {
			return err
		}
		sold, err := b.rush(ctx, db, "ours", requests)
		if err != nil {
			return err
		}
		say("    %s", sold)
		ours.add(sold.laps)
		if err := idle.run(ctx, load{doors: []string{shop.door}, clients: saleClients, n: requests, do: theirs.order("/nothing", 1)}); err != nil {
			return err
		}
	}
	if err := auditSale(ctx, db, "shop", theirs, gorm.n, 1); err != nil {
		return err
	}
	b.result.tell("what this machine could do at best: the same requests and clients, echo on net/http decodes each and answers it, nothing is kept", "%.0f/s; usher sold %.0f %% of that in turn with it", idle.rate(), 100*ours.rate()/idle.rate())
	b.result.add("a transaction an order: echo and GORM, the same tables, HTTP, clients and number of connections", fmt.Sprintf("%s; usher in turn with it, %d rounds, %.0f/s, %.1f ×", &gorm, saleRounds, ours.rate(), ours.rate()/gorm.rate()),
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
	var few, many sold
	rivals := []struct {
		*fleet
		*sold
	}{{young, &few}, {old, &many}}
	for round := range saleRounds {
		say("  a house without and one with earlier orders: round %d of %d", round+1, saleRounds)
		for _, r := range rivals {
			if err := r.sell(ctx, r.sold, b.part(saleTickets)/saleRounds, 1); err != nil {
				return err
			}
		}
	}
	b.result.add(fmt.Sprintf("single tickets with %d earlier orders", b.part(earlier)), fmt.Sprintf("%s; %.0f %% of the rate of a house without them in turn with it, %d rounds, each behind a VACUUM and a checkpoint (%s)", many.figures(), 100*many.rate()/few.rate(), saleRounds, few.figures()),
		fmt.Sprintf("≥ %.0f %%", 100*earlierGoal), verdictOf(many.rate() >= earlierGoal*few.rate()))
	return auditSale(ctx, old.pg.URL(), "sales", before, b.part(earlier), 1)
}
