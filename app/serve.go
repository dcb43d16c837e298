package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/usherhq/usher/app/demo"
	"github.com/usherhq/usher/migrations"
	"github.com/usherhq/usher/modules/analytics"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
	"github.com/usherhq/usher/modules/identity"
	"github.com/usherhq/usher/modules/identity/oidctest"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/pgserver"
	"github.com/usherhq/usher/modules/kernel/web"
)

// Serve runs Usher until ctx ends. out gets what the operator must read: where
// to point a browser.
func Serve(ctx context.Context, cfg Config, log *slog.Logger, out io.Writer) error {
	tuneMemory(memoryLimit)
	return serve(ctx, cfg, log, func(ctx context.Context, u *Usher) error {
		fmt.Fprintf(out, "Usher is at %s\n", u.URL())
		claim, err := u.people.NewClaim(ctx, cfg.HTTP.reachable(u.URL()))
		if err != nil {
			return err
		}
		if claim != "" {
			fmt.Fprintf(out, "Nobody owns it yet. Become its owner within 30 minutes: %s\n", claim)
		}
		<-ctx.Done()
		return nil
	})
}

// serve runs Usher beside what is to happen meanwhile, and stops in good order
// when that has ended.
func serve(ctx context.Context, cfg Config, log *slog.Logger, meanwhile func(ctx context.Context, u *Usher) error) error {
	u, err := New(ctx, cfg, log)
	defer u.Close() //nolint:staticcheck // SA5001: u is never nil, and has the more to close the later New failed
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // what migrations, templates and assets left behind
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- u.Run(running)
		stop()
	}()
	err = meanwhile(running, u)
	stop()
	if ran := <-ended; ran != nil {
		return ran
	}
	return err
}

// maxPhones bounds the demo's crowd: about 2 GB of database.
const maxPhones = 5_000_000

// maxSpeed bounds the demo's: faster, nobody could follow, and no machine either.
const maxSpeed = 200

// Demo runs Usher with built-in stores of its own, which are gone afterwards,
// beside a simulated festival and simulated push services. Nothing in Usher
// knows of it but its configuration, and the tour on the page Now. It returns the
// festival's closing report.
func Demo(ctx context.Context, cfg Config, opt demo.Options, log *slog.Logger) (demo.Report, error) {
	return demoThen(ctx, cfg, opt, log, func(context.Context, *Usher) error { return nil })
}

// demoThen is Demo, with something to do once the festival is over and Usher still there.
func demoThen(ctx context.Context, cfg Config, opt demo.Options, log *slog.Logger, then func(context.Context, *Usher) error) (report demo.Report, err error) { //nolint:funlen // what is started is ended here too
	if opt.Installations < 1 || opt.Installations > maxPhones {
		return report, fault.BadField("app.Demo", "--installations", fmt.Sprintf("is %d", opt.Installations), fmt.Sprintf("1 to %d", maxPhones))
	}
	if opt.Speed < .1 || opt.Speed > maxSpeed {
		return report, fault.BadField("app.Demo", "--speed", fmt.Sprintf("is %g", opt.Speed), fmt.Sprintf("0.1 to %d; 1 takes about twelve minutes", maxSpeed))
	}
	tuneMemory(demoMemoryLimit)
	festival := demo.New(opt)
	services, err := pushtest.Start(pushtest.Config{DecryptEvery: decryptEvery(opt.Installations), OnMessage: festival.Take})
	if err != nil {
		return report, fault.E("app.Demo", fault.Internal, "the simulated push services do not start", err)
	}
	defer services.Close()
	cfg.DataDir = filepath.Join(cfg.DataDir, "demo")
	lock, err := emptyHome(ctx, cfg.DataDir)
	if err != nil {
		return report, err
	}
	defer func() { _ = lock.Unlock() }()
	if err := useServices(&cfg, services); err != nil {
		return report, err
	}
	people, err := demoPeople(&cfg)
	if err != nil {
		return report, err
	}
	defer people.Close()
	at := demo.Place{Key: identity.NewKeySecret(), Secret: identity.NewKeySecret()}
	demoConfig(&cfg, at)
	cfg.Guide = festival
	err = serve(ctx, cfg, log, func(ctx context.Context, u *Usher) error {
		for _, origin := range []string{u.URL(), strings.Replace(u.URL(), "127.0.0.1", "localhost", 1), cfg.HTTP.Origin()} {
			people.Register(origin + "/auth/" + demoProvider + "/callback")
		}
		at.URL = u.URL()
		if at.Start, err = u.people.NewClaim(ctx, u.URL()); err != nil {
			return err
		}
		if at.Scanners, err = u.demoScanners(ctx); err != nil {
			return err
		}
		if report, err = festival.Run(ctx, services, at); err != nil {
			return err
		}
		return then(ctx, u)
	})
	return report, err
}

