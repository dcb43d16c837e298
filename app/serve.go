package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/usherhq/usher/app/embedded"
	"github.com/usherhq/usher/migrations"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/web"
)

// Serve runs Usher until ctx ends. out gets what the operator must read: where
// to point a browser.
func Serve(ctx context.Context, cfg Config, log *slog.Logger, out io.Writer) error {
	d, release, err := openStore(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer release()
	if _, err := db.Migrate(ctx, d.SQL(), migrations.FS); err != nil {
		return err
	}
	site := Site{
		Checks:  []Check{{Name: "database", Probe: d.Ping}},
		Metrics: NewMetrics(NewPoolCollector(d)),
		Clock:   clock.System{},
	}
	server, err := NewServer(cfg, site, log)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Usher is at %s\n", server.URL())
	if len(cfg.Access.Keys) == 0 && !cfg.HTTP.Loopback() {
		log.Warn("no access.keys are configured: other machines will be refused", "listen", cfg.HTTP.Listen)
	}
	return Run(ctx, log, forgetAnswers(d, log), Component{Name: "http", Run: server.Run})
}

// DemoOptions shape the simulated festival.
type DemoOptions struct {
	Installations int
	For           time.Duration // 0: until stopped
	Seed          int64
}

// Demo runs Usher beside a simulated festival, in built-in stores of its own:
// configured ones may hold true data.
func Demo(ctx context.Context, cfg Config, opt DemoOptions, log *slog.Logger, out io.Writer) error {
	if opt.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, opt.For)
		defer cancel()
	}
	cfg.DataDir = filepath.Join(cfg.DataDir, "demo")
	cfg.Database.URL, cfg.Redis.URL = "", ""
	return Serve(ctx, cfg, log, out)
}

// Migrate brings the schema up to date and says which version it has.
func Migrate(ctx context.Context, cfg Config, log *slog.Logger, out io.Writer) error {
	d, release, err := openStore(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer release()
	version, err := db.Migrate(ctx, d.SQL(), migrations.FS)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "the schema is at version %d\n", version)
	return err
}

// openStore connects to the configured PostgreSQL, or starts the built-in one. release closes and stops both.
func openStore(ctx context.Context, cfg Config, log *slog.Logger) (d *db.DB, release func(), err error) {
	stop := func() {}
	if cfg.Database.URL == "" {
		pg, err := embedded.Start(ctx, embedded.Options{Dir: filepath.Join(cfg.DataDir, "postgres"), Log: log})
		if err != nil {
			return nil, nil, err
		}
		cfg.Database.URL = pg.URL()
		stop = func() {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
			defer cancel()
			if err := pg.Stop(last); err != nil {
				log.Error("the built-in PostgreSQL did not stop well", "error", err)
			}
		}
	}
	if d, err = db.Open(ctx, cfg.Database, clock.System{}); err != nil {
		stop()
		return nil, nil, err
	}
	return d, func() { d.Close(); stop() }, nil
}

// forgetAnswers drops the answers to repeatable requests once they are a day old.
func forgetAnswers(d *db.DB, log *slog.Logger) Component {
	return Component{Name: "idempotency", Run: func(ctx context.Context) error {
		t := time.NewTicker(time.Hour)
		defer t.Stop()
		for {
			if _, err := web.PurgeIdempotency(ctx, d); err != nil && ctx.Err() == nil {
				log.Warn("old answers were not forgotten", "error", err)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-t.C:
			}
		}
	}}
}
