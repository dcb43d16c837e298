// Package analytics takes events in, counts them in windows, and announces when
// demand, sentiment or a cart has changed.
//
// The path of an event: the ingest door → stream.log → standing queries (windows)
// → final outputs → detectors → facts that other modules listen to.
package analytics

import (
	"log/slog"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/stream"
)

// Config is analytics' part of config.yaml.
type Config struct{}

// Defaults suit one small machine.
func Defaults() Config { return Config{} }

// Validate reports every fault of the section at once.
func (c Config) Validate() error { return nil }

// Service is analytics.
type Service struct {
	cfg    Config
	db     *db.DB
	stream *stream.Stream
	log    *slog.Logger

	finals []FinalConsumer // in the order of OnFinal
}

// New makes analytics over d and the stream st.
func New(cfg Config, d *db.DB, st *stream.Stream, log *slog.Logger) *Service {
	return &Service{cfg: cfg, db: d, stream: st, log: log.With("module", "analytics")}
}
