// Package analytics takes events in, counts them in windows, and announces when
// demand, sentiment or a cart has changed.
//
// The path of an event: the ingest door → stream.log → standing queries (windows)
// → final outputs → detectors → facts that other modules listen to.
package analytics

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/listing"
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
	Assistant   Assistant     `koanf:"assistant"`    // what followers are told
	DialGuard   DialGuard     `koanf:"-"`            // of connectors and webhooks; nil: only the hosts above are asked
	Key         *seal.Key     `koanf:"-"`            // from which the secrets of webhooks follow
}

// Defaults suit one small machine.
func Defaults() Config {
	return Config{Ingest: IngestDefaults(), Windows: Windows{MaxKeys: 1000, OutputDays: 90}, Detectors: DefaultDetectors(), CartWait: 15 * time.Minute, Assistant: Assistant{On: true, Chance: .7, Alike: .7, Like: .05}}
}

// Validate reports every fault of the section at once.
func (c Config) Validate() error {
	return fault.BadFields("analytics.Config", slices.Concat(c.checkQueries(), c.checkDetectors(), c.Assistant.check()))
}

// Shop is what analytics asks of sales: every event with all its past.
type Shop interface {
	// EachEvent visits events that are not drafts and start after a moment, by their start.
	// saleFrom is zero where the sale began when the event was published.
	EachEvent(ctx context.Context, after time.Time, each func(event id.ID, slug, currency, zone string, saleFrom, saleUntil, startsAt time.Time) error) error
	// EachShopName visits the events that another shop sells, with what that shop calls them.
	EachShopName(ctx context.Context, each func(event id.ID, shop string) error) error
	// EachCategory visits the categories of an event; the price is in minor units, without the fee.
	EachCategory(ctx context.Context, event id.ID, each func(category id.ID, name string, capacity, sold, held int, priceMinor int64) error) error
	// SoldByDay visits the dates on the venue's clock (midnight UTC) on which tickets were sold or came back.
	SoldByDay(ctx context.Context, event id.ID, each func(category id.ID, day time.Time, sold, returned int, grossMinor int64) error) error
	// Listing is what is for sale of an event now. Errors: fault.NotFound.
	Listing(ctx context.Context, event id.ID) (listing.Event, error)
	// EachPrice visits what a category has cost, the oldest first.
	EachPrice(ctx context.Context, category id.ID, each func(since time.Time, priceMinor int64, reason string) error) error
	// EachPurchase visits the orders since a moment, the oldest first, by buyer: customer
	// tells buyers apart; person is id.Nil for who did not sign in.
	EachPurchase(ctx context.Context, since time.Time, each func(customer string, person, event id.ID, at, startsAt time.Time, totalMinor int64, weekend, discounted bool) error) error
}

// Crier is what analytics asks of the hub.
type Crier interface {
	// Tell sends a template to everybody whose tags match, once for each id, until a
	// moment. Errors: fault.NotFound when there is no app to tell.
	Tell(ctx context.Context, once id.ID, template, tags string, properties map[string]any, until time.Time) error
	// SetSegments says which persons are in which segment, in place of all that was said.
	SetSegments(tx *db.Tx, persons map[string][]string) error
}

// Auditor is what analytics asks of identity: a line of the audit log, within tx and
// as the last thing it does.
type Auditor interface {
	Note(tx *db.Tx, actor, action, object string, detail map[string]any) error
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

	shop  Shop  // nil: nothing is sold here
	crier Crier // nil: nobody is told
	audit Auditor

	watched []watched    // detectors
	fetch   *fetcher     // of connectors
	sender  *http.Client // of webhooks
}

// New makes analytics over d and the stream st. shop nil: nothing is sold here; crier
// nil: nobody is told; audit nil: nothing is noted.
func New(cfg Config, d *db.DB, st *stream.Stream, shop Shop, crier Crier, audit Auditor, log *slog.Logger) *Service {
	s := &Service{
		cfg: cfg, db: d, shop: shop, crier: crier, audit: audit, stream: st, log: log.With("module", "analytics"),
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
