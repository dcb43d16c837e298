package app

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/identity"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/kernel/wicket"
)

// Site is everything a Server serves.
type Site struct {
	Routes  []web.Route               // JSON, of every module
	Pages   []web.Route               // HTML, of every module
	Files   fs.FS                     // templates/ and assets/; nil: no pages, no assets
	Checks  []Check                   // what /readyz asks
	Metrics *Metrics                  // what /metrics tells
	Door    Doorkeeper                // who is asking
	Who     func(actor string) string // what people call an actor; nil: as it is
	Clock   clock.Clock
}

// Check is one thing that must work before we can: the database, the queue, a
// push credential that has not expired.
type Check struct {
	Name  string
	Probe func(ctx context.Context) error // within two seconds
}

// Server is the HTTP front of Usher.
type Server struct {
	http     *http.Server
	listener net.Listener
	wicket   *wicket.Wicket // nil under TLS
	cfg      HTTP
	closing  chan struct{}
	log      *slog.Logger
}

// NewServer mounts the site and takes the port. Errors: fault.Invalid for
// templates, proxies or a certificate that cannot be used, fault.Conflict when the port is taken.
func NewServer(cfg Config, site Site, log *slog.Logger) (*Server, error) {
	e, err := newEcho(cfg, site, log)
	if err != nil {
		return nil, err
	}
	secure, err := cfg.HTTP.TLS.Config(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg.HTTP, closing: make(chan struct{}), log: log}
	if s.listener, err = net.Listen("tcp", cfg.HTTP.Listen); err != nil {
		return nil, fault.E("app.Server", fault.Conflict, "cannot listen on "+cfg.HTTP.Listen, err).
			WithFix("stop what uses the port, or choose another with --listen")
	}
	base := web.WithClosing(context.Background(), s.closing)
	s.http = &http.Server{
		Handler:           e,
		TLSConfig:         secure,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       cfg.HTTP.ReadTimeout,
		WriteTimeout:      cfg.HTTP.WriteTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // handshakes that fail, bad requests
		BaseContext:       func(net.Listener) context.Context { return base },
	}
	if secure == nil {
		s.wicket = wicket.Listen(s.listener, wicket.Config{Paths: rushed(site.Routes), Handler: e, Context: base, First: s.http.ReadHeaderTimeout, Idle: s.http.IdleTimeout, Write: s.http.WriteTimeout})
	}
	s.http.RegisterOnShutdown(sync.OnceFunc(func() { close(s.closing) }))
	return s, nil
}

// URL is where this machine reaches the server.
func (s *Server) URL() string {
	scheme := "http://"
	if s.cfg.TLS.On() {
		scheme = "https://"
	}
	return scheme + dialable(s.listener.Addr().String())
}

