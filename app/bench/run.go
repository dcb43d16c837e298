package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/usherhq/usher/modules/hub/push/pushtest"
)

// bench is one run of the scenarios.
type bench struct {
	options
	*house  // the usher that runs now
	result  result
	work    string // everything the run writes, removed at its end
	handles *pushtest.Services
	copied  float64 // rows a second of a raw COPY, the last measured
	solo    crowd   // APNs alone
	mixed   crowd   // all three services
	arrived map[string]bool
}

// scenario is a part of the run. Later ones use what earlier ones have set up; each
// can be run alone.
type scenario struct {
	letter, title, about string
	run                  func(context.Context) error
}

func (b *bench) scenarios() []scenario {
	return []scenario{
		{"H", "Size and start", "A fresh data directory: the first start makes the database.", b.start},
		{"A", "Fan-out, APNs", "One notification to everybody, in turn with its peers on the same simulated service.", b.fanOut},
		{"E", "Audience and dry run", "Tag expressions over all installations, through HTTP, one after the other.", b.audience},
		{"W", "Fan-out at the wire's speed", "The same notification over each of usher's transports (docs/adr/0032), in turn with the peers and with the wire itself: h2load sends one message again and again, without a database, to the same simulated service. Each transport's process has sent to a tenth before. Then a service that says goodbye, refuses streams and cuts connections.", b.wireSpeed},
		{"C", "Memory of a send", "usher's resident memory at most (VmHWM) from its start on; it is started anew before the ten sends and before the one.", b.memory},
		{"F", "Registration", "PUT /v1/installations/:id, each answered after its commit, over 64 connections kept alive.", b.registration},
		{"I", "Ingest", "POST /v1/events: sales as CloudEvents in batches, one event in a thousand sent twice, each request answered after its commit; the listeners of analytics work at the same time.", b.ingest},
		{"T", "On-sale", "Tickets through HTTP with JSON and an idempotency key each, every order answered after its commit (fsync), over connections kept alive. After each part `sold = tickets = sum(qty) = what clients were told ≤ capacity` is asked of the database, and that no key has two orders.", b.onSale},
		{"U", "On-sale: the batch path, and several processes", "The till without HTTP against COPY, and processes of usher on one PostgreSQL (fsync on) and one Redis, which share the cores with the clients. Each has sold 20,000 orders or more before it is measured, behind a VACUUM and a checkpoint: autovacuum would take from some rounds and not from others.", b.tills},
		{"R", "Several processes", "Fan-out and ingest through 1, 2 and 3 processes of usher on one PostgreSQL and one Redis, behind a proxy that gives each the next request; all of them, the stores, the proxy and the clients share the cores. Then one is killed.", b.growth},
		{"B", "Fan-out, mixed", "40 % APNs, 50 % FCM, 10 % Web Push with RFC 8291 encryption.", b.fanOutMixed},
		{"G", "A service that is down", "The same notification to a fifth of the mixed crowd, with FCM well, answering 503, and never answering. The rate is that of APNs and Web Push together, until the last of theirs.", b.outage},
		{"D", "50 ms away", "APNs answers 50 ms later, as over the internet.", b.distance},
		{"S", "Detectors", "modules/analytics/detect in the harness's own process, on simulated Poisson series (seeded), the baseline estimated from 240 bins.", b.detectors},
		{"P", "Places and vouchers", "modules/proximity in the harness's own process, on simulated radio, stalls, crowds and buyers (package proximitytest/world, seeded) whose truth is known.", b.proximity},
		{"V", "A voucher's way", "From POST /v1/events with beacon.sighting to the request at the simulated APNs, in a usher of its own; then tills that redeem all vouchers at once, over HTTP.", b.vouchers},
		{"K", "Forecasts", "modules/analytics/forecast in the harness's own process, on simulated markets (modules/analytics/forecasttest, seeded) whose truth the oracle knows; customers of known segments (clustertest); retraining by usher's own job.", b.forecasts},
		{"Q", "Prices", "modules/pricing/policy in the harness's own process, in simulated markets with known truth (modules/pricing/markettest, seeded), beside the dynamic program's optimum.", b.prices},
	}
}