// demoConfig is what the promoter of the festival has set: a till at the door, carts that are
// soon free again, a social feed, and detectors that look every second.
func demoConfig(cfg *Config, at demo.Place) {
	cfg.Database.URL, cfg.Redis.URL = "", ""
	cfg.Sales.Payment.Door, cfg.Sales.Hold = true, time.Minute
	cfg.Limits.PerSecond, cfg.Limits.Burst = 2000, 10_000 // the whole crowd comes from one address
	cfg.Access.Keys = append(cfg.Access.Keys, Key{Name: "demo", Secret: at.Key, Rights: []string{string(web.Manage)}})
	cfg.Analytics.Social = append(cfg.Analytics.Social, analytics.Connector{Name: demo.Connector, Kind: "webhook", Secret: at.Secret})
	cfg.Analytics.Detectors = slices.Clone(cfg.Analytics.Detectors)
	for i := range cfg.Analytics.Detectors {
		if d := &cfg.Analytics.Detectors[i]; d.Method == "" {
			d.Bin, d.Late, d.HistorySize = time.Second, time.Second, 60
		}
	}
}

// demoScanners are the codes that two devices become scanners with, as the page Scanners makes them.
func (u *Usher) demoScanners(ctx context.Context) (codes []string, err error) {
	for _, name := range []string{"Gate 1", "Gate 2"} {
		err := u.db.InTx(ctx, func(tx *db.Tx) error {
			e, err := u.people.StartEnrolment(tx, identity.ScannerDraft{Name: name, Event: demo.Slug})
			codes = append(codes, e.Code)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return codes, nil
}

// useServices points the hub to the simulated push services.
func useServices(cfg *Config, services *pushtest.Services) error {
	cfg.Hub.Services.APNsEndpoint = services.APNsURL()
	cfg.Hub.Services.FCMEndpoint = services.FCMURL()
	cfg.Hub.Services.WebPushHosts = []string{services.WebPushHost()}
	cfg.Hub.Services.CAFile = filepath.Join(cfg.DataDir, "services.pem")
	if err := os.WriteFile(cfg.Hub.Services.CAFile, services.CAPEM(), 0o600); err != nil {
		return fault.E("app.Demo", fault.Internal, "cannot write "+cfg.Hub.Services.CAFile, err)
	}
	return nil
}

// demoProvider is the name of the demo's way to sign in.
const demoProvider = "demo"

// demoPeople starts a true OpenID provider with three people in it, and lets
// people sign in with it.
func demoPeople(cfg *Config) (*oidctest.Provider, error) {
	p, err := oidctest.Start(oidctest.Config{ClientID: "usher-demo", ClientSecret: id.Code(20), Users: []oidctest.User{
		{Subject: "ana", Name: "Ana", Email: "ana@festival.example", Note: "owner"},
		{Subject: "ben", Name: "Ben", Email: "ben@festival.example"},
		{Subject: "cora", Name: "Cora", Email: "cora@festival.example"},
	}})
	if err != nil {
		return nil, err
	}
	cfg.Identity.Providers = append(cfg.Identity.Providers, identity.Provider{
		Name: demoProvider, Kind: "oidc", Label: "Demo sign-in", Issuer: p.Issuer(), ClientID: "usher-demo", ClientSecret: p.ClientSecret(),
	})
	return p, nil
}

// decryptEvery spares a large demo most of the simulated service's own work: it
// decrypts every message up to 50,000 phones, and a sample of more.
func decryptEvery(installations int) int { return 1 + installations/50_000 }

// emptyHome makes dir the demo's alone and removes what an earlier demo left in it.
// Errors: fault.Conflict while another demo runs there.
func emptyHome(ctx context.Context, dir string) (*pgserver.Lock, error) {
	const op = "app.Demo"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fault.E(op, fault.Invalid, "cannot make "+dir, err).WithFix("choose another place with --data-dir")
	}
	lock, err := pgserver.TryLock(filepath.Join(dir, "demo.lock"))
	if err != nil {
		return nil, err
	}
	postgres := filepath.Join(dir, "postgres")
	if err := pgserver.StopOrphan(ctx, postgres); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(postgres); err != nil {
		return nil, fault.E(op, fault.Internal, "cannot remove the last demo's data", err)
	}
	return lock, nil
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
