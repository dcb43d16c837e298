package app

import (
	"context"
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/usherhq/usher/app/embedded"
	"github.com/usherhq/usher/modules/analytics"
	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/azure"
	"github.com/usherhq/usher/modules/identity"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/queue"
	"github.com/usherhq/usher/modules/kernel/seal"
	"github.com/usherhq/usher/modules/pricing"
	"github.com/usherhq/usher/modules/proximity"
	"github.com/usherhq/usher/modules/sales"
)

// openStore connects to the configured PostgreSQL, or starts the built-in one.
// release closes and stops both.
func openStore(ctx context.Context, cfg Config, log *slog.Logger) (d *db.DB, release func(), err error) {
	stop := func() {}
	if cfg.Database.URL == "" {
		if cfg.Database.URL, stop, err = startStore(ctx, cfg, log); err != nil {
			return nil, nil, err
		}
	}
	if d, err = db.Open(ctx, cfg.Database, clock.System{}); err != nil {
		stop()
		return nil, nil, err
	}
	return d, func() { d.Close(); stop() }, nil
}

// startStore starts the built-in PostgreSQL; release stops it.
func startStore(ctx context.Context, cfg Config, log *slog.Logger) (url string, release func(), err error) {
	pg, err := embedded.Start(ctx, embedded.Options{Dir: filepath.Join(cfg.DataDir, "postgres"), Log: log})
	if err != nil {
		return "", nil, err
	}
	return pg.URL(), func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if err := pg.Stop(last); err != nil {
			log.Error("the built-in PostgreSQL did not stop well", "error", err)
		}
	}, nil
}

// openQueue connects the jobs to the configured Redis, or to the built-in store.
func openQueue(cfg Config, d *db.DB, log *slog.Logger) (q *queue.Queue, release func(), err error) {
	jobs := queue.Config{Lanes: slices.Concat([]queue.Lane{{Name: laneHouse, Concurrency: 2, Pace: queue.Calm}}, identity.QueueLanes(), hub.QueueLanes(), azure.QueueLanes(), sales.QueueLanes(), analytics.DetectorLanes(), analytics.ForecastLanes(), pricing.QueueLanes(), proximity.QueueLanes()), Crashes: maxCrashes}
	if cfg.Redis.URL != "" {
		opt, err := queue.ParseURL(cfg.Redis.URL)
		if err != nil {
			return nil, nil, err
		}
		q, err = queue.New(d, opt, jobs, log)
		return q, func() {}, err
	}
	store, err := embedded.StartQueue()
	if err != nil {
		return nil, nil, err
	}
	// Fresh also means that no other process runs jobs of this database; with a
	// PostgreSQL of the promoter's own there may be one, so leases are waited for.
	jobs.Fresh = cfg.Database.URL == ""
	if q, err = queue.New(d, store.ConnOpt(), jobs, log); err != nil {
		store.Close()
		return nil, nil, err
	}
	return q, store.Close, nil
}

// maxCrashes is how many processes a job may take down before it is given up. It
// is generous: a machine that loses power again and again must not lose a send.
const maxCrashes = 100

// sealKey is the configured key, or the one in the data directory, made when missing.
func sealKey(cfg Config) (*seal.Key, error) {
	if cfg.Seal.Key != "" {
		return seal.Parse(cfg.Seal.Key)
	}
	if err := os.MkdirAll(cfg.DataDir, 0o755); err != nil {
		return nil, fault.E("app.sealKey", fault.Invalid, "cannot make the data directory "+cfg.DataDir, err).WithFix("choose another with --data-dir")
	}
	return seal.Load(filepath.Join(cfg.DataDir, "seal.key"))
}

// roots are the system's certificate roots and those of file; nil without a file.
func roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.BadField("app.roots", "hub.services.ca_file", "cannot be read: "+err.Error(), "a PEM file of certificates, or leave it out")
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fault.BadField("app.roots", "hub.services.ca_file", "has no certificate in it", "a PEM file that begins with BEGIN CERTIFICATE")
	}
	return pool, nil
}
