package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/seal"
	"github.com/usherhq/usher/modules/sales"
)

const (
	tillOrders    = 100_000
	tillQty       = 4
	tillClients   = 256
	tillShare     = 0.60
	replicaOrder  = 160_000 // all rounds together
	replicaRounds = 4       // 1, 2, 4, 4, 2, 1, …: what grows meanwhile is nobody's disadvantage
	slower        = 0.95    // what still counts as no slower, on a machine that is not equally fast all the time
)

// tills is scenario U. It has a PostgreSQL of its own, as built in, that several
// processes may use.
func (b *bench) tills(ctx context.Context) error {
	f, err := b.assemble(ctx, "tills")
	if err != nil {
		return err
	}
	defer f.stop(context.WithoutCancel(ctx))
	if err := b.replicas(ctx, f, "single tickets", 1); err != nil {
		return err
	}
	if err := b.replicas(ctx, f, fmt.Sprintf("orders of %d", tillQty), tillQty); err != nil {
		return err
	}
	if err := b.echoes(ctx, f.pg.URL()); err != nil {
		return err
	}
	return b.batchPath(ctx, f.pg.URL())
}

// replicas sells orders of qty tickets through 1, 2 and 4 processes, in rounds.
func (b *bench) replicas(ctx context.Context, f *fleet, what string, qty int) error {
	sizes, part := []int{1, 2, 4}, b.part(replicaOrder)/replicaRounds
	through := make([]sold, len(sizes))
	for round := range replicaRounds {
		for step := range sizes {
			i := step
			if round%2 == 1 {
				i = len(sizes) - 1 - step
			}
			n := sizes[i]
			f.shrink(n)
			if err := f.grow(ctx, n); err != nil {
				return err
			}
			say("  %s, %d processes, round %d of %d", what, n, round+1, replicaRounds)
			if err := f.sell(ctx, new(sold), n*part/2, qty); err != nil { // each is to get as warm as a single one
				return err
			}
			if err := f.sell(ctx, &through[i], part, qty); err != nil {
				return err
			}
		}
	}
	b.result.tell(what+" through 1 process", "%s; %d rounds in turn with those that follow", through[0].figures(), replicaRounds)
	for i, n := range sizes[1:] {
		l, first := &through[i+1], through[0].rate()
		b.result.add(fmt.Sprintf("%s through %d processes", what, n), fmt.Sprintf("%.0f %% of one; %s", 100*l.rate()/first, l.figures()), fmt.Sprintf("no slower (≥ %.0f %%)", 100*slower), verdictOf(l.rate() >= slower*first))
	}
	return nil
}

// echoes tells what several processes on these cores cost whoever they are: echo on
// net/http decodes each order and answers it, and nothing is kept.
func (b *bench) echoes(ctx context.Context, database string) error {
	sizes := []int{1, 2, 4}
	through, buyer := make([]laps, len(sizes)), concert{id.New().String(), id.New().String()}
	var doors []string
	for range sizes[len(sizes)-1] {
		s, err := startShop(database)
		if err != nil {
			return err
		}
		defer func() { _ = s.stop() }()
		doors = append(doors, s.door)
	}
	for range replicaRounds {
		for i, n := range sizes {
			if err := through[i].run(ctx, load{doors: doors[:n], clients: saleClients, n: b.part(replicaOrder) / replicaRounds, do: buyer.order("/nothing", 1)}); err != nil {
				return err
			}
		}
	}
	first := through[0].rate()
	b.result.tell("for comparison: the same requests to processes that keep nothing and share nothing (echo on net/http)", "1: %.0f/s, 2: %.0f %%, 4: %.0f %% of that", first, 100*through[1].rate()/first, 100*through[2].rate()/first)
	return nil
}

// batchPath sells without HTTP, in this process, against COPY of the same rows before and after.
func (b *bench) batchPath(ctx context.Context, database string) error {
	cfg := db.Defaults()
	cfg.URL = database
	d, err := db.Open(ctx, cfg, clock.System{})
	if err != nil {
		return err
	}
	defer d.Close()
	key, err := seal.Parse(strings.Repeat("A", 43) + "=")
	if err != nil {
		return err
	}
	house := sales.New(sales.Defaults(), d, key, nil, slog.New(slog.DiscardHandler))
	defer house.Close()
	n := b.part(tillOrders)
	c, err := stockOf(ctx, database, n*tillQty)
	if err != nil {
		return err
	}
	say("  COPY, the till, COPY")
	before, err := copyOrders(ctx, database, concert{c.Event, id.New().String()}, n/2, tillQty)
	if err != nil {
		return err
	}
	took, err := throughTheTill(ctx, house, c, n)
	if err != nil {
		return err
	}
	after, err := copyOrders(ctx, database, concert{id.New().String(), id.New().String()}, n/2, tillQty)
	if err != nil {
		return err
	}
	rate, raw := float64(n)/took.Seconds(), (before+after)/2
	b.result.add(fmt.Sprintf("the batch path: orders of %d tickets, %d clients, no HTTP", tillQty, tillClients), fmt.Sprintf("%.0f orders/s; %.0f %% of COPY of the same rows into the same tables in transactions of %d orders on two connections (%.0f orders/s)",
		rate, 100*rate/raw, copyLot, raw), fmt.Sprintf("≥ %.0f %%", 100*tillShare), verdictOf(rate >= tillShare*raw))
	return nil
}

func throughTheTill(ctx context.Context, house *sales.Service, c concert, n int) (time.Duration, error) {
	event, err := id.Parse(c.Event)
	if err != nil {
		return 0, err
	}
	category, err := id.Parse(c.Category)
	if err != nil {
		return 0, err
	}
	return inTurn(ctx, tillClients, n, func(i int) error {
		_, _, err := house.Order(ctx, sales.Purchase{Event: event, Lines: []sales.Line{{Category: category, Qty: tillQty, UnitMinor: 4900}}, Currency: "EUR",
			Buyer: fmt.Appendf(nil, `{"email":"guest-%d@festival.example"}`, i), Caller: "bench", Key: fmt.Sprintf("%s-%d", c.Category, i)})
		return err
	})
}

// redisServer is a private one, on a socket.
type redisServer struct {
	cmd    *exec.Cmd
	socket string
}

func startRedis(ctx context.Context, dir string) (*redisServer, error) {
	r := &redisServer{socket: filepath.Join(dir, "redis")}
	r.cmd = exec.Command("redis-server", "--port", "0", "--unixsocket", r.socket, "--save", "", "--dir", dir)
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("redis-server does not start: %w", err)
	}
	for range 500 {
		if c, err := net.Dial("unix", r.socket); err == nil {
			return r, c.Close()
		}
		if err := wait(ctx, 10*time.Millisecond); err != nil {
			break
		}
	}
	r.stop()
	return nil, fmt.Errorf("redis-server does not answer")
}

func (r *redisServer) stop() { _ = r.cmd.Process.Kill(); _ = r.cmd.Wait() }
