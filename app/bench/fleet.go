package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usherhq/usher/app/embedded"
	"github.com/usherhq/usher/modules/identity"
)

// fleet is processes of usher on one PostgreSQL and one Redis, behind a proxy.
type fleet struct {
	b     *bench
	dir   string
	key   string
	env   []string // the settings they share
	pg    *embedded.Postgres
	redis *redisServer
	proxy *http.Server
	url   string // of the proxy

	mu   sync.Mutex
	all  []*usher
	next atomic.Int64
}

// assemble starts the stores and the proxy; there are no processes yet. further
// settings may be given.
func (b *bench) assemble(ctx context.Context, name string, further ...string) (f *fleet, err error) {
	f = &fleet{b: b, dir: filepath.Join(b.work, name), key: identity.NewKeySecret()}
	if err := os.Mkdir(f.dir, 0o755); err != nil {
		return nil, err
	}
	if f.pg, err = embedded.Start(ctx, embedded.Options{Dir: filepath.Join(f.dir, "postgres"), Log: slog.New(slog.DiscardHandler)}); err != nil {
		return nil, err
	}
	if f.redis, err = startRedis(ctx, f.dir); err != nil {
		return nil, errors.Join(err, f.pg.Stop(context.WithoutCancel(ctx)))
	}
	f.env = append([]string{"USHER_DATABASE_URL=" + f.pg.URL(), "USHER_DATABASE_MAX_CONNS=20", "USHER_REDIS_URL=redis-socket://" + f.redis.socket, "USHER_SEAL_KEY=" + strings.Repeat("A", 43) + "="}, further...)
	return f, f.open()
}

// open starts the proxy: each request goes to the next process, and to another one
// when that one cannot be reached.
func (f *fleet) open() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	f.url = "http://" + listener.Addr().String()
	f.proxy = &http.Server{ReadHeaderTimeout: time.Minute, Handler: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(f.turn()) },
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}}
	go func() { _ = f.proxy.Serve(listener) }()
	return nil
}

func (f *fleet) turn() *url.URL {
	f.mu.Lock()
	defer f.mu.Unlock()
	to, err := url.Parse(f.all[int(f.next.Add(1))%len(f.all)].url)
	if err != nil {
		panic("a process is at no address: " + err.Error())
	}
	return to
}

// grow adds processes until there are n.
func (f *fleet) grow(ctx context.Context, n int) error {
	for len(f.all) < n {
		home, err := os.MkdirTemp(f.dir, "usher-")
		if err != nil {
			return err
		}
		u, err := launch(ctx, f.b.options.usher, home, f.key, append(common(filepath.Join(home, "data"), "127.0.0.1:0", f.key), f.env...))
		if err != nil {
			return err
		}
		f.mu.Lock()
		f.all = append(f.all, u)
		f.mu.Unlock()
	}
	return nil
}

// shrink stops processes, the last first, until there are n.
func (f *fleet) shrink(n int) {
	f.mu.Lock()
	n = min(n, len(f.all))
	gone := f.all[n:]
	f.all = f.all[:n:n]
	f.mu.Unlock()
	for _, u := range gone {
		_ = u.stop()
	}
}

// lose kills the last process (kill -9); the proxy soon knows, as a health check would tell it.
func (f *fleet) lose() error {
	f.mu.Lock()
	last := f.all[len(f.all)-1]
	f.mu.Unlock()
	if err := last.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = last.cmd.Wait()
	f.mu.Lock()
	f.all = f.all[:len(f.all)-1]
	f.mu.Unlock()
	return nil
}

func (f *fleet) stop(ctx context.Context) {
	_ = f.proxy.Close()
	for _, u := range f.all {
		_ = u.stop()
	}
	f.redis.stop()
	_ = f.pg.Stop(ctx)
}

func (f *fleet) cpu() cpu {
	postmaster, _ := postmasterOf(filepath.Join(f.dir, "postgres"))
	c := cpu{postgres: familyCPU(postmaster), services: ownCPU(f.redis.cmd.Process.Pid), harness: ownCPU(os.Getpid()), machine: machineCPU()}
	for _, u := range f.all {
		c.usher += ownCPU(u.pid())
	}
	return c
}

// doors are the processes' own addresses.
func (f *fleet) doors() (all []string) {
	for _, u := range f.all {
		all = append(all, strings.TrimPrefix(u.url, "http://"))
	}
	return all
}

// oneHouse is a fleet of one, which is warm.
func (b *bench) oneHouse(ctx context.Context, name string) (*fleet, error) {
	f, err := b.assemble(ctx, name)
	if err != nil {
		return nil, err
	}
	if err = f.grow(ctx, 1); err == nil {
		err = f.sell(ctx, new(sold), b.part(saleTickets)/saleRounds, 1)
	}
	if err != nil {
		f.stop(context.WithoutCancel(ctx))
	}
	return f, err
}

// sell sells n orders of qty tickets of a new concert through all processes, behind a
// VACUUM and a checkpoint, and audits it.
func (f *fleet) sell(ctx context.Context, s *sold, n, qty int) error {
	c, err := f.all[0].concert(ctx, n*qty)
	if err != nil {
		return err
	}
	if err := tidy(ctx, f.pg.URL()); err != nil {
		return err
	}
	if err := settle(ctx); err != nil { // a process that has just started has other things to do
		return err
	}
	before := f.cpu()
	if err := s.run(ctx, load{doors: f.doors(), key: f.key, clients: saleClients, n: n, do: c.order("/v1/orders", qty)}); err != nil {
		return err
	}
	s.used = s.used.plus(f.cpu().minus(before))
	return auditSale(ctx, f.pg.URL(), "sales", c, n, qty)
}
