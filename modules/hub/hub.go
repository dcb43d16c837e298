// Package hub is the notification hub: devices register as installations, a
// promoter sends one notification to a tag expression, and each phone gets it in
// its own language and format through its push service.
//
// The path of a notification: Send (draft → split into chunks, one transaction)
// → job hub:deliver per chunk → push.Sender → an outcome per delivery.
package hub

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/wire"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/seal"
)

// Config is the hub's part of config.yaml.
type Config struct {
	ChunkSize     int           `koanf:"chunk_size"`     // installations a chunk
	FlushSize     int           `koanf:"flush_size"`     // outcomes a transaction, at most; a chunk has one of its own, and a second
	InFlight      int           `koanf:"in_flight"`      // unanswered requests a push service, at most; as many as the round trip calls for
	SendTimeout   time.Duration `koanf:"send_timeout"`   // for one answer
	Expiry        time.Duration `koanf:"expiry"`         // of a notification that states none
	RetentionDays int           `koanf:"retention_days"` // outcomes are kept so long
	Services      Services      `koanf:"services"`
}

// Services says where the push services are. Empty endpoints mean the real ones.
type Services struct {
	APNsEndpoint string   `koanf:"apns_endpoint"` // such as https://api.sandbox.push.apple.com
	FCMEndpoint  string   `koanf:"fcm_endpoint"`
	WebPushHosts []string `koanf:"webpush_hosts"` // host:port allowed although private: a push service of your own
	CAFile       string   `koanf:"ca_file"`       // PEM roots to trust beside the system's
	Connections  int      `koanf:"connections"`   // a push service and app, at most

	// What carries each service's HTTP/2: "own" or "standard" (docs/adr/0032); "" is "own".
	APNsTransport    wire.Transport `koanf:"apns_transport"`
	FCMTransport     wire.Transport `koanf:"fcm_transport"`
	WebPushTransport wire.Transport `koanf:"webpush_transport"`

	Roots *x509.CertPool `koanf:"-"` // read from CAFile
}

// Defaults suit one machine with two cores.
func Defaults() Config {
	return Config{
		ChunkSize: 5000, FlushSize: 5000, InFlight: 4000, SendTimeout: 10 * time.Second,
		Expiry: 24 * time.Hour, RetentionDays: 90, Services: Services{Connections: 4, APNsTransport: wire.Own, FCMTransport: wire.Own, WebPushTransport: wire.Own},
	}
}

// Validate reports every fault of the section at once.
func (c Config) Validate() error {
	var f []fault.Field
	within := func(name string, n, lo, hi int) {
		if n < lo || n > hi {
			f = append(f, fault.Field{Name: "hub." + name, Problem: fmt.Sprintf("is %d", n), Fix: fmt.Sprintf("between %d and %d", lo, hi)})
		}
	}
	within("chunk_size", c.ChunkSize, 100, 50_000)
	within("flush_size", c.FlushSize, 1, 50_000)
	within("in_flight", c.InFlight, 1, 20_000)
	within("retention_days", c.RetentionDays, 1, 3650)
	within("services.connections", c.Services.Connections, 1, 64)
	f = append(f, c.Services.badTransports()...)
	if c.SendTimeout < time.Second || c.SendTimeout > 5*time.Minute {
		f = append(f, fault.Field{Name: "hub.send_timeout", Problem: "is " + c.SendTimeout.String(), Fix: "between 1s and 5m"})
	}
	if c.Expiry < time.Minute {
		f = append(f, fault.Field{Name: "hub.expiry", Problem: "is " + c.Expiry.String(), Fix: "at least 1m"})
	}
	return fault.BadFields("hub.Config", f)
}

func (s Services) badTransports() (f []fault.Field) {
	check := func(name string, t wire.Transport) {
		if !t.Known() {
			f = append(f, fault.Field{Name: "hub.services." + name, Problem: fmt.Sprintf("is %q", t), Fix: "own or standard"})
		}
	}
	check("apns_transport", s.APNsTransport)
	check("fcm_transport", s.FCMTransport)
	check("webpush_transport", s.WebPushTransport)
	return f
}

// SenderMaker makes the sender of one app on one push service from its opened
// credential. The product's own is NewSender; tests may wrap it.
type SenderMaker func(ctx context.Context, service push.Service, secret []byte, cfg Services) (push.Sender, error)

// Service is the hub.
type Service struct {
	cfg   Config
	db    *db.DB
	log   *slog.Logger
	seal  *seal.Key
	lanes *lanes
	inlet *inlet // group commit of installations

	audiences turnstile
}

// New makes the hub. Call Close when no request or job can reach it any more.
func New(cfg Config, d *db.DB, key *seal.Key, maker SenderMaker, log *slog.Logger) *Service {
	s := &Service{cfg: cfg, db: d, seal: key, log: log.With("module", "hub"), audiences: newTurnstile(d)}
	s.lanes = newLanes(cfg, maker, s.log)
	s.inlet = newInlet(s)
	return s
}

// Close stops the inlet and closes every sender.
func (s *Service) Close() {
	s.inlet.close()
	s.lanes.close()
}

// Start makes the hub ready: partitions for the coming days, and an end to
// transfers that a crash cut short. Call it once, before requests and jobs.
func (s *Service) Start(ctx context.Context) error {
	if err := s.interruptTransfers(ctx); err != nil {
		return err
	}
	return s.Maintain(ctx)
}