// Run serves until ctx ends, then lets requests that have begun finish.
func (s *Server) Run(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() {
		if s.http.TLSConfig != nil {
			failed <- s.http.ServeTLS(s.listener, "", "") // the certificate is TLSConfig's
			return
		}
		failed <- s.http.Serve(s.wicket)
	}()
	select {
	case err := <-failed:
		return fault.E("app.Server", fault.Internal, "the HTTP server ended", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace*3/4)
	defer cancel()
	err := s.http.Shutdown(last)
	if s.wicket != nil {
		err = errors.Join(err, s.wicket.Shutdown(last))
	}
	if err != nil {
		s.log.Warn("requests were cut off", "error", err)
		return s.http.Close()
	}
	return nil
}

// rushed are the paths whose ordinary requests the wicket reads.
func rushed(routes []web.Route) (paths []string) {
	for _, r := range routes {
		if r.Rush {
			paths = append(paths, r.Path)
		}
	}
	return paths
}

// newEcho mounts everything, in the order a request passes it.
func newEcho(cfg Config, site Site, log *slog.Logger) (*echo.Echo, error) {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	var err error
	if e.IPExtractor, err = addressOf(cfg.HTTP.TrustedProxies); err != nil {
		return nil, err
	}
	page, assets, err := drawPages(e, site)
	if err != nil {
		return nil, err
	}
	e.HTTPErrorHandler = web.ErrorHandler(log, page)
	var ours []string
	if o := cfg.HTTP.Origin(); o != "" {
		ours = append(ours, o)
	}
	sameOrigin, err := web.SameOrigin([]string{identity.CallbackPattern}, ours...)
	if err != nil {
		return nil, err
	}
	e.Use(web.Identify, web.Observe(site.Clock, seen(log, site.Metrics)), web.Recover, web.Secure, sameOrigin)
	m := web.Mounter{Echo: e, Guard: guard{site.Door}, Limiter: web.NewLimiter(cfg.Limits, site.Clock)}
	document, documentPage := apiRoutes(apiDocument(site))
	m.Routes(site.Routes...)
	m.Routes(document)
	m.Pages(site.Pages...)
	if assets != nil {
		m.Pages(documentPage)
		m.Routes(assets.Route())
	}
	// Probes and scrapes come often and from one address: they are not counted.
	unlimited := web.Mounter{Echo: e, Guard: m.Guard}
	unlimited.Routes(
		web.Route{Method: http.MethodGet, Path: "/healthz", Right: web.Public, Handler: health},
		web.Route{Method: http.MethodGet, Path: "/readyz", Right: web.Public, Handler: ready(site.Checks)},
		web.Route{Method: http.MethodGet, Path: "/metrics", Right: web.Manage, Handler: echo.WrapHandler(site.Metrics.Handler())})
	return e, nil
}

// drawPages sets up templates and assets, if there are any.
func drawPages(e *echo.Echo, site Site) (web.ErrorPage, *web.Assets, error) {
	if site.Files == nil {
		return nil, nil, nil
	}
	assets, err := web.NewAssets(site.Files)
	if err != nil {
		return nil, nil, err
	}
	funcs := map[string]any{"asset": assets.URL}
	if site.Who != nil {
		funcs["who"] = site.Who
	}
	pages, err := web.NewRenderer(site.Files, funcs)
	if err != nil {
		return nil, nil, err
	}
	e.Renderer = pages
	if !pages.Has("app/error") {
		return nil, assets, nil
	}
	return func(c echo.Context, p web.Problem) error {
		if to := signInFirst(c.Request(), p); to != "" {
			return c.Redirect(http.StatusSeeOther, to)
		}
		return c.Render(p.Status, "app/error", forPeople(p))
	}, assets, nil
}

// apiCall begins advice that is a request of the API.
var apiCall = regexp.MustCompile(`^(GET|HEAD|PUT|POST|PATCH|DELETE) /`)

// forPeople is a problem as a page tells it: advice that only a program can follow is left out.
func forPeople(p web.Problem) web.Problem {
	if apiCall.MatchString(p.Fix) {
		p.Fix = ""
	}
	p.Errors = slices.Clone(p.Errors)
	for i := range p.Errors {
		if apiCall.MatchString(p.Errors[i].Fix) {
			p.Errors[i].Fix = ""
		}
	}
	return p
}

// addressOf tells who is calling: the peer, or whom a trusted proxy names.
func addressOf(proxies []string) (echo.IPExtractor, error) {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect(), nil
	}
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range proxies {
		_, network, err := net.ParseCIDR(p)
		if err != nil {
			return nil, fault.BadField("app.Server", "http.trusted_proxies", p+" is not a network", "such as 10.0.0.0/8")
		}
		trust = append(trust, echo.TrustIPRange(network))
	}
	return echo.ExtractIPFromXFFHeader(trust...), nil
}

// seen logs and measures each answered request; probes are logged only when they fail.
func seen(log *slog.Logger, m *Metrics) func(web.Access) {
	return func(a web.Access) {
		m.Request(a)
		level := slog.LevelInfo
		if a.Status < 400 && (a.Route == "/healthz" || a.Route == "/readyz" || a.Route == "/metrics") {
			level = slog.LevelDebug
		}
		log.Log(context.Background(), level, "request", "http", a)
	}
}

// health says that the process answers, nothing more: it must not restart us
// because a neighbour is down.
func health(c echo.Context) error { return c.JSON(http.StatusOK, map[string]string{"status": "ok"}) }

// Readiness is the answer of /readyz.
type Readiness struct {
	Status string        `json:"status"` // "ok" or "unavailable"
	Checks []CheckResult `json:"checks"`
}

// CheckResult is what one Check found; Problem never holds a cause.
type CheckResult struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Problem string `json:"problem,omitempty"`
}

// ready asks every check at once and answers 503 when one fails.
func ready(checks []Check) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, cancel := context.WithTimeout(c.Request().Context(), 2*time.Second)
		defer cancel()
		r := Readiness{Status: "ok", Checks: make([]CheckResult, len(checks))}
		var all sync.WaitGroup
		for i, check := range checks {
			all.Go(func() { r.Checks[i] = check.ask(ctx) })
		}
		all.Wait()
		status := http.StatusOK
		for _, found := range r.Checks {
			if !found.OK {
				r.Status, status = "unavailable", http.StatusServiceUnavailable
			}
		}
		return c.JSON(status, r)
	}
}

func (k Check) ask(ctx context.Context) CheckResult {
	err := k.Probe(ctx)
	f, known := errors.AsType[*fault.Error](err)
	switch {
	case err == nil:
		return CheckResult{Name: k.Name, OK: true}
	case known:
		return CheckResult{Name: k.Name, Problem: f.Message}
	}
	return CheckResult{Name: k.Name, Problem: "does not answer"}
}

// dialable turns an address we listen on into one to dial: every interface is this machine too.
func dialable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
