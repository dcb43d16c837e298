package app

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/azure"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/seal"
)

// azureServer is the listener of Azure's protocol.
type azureServer struct {
	http     *http.Server
	listener net.Listener
	log      *slog.Logger
}

// serveAzure makes the service of Azure's protocol, whose jobs run even when nobody
// listens, and takes its port if there is one.
func (u *Usher) serveAzure(cfg Config, d *db.DB, key *seal.Key, notifications *hub.Service, metrics *Metrics) error {
	service, err := azure.New(cfg.Azure, notifications, d, key, u.log)
	if err != nil {
		return err
	}
	service.Jobs(u.queue)
	if cfg.Azure.Listen == "" {
		return nil
	}
	address, err := addressOf(cfg.HTTP.TrustedProxies)
	if err != nil {
		return err
	}
	u.azure, err = newAzureServer(cfg, service.Handler(azure.Front{Address: address, Seen: seen(u.log, metrics), Limits: cfg.Limits, Clock: clock.System{}}), u.log)
	return err
}

// newAzureServer takes the port. Errors: fault.Invalid for a certificate that cannot be
// used, fault.Conflict when the port is taken.
func newAzureServer(cfg Config, handler http.Handler, log *slog.Logger) (*azureServer, error) {
	secure, err := cfg.Azure.TLS.Config(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", cfg.Azure.Listen)
	if err != nil {
		return nil, fault.E("app.Azure", fault.Conflict, "cannot listen on "+cfg.Azure.Listen, err).WithFix("stop what uses the port, or choose another azure.listen")
	}
	if secure == nil {
		log.Info("azure.listen has no certificate: clients speak https alone, so a proxy must hold one", "listen", cfg.Azure.Listen)
	} else {
		listener = tls.NewListener(listener, secure)
	}
	return &azureServer{listener: listener, log: log, http: &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       cfg.HTTP.ReadTimeout,
		WriteTimeout:      cfg.HTTP.WriteTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10, // tag expressions and handles stand in headers
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}, nil
}

// Run serves until ctx ends, then lets requests that have begun finish.
func (s *azureServer) Run(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(s.listener) }()
	select {
	case err := <-failed:
		return fault.E("app.Azure", fault.Internal, "the server of Azure's protocol ended", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace*3/4)
	defer cancel()
	if err := s.http.Shutdown(last); err != nil {
		s.log.Warn("requests of Azure's protocol were cut off", "error", err)
		return s.http.Close()
	}
	return nil
}
