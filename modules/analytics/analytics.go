// Package analytics takes events in, counts them in windows, and announces when
// demand, sentiment or a cart has changed.
//
// The path of an event: the ingest door → stream.log → standing queries (windows)
// → final outputs → detectors → facts that other modules listen to.
package analytics

import (
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/seal"
	"github.com/usherhq/usher/modules/kernel/stream"
)

// Config is analytics' part of config.yaml.
type Config struct {
	Ingest  Ingest       `koanf:"ingest"`
	Windows Windows      `koanf:"windows"`
	Queries []Definition `koanf:"queries"` // standing queries beside the dashboard's

	Detectors   []Detector    `koanf:"detectors"`    // instead of the ones of Defaults
	CartWait    time.Duration `koanf:"cart_wait"`    // a cart without a hold counts as abandoned after that long without activity
	Social      []Connector   `koanf:"social"`       // where posts come from
	SocialHosts []string      `koanf:"social_hosts"` // host:port that connectors may ask although it is private
	OutletHosts []string      `koanf:"outlet_hosts"` // host:port that webhooks may lead to although it is private, or without TLS
	DialGuard   DialGuard     `koanf:"-"`            // of connectors and webhooks; nil: only the hosts above are asked
	Key         *seal.Key     `koanf:"-"`            // from which the secrets of webhooks follow
}

// Defaults suit one small machine.
func Defaults() Config {
	return Config{Ingest: IngestDefaults(), Windows: Windows{MaxKeys: 1000, OutputDays: 90}, Detectors: DefaultDetectors(), CartWait: 15 * time.Minute}
}

// Validate reports every fault of the section at once.
func (c Config) Validate() error {
	return fault.BadFields("analytics.Config", slices.Concat(c.checkQueries(), c.checkDetectors()))
}

// Service is analytics.
type Service struct {
	cfg    Config
	db     *db.DB
	stream *stream.Stream
	log    *slog.Logger

	door  *door
	meter *meter

	consumers []FinalConsumer // of finals, in the order of OnFinal

	watched []watched    // detectors
	fetch   *fetcher     // of connectors
	sender  *http.Client // of webhooks
}

// New makes analytics over d and the stream st.
func New(cfg Config, d *db.DB, st *stream.Stream, log *slog.Logger) *Service {
	s := &Service{
		cfg: cfg, db: d, stream: st, log: log.With("module", "analytics"),
		watched: watch(cfg.Detectors), fetch: newFetcher(cfg.DialGuard, cfg.SocialHosts), sender: outgoing(cfg.DialGuard, cfg.OutletHosts, attemptTimeout),
		door: newDoor(cfg.Ingest, d.Now, st.Append),
	}
	s.meter = newMeter(s.keep)
	return s
}

// Close writes what waits at the door. Nothing may be ingested after it.
func (s *Service) Close() {
	s.door.close()
	s.meter.close()
}
