// Package embedded is the built-in stores: PostgreSQL, run as a child of usher, and
// the queue store, run inside it. They are used when no URL is configured, so that
// one binary on one machine is a whole installation.
package embedded

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/pgserver"
)

const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 30 * time.Second
	steady     = time.Minute // a server that ran this long did not fail to start
)

// Options is where the built-in PostgreSQL lives and whom it tells.
type Options struct {
	Dir string       // holds everything; empty: DefaultDir
	Log *slog.Logger // empty: slog.Default
}

// Postgres is the built-in PostgreSQL. It is started again whenever it ends
// unexpectedly; pools reconnect to the same URL by themselves.
type Postgres struct {
	home   *pgserver.Home
	log    *slog.Logger
	url    string
	cancel context.CancelFunc
	ended  chan struct{}    // closed when nobody watches over server any more
	server *pgserver.Server // belongs to supervise until ended; nil while it is down
	stop   func(context.Context) error
}

// Start runs PostgreSQL on the directory, which it makes and fills if need be, and
// returns when it accepts connections. One process at a time may have a directory.
//
// Errors: those of pgserver.Open, Init and Start.
func Start(ctx context.Context, opt Options) (*Postgres, error) {
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	if opt.Dir == "" {
		dir, err := DefaultDir()
		if err != nil {
			return nil, err
		}
		opt.Dir = dir
	}
	home, err := pgserver.Open(ctx, opt.Dir)
	if err != nil {
		return nil, err
	}
	server, err := run(ctx, home, opt.Log)
	if err != nil {
		return nil, errors.Join(err, home.Close())
	}
	watch, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &Postgres{
		home: home, log: opt.Log, url: server.URL("postgres"),
		cancel: cancel, ended: make(chan struct{}), server: server,
	}
	p.stop = onceStopped(p.shutDown)
	go p.supervise(watch)
	return p, nil
}

// run creates the cluster if there is none, and starts it.
func run(ctx context.Context, home *pgserver.Home, log *slog.Logger) (*pgserver.Server, error) {
	created, err := home.Init(ctx, pgserver.InitOptions{Conf: include})
	if err != nil {
		return nil, err
	}
	if created {
		log.Info("created the built-in database", "dir", home.Data(), "postgresql", home.Binaries().Version)
	}
	compression := "on" // PostgreSQL's own method
	if home.Takes(ctx, "wal_compression", "lz4") {
		compression = "lz4"
	}
	if err := writeConf(home.Data(), compression); err != nil {
		return nil, fault.E("embedded.Start", fault.Internal, "cannot write the PostgreSQL settings", err)
	}
	return home.Start(ctx, nil)
}

// URL is the database's address; it stays the same through restarts.
func (p *Postgres) URL() string { return p.url }

// Stop ends the supervision, shuts PostgreSQL down and releases the directory. ctx
// bounds the clean shutdown; after it PostgreSQL is stopped at once, and recovers at
// the next start. Close the pools first. Stopping twice is stopping once.
func (p *Postgres) Stop(ctx context.Context) error { return p.stop(ctx) }

func (p *Postgres) shutDown(ctx context.Context) error {
	p.cancel()
	<-p.ended
	var err error
	if p.server != nil {
		err = p.server.Stop(ctx)
	}
	return errors.Join(err, p.home.Close())
}

// supervise starts PostgreSQL again whenever it ends, sooner or later depending on
// how long it had run.
func (p *Postgres) supervise(ctx context.Context) {
	defer close(p.ended)
	backoff := minBackoff
	for {
		began := time.Now()
		select {
		case <-ctx.Done():
			return
		case <-p.server.Done():
		}
		p.log.Error("PostgreSQL ended unexpectedly; starting it again", "exit", p.server.Wait(), "log", p.home.LogFile())
		if time.Since(began) > steady {
			backoff = minBackoff
		}
		for p.server = nil; p.server == nil; backoff = min(2*backoff, maxBackoff) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(backoff):
			}
			p.restart(ctx)
		}
	}
}

// restart sets server when PostgreSQL runs again.
func (p *Postgres) restart(ctx context.Context) {
	server, err := p.home.Start(ctx, nil)
	switch {
	case err == nil:
		p.server = server
		p.log.Info("PostgreSQL runs again")
	case ctx.Err() == nil:
		p.log.Error("PostgreSQL does not start; trying again", "error", err)
	}
}

// onceStopped remembers the outcome of the first call.
func onceStopped(stop func(context.Context) error) func(context.Context) error {
	var once sync.Once
	var err error
	return func(ctx context.Context) error {
		once.Do(func() { err = stop(ctx) })
		return err
	}
}

// DefaultDir is /var/lib/usher for root, else usher in the user's data home.
// Errors: fault.Invalid when the user has no home directory.
func DefaultDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/usher", nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "usher"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fault.E("embedded.DefaultDir", fault.Invalid, "this user has no home directory to keep the data in", err).
			WithFix("name a data directory in the configuration, or set HOME")
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "usher"), nil
	}
	return filepath.Join(home, ".local", "share", "usher"), nil
}
