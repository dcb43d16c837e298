package app

import (
	"context"
	"log/slog"
	"slices"

	"github.com/usherhq/usher/migrations"
	"github.com/usherhq/usher/modules/analytics"
	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/push/webpush"
	"github.com/usherhq/usher/modules/identity"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/mail"
	"github.com/usherhq/usher/modules/kernel/queue"
	"github.com/usherhq/usher/modules/kernel/stream"
	kernel "github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/pricing"
	"github.com/usherhq/usher/modules/proximity"
	"github.com/usherhq/usher/modules/sales"
	"github.com/usherhq/usher/web"
)

// Usher is the whole program, put together and ready to run.
type Usher struct {
	log    *slog.Logger
	db     *db.DB
	queue  *queue.Queue
	stream *stream.Stream
	people *identity.Service
	server *Server
	pages  []kernel.Route // that are mounted

	selling func(context.Context) error
	windows func(context.Context) error
	azure   *azureServer // nil: the protocol is off
	running []Component  // for as long as the program does
	opened  []func()     // what Close undoes, the last first
}

// New is the architecture on one page: the stores, the kernel, the modules from
// top to bottom, and the doors into them. Close undoes it, also when it fails
// half-way: u is never nil.
func New(ctx context.Context, cfg Config, log *slog.Logger) (u *Usher, err error) { //nolint:funlen // the architecture on one page
	u = &Usher{log: log}

	// Stores: the promoter's, or our own.
	d, release, err := openStore(ctx, cfg, log)
	if err != nil {
		return u, err
	}
	u.onClose(release)
	u.db = d
	if _, err = db.Migrate(ctx, d.SQL(), migrations.FS); err != nil {
		return u, err
	}

	// Kernel.
	if u.queue, release, err = openQueue(cfg, d, log); err != nil {
		return u, err
	}
	u.onClose(release)
	u.stream = stream.New(d, stream.Config{RetentionDays: cfg.Stream.RetentionDays}, log)
	key, err := sealKey(cfg)
	if err != nil {
		return u, err
	}

	// Modules: identity, hub, sales, analytics, pricing, proximity.
	cfg.Identity.Machines = cfg.Access.machines()
	u.people = identity.New(cfg.Identity, d, key, cfg.HTTP.site(), log)
	if cfg.Hub.Services.Roots, err = roots(cfg.Hub.Services.CAFile); err != nil {
		return u, err
	}
	notifications := hub.New(cfg.Hub, d, key, hub.NewSender, log)
	u.onClose(notifications.Close)
	if err = notifications.Start(ctx); err != nil {
		return u, err
	}

	cfg.Sales.Origin, cfg.Sales.Mail, cfg.Sales.Audit, cfg.Sales.People = cfg.HTTP.Origin(), mail.New(cfg.Mail), u.people, u.people
	tickets := sales.New(cfg.Sales, d, key, notifications, log)
	u.onClose(tickets.Close)
	for _, l := range tickets.Listeners() {
		u.stream.Listen(l)
	}

	cfg.Analytics.DialGuard, cfg.Analytics.Key = webpush.RefusePrivate, key
	insights := analytics.New(cfg.Analytics, d, u.stream, tickets, notifications, u.people, log)
	u.onClose(insights.Close)
	insights.Listen()

	prices := pricing.New(cfg.Pricing, d, tickets, insights, notifications, u.people, log)
	for _, l := range prices.Listeners() {
		u.stream.Listen(l)
	}

	venues := proximity.New(cfg.Proximity, d, key, notifications, u.stream, tickets, insights, log)
	for _, l := range venues.Listeners() {
		u.stream.Listen(l)
	}

	doors := u.people.Doors(tickets)
	personal := u.people.PersonalData(notifications, tickets, insights, venues) // every module that keeps something of persons

	// Doors: facts, jobs and HTTP.
	if err = u.stream.Register(ctx); err != nil {
		return u, err
	}
	if err = insights.Start(ctx); err != nil {
		return u, err
	}
	u.selling, u.windows = tickets.Run, insights.RunWindows
	u.people.Jobs(u.queue)
	personal.Jobs(u.queue)
	notifications.Jobs(u.queue)
	tickets.Jobs(u.queue)
	insights.DetectorJobs(u.queue)
	insights.ForecastJobs(u.queue)
	prices.Jobs(u.queue)
	venues.Jobs(u.queue)
	houseJobs(u.queue, d)
	site := u.site(d, cfg, doors, personal, notifications, tickets, insights, prices, venues)
	system := &systemPages{checks: site.Checks, lanes: u.queue.Stats, lag: u.stream.Lag, parked: u.stream.ParkedByListener, credentials: notifications.AllCredentials,
		apps: notifications.Apps, chosen: cfg.Sales.App,
		certs: func() []listenerCert { return listenerCerts(cfg) }, dataDir: cfg.DataDir, clock: clock.System{}}
	now := &nowPages{modules: []glancer{u.people, tickets, venues, notifications, prices, insights, system}, guide: cfg.Guide, clock: clock.System{}}
	site.Pages = slices.Concat(site.Pages, now.Pages(), system.Pages(), languagePages(), phonePages(cfg.Guide))
	u.pages = site.Pages
	if !cfg.plays(roleWeb) {
		site = site.silent()
	}
	if u.server, err = NewServer(cfg, site, log); err != nil {
		return u, err
	}
	if cfg.plays(roleWeb) {
		if err = u.serveAzure(cfg, d, key, notifications, site.Metrics); err != nil {
			return u, err
		}
	}
	u.running = u.parts(cfg)
	return u, nil
}

// site is what is there over HTTP.
func (u *Usher) site(d *db.DB, cfg Config, doors *identity.Doors, personal *identity.PersonalData, notifications *hub.Service, tickets *sales.Service, insights *analytics.Service, prices *pricing.Service, venues *proximity.Service) Site {
	return Site{
		Routes: slices.Concat(u.people.Routes(), doors.Routes(), personal.Routes(), notifications.Routes(), tickets.Routes(), insights.Routes(), prices.Routes(), venues.Routes()),
		Pages:  slices.Concat(u.people.Pages(), doors.Pages(), personal.Pages(), notifications.Pages(), tickets.Pages(), insights.Pages(), prices.Pages(), venues.Pages()),
		Files:  web.Files,
		Checks: []Check{{"database", d.Ping}, {"queue", u.queue.Ping}},
		Metrics: NewMetrics(NewPoolCollector(d), NewQueueCollector(u.queue), NewStreamCollector(u.stream), NewTillCollector(tickets),
			NewIngestCollector(insights), NewQueryCollector(insights), NewPushCollector(notifications, d), NewHouseCollector(cfg)),
		Door:  u.people,
		Who:   u.people.NameOf,
		Clock: clock.System{},
	}
}

// URL is where this machine reaches Usher.
func (u *Usher) URL() string { return u.server.URL() }

// Run works until ctx ends. HTTP stops first, then the stream's readers, then the jobs.
func (u *Usher) Run(ctx context.Context) error {
	return Run(ctx, u.log, u.running...)
}

func (u *Usher) onClose(f func()) { u.opened = append(u.opened, f) }

// Close releases what New opened; the database is last. Call it after Run.
func (u *Usher) Close() {
	for _, undo := range slices.Backward(u.opened) {
		undo()
	}
	u.opened = nil
}