// run measures what o asks for and writes the result.
func run(ctx context.Context, o options) (err error) {
	b := &bench{options: o, arrived: map[string]bool{}}
	if b.work, err = os.MkdirTemp(o.dir, "usher-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.work)
	if err := os.Chmod(b.work, 0o755); err != nil { // PostgreSQL does not run as root
		return err
	}
	if err := b.usherBinary(ctx); err != nil {
		return err
	}
	m := describe(b.options.usher, o.dir, o.n)
	if err := b.open(ctx); err != nil {
		return err
	}
	defer b.close()
	for _, s := range b.scenarios() {
		if !o.wants(s.letter) {
			continue
		}
		b.result.section(s.title, s.about)
		if err := s.run(ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			b.result.fail(err)
		}
	}
	if err := b.publish(m); err != nil {
		return err
	}
	if n := b.result.failures(); n > 0 {
		return fmt.Errorf("%d scenarios failed", n)
	}
	return nil
}

func (b *bench) usherBinary(ctx context.Context) (err error) {
	if b.options.usher != "" {
		b.options.usher, err = filepath.Abs(b.options.usher)
		return err
	}
	say("building usher")
	b.options.usher, err = buildUsher(ctx, b.work)
	return err
}

// open starts the services and usher.
func (b *bench) open(ctx context.Context) error {
	near, err := startServices()
	if err != nil {
		return err
	}
	if b.handles, err = pushtest.Start(pushtest.Config{}); err != nil {
		return err
	}
	b.house = &house{near: near, apns: near}
	b.solo = crowd{app: "solo", n: b.n, service: onlyAPNs, handles: b.handles, origin: near.WebPushOrigin}
	b.mixed = crowd{app: "mixed", n: b.n, service: mixture, handles: b.handles, origin: near.WebPushOrigin}
	say("starting usher")
	b.house.usher, err = startUsher(ctx, b.options.usher, b.work, near, near)
	return err
}

// restart starts usher again on the same data, with breakers and pools fresh.
func (b *bench) restart(ctx context.Context, env ...string) (err error) {
	if err := b.stop(); err != nil {
		return err
	}
	b.house.usher, err = startUsher(ctx, b.options.usher, b.work, b.near, b.apns, env...)
	return err
}

// sendTo makes the solo crowd's messages go to another APNs, or to near's again. It is
// another process with its own key, so the credential is put anew.
func (b *bench) sendTo(ctx context.Context, apns *services) error {
	if b.apns != b.near {
		b.apns.stop()
	}
	b.apns = apns
	if err := b.restart(ctx); err != nil {
		return err
	}
	return b.setUp(ctx, b.solo.app, b.near, b.apns)
}

func (b *bench) close() {
	if b.house.usher != nil {
		if err := b.stop(); err != nil {
			say("%v", err)
		}
	}
	if b.apns != b.near {
		b.apns.stop()
	}
	b.near.stop()
	_ = b.handles.Close()
}

// publish writes the result where it belongs.
func (b *bench) publish(m machine) error {
	if b.out == "-" {
		return b.result.write(os.Stdout, m)
	}
	f, err := os.Create(b.out)
	if err != nil {
		return err
	}
	say("writing %s", b.out)
	return errors.Join(b.result.write(f, m), f.Close())
}

// settle lets what a send leaves behind (checkpoints, autovacuum) calm down, so
// that it is not charged to the next.
func settle(ctx context.Context) error { return wait(ctx, 2*time.Second) }

// crowdOf makes sure that a crowd has arrived, and reports how fast it did.
func (b *bench) crowdOf(ctx context.Context, c crowd) error {
	if b.arrived[c.app] {
		return nil
	}
	b.arrived[c.app] = true
	if err := b.setUp(ctx, c.app, b.near, b.apns); err != nil {
		return err
	}
	before, err := b.yardstick(ctx, c)
	if err != nil {
		return err
	}
	say("  importing %d installations", c.n)
	used := b.cpu()
	took, err := c.arrive(ctx, b.api)
	if err != nil {
		return err
	}
	used = b.cpu().minus(used)
	after, err := b.yardstick(ctx, c)
	if err != nil {
		return err
	}
	rate, raw := float64(c.n)/took.Seconds(), (before+after)/2
	b.result.tell("import of "+c.app+" (NDJSON, POST /v1/imports)", "%d in %.1f s = %.0f rows/s; %.0f %% of a raw COPY (%.0f rows/s); %s; %s",
		c.n, took.Seconds(), rate, 100*rate/raw, raw, used.each(int64(c.n)), disturbance(used.others(took)))
	return settle(ctx)
}

// yardstick measures the raw COPY now: the machine is not equally fast all the time.
func (b *bench) yardstick(ctx context.Context, c crowd) (float64, error) {
	_, socket := b.postmaster()
	rate, err := rawCopy(ctx, socket, c, min(c.n, 200_000))
	b.copied = rate
	return rate, err
}
