// Package proximity knows where people are at a venue, as far as they agreed to it,
// and what to offer them there.
//
// The path of a sighting: the ingest door → stream → zoning → visit → offer rules →
// choice → {voucher, VoucherIssued} in one transaction → the hub pushes it →
// a till redeems it.
package proximity

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/seal"
)

// Config is proximity's part of config.yaml.
type Config struct {
	VisitDays int           `koanf:"visit_days"` // visits are kept so long after they ended
	Forget    time.Duration `koanf:"forget"`     // after an event's end its sightings and the key to its pseudonyms are destroyed
}

// Defaults are those of the privacy notice in docs/proximity.md.
func Defaults() Config { return Config{VisitDays: 30, Forget: 24 * time.Hour} }

// Validate reports every fault of the section at once.
func (c Config) Validate() error {
	var f []fault.Field
	if c.VisitDays < 1 || c.VisitDays > 365 {
		f = append(f, fault.Field{Name: "proximity.visit_days", Problem: fmt.Sprintf("is %d", c.VisitDays), Fix: "between 1 and 365"})
	}
	if c.Forget < 0 || c.Forget > 30*24*time.Hour {
		f = append(f, fault.Field{Name: "proximity.forget", Problem: "is " + c.Forget.String(), Fix: "between 0s and 720h"})
	}
	return fault.BadFields("proximity.Config", f)
}

// Push is what proximity asks of the hub.
type Push interface {
	// Personal prepares one notification to some installations, each with properties of
	// its own beside the shared ones; send puts it on its way within a transaction.
	Personal(ctx context.Context, app, template string, shared map[string]any, own map[string]map[string]any, expires time.Time) (send func(tx *db.Tx) error, err error)
}

// Sightings is what proximity asks of the stream: the raw readings lie there.
type Sightings interface {
	// Erase removes facts of these types that happened before an instant; where member is
	// not "", only those whose data has that value there.
	Erase(ctx context.Context, types []string, member, value string, before time.Time) (int64, error)
}

// Segments is what proximity asks of analytics.
type Segments interface {
	// SegmentsOf names the segment of each of the persons who is in one.
	SegmentsOf(ctx context.Context, persons []string) (map[string]string, error)
}

// Catalogue is what proximity asks of sales.
type Catalogue interface {
	// EventNamed finds the event that facts call so: by its id, or by what the shop that
	// sells it calls it. Errors: fault.NotFound.
	EventNamed(ctx context.Context, name string) (id.ID, error)
}

// Service is proximity.
type Service struct {
	cfg  Config
	db   *db.DB
	seal *seal.Key
	push Push
	raw  Sightings
	shop Catalogue
	kind Segments // nil: none are known
	log  *slog.Logger
	maps atlas
}

// New makes proximity. kind nil: no segments of people are known.
func New(cfg Config, d *db.DB, key *seal.Key, push Push, raw Sightings, shop Catalogue, kind Segments, log *slog.Logger) *Service {
	return &Service{cfg: cfg, db: d, seal: key, push: push, raw: raw, shop: shop, kind: kind, log: log.With("module", "proximity")}
}
