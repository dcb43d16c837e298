// Package pricing moves the prices of categories inside limits that the promoter
// set, says why, and can be stopped at any moment.
//
// The path of a price: something asks (a day, demand that shifted, carts left
// behind) → job pricing:decide → policy.Choose → policy.Guard → a decision, and
// where it changes the price the fact PriceChanged in the same transaction → sales
// sets it → followers are told what is then still true.
package pricing

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/listing"
)

// Config is pricing's part of config.yaml: what a category's limits are until the
// promoter sets others, and whether followers hear of a new price.
type Config struct {
	Floor     float64       `koanf:"floor"`      // of the list price
	Ceiling   float64       `koanf:"ceiling"`    // of the list price
	Daily     float64       `koanf:"daily"`      // most that a price moves within 24 hours, of it
	MinGain   float64       `koanf:"min_gain"`   // least that a change must be expected to bring
	Every     time.Duration `koanf:"every"`      // between two changes, unless something triggers one
	Quiet     time.Duration `koanf:"quiet"`      // before doors, when prices stay
	Followers bool          `koanf:"followers"`  // tell them when a price has changed
	TellAfter time.Duration `koanf:"tell_after"` // the price must have been in force for so long
	RiseShown float64       `koanf:"rise_shown"` // least probability of a price going up within three days that the portal shows
	RiseTold  float64       `koanf:"rise_told"`  // and that followers are told of
}

// Defaults are careful ones; a category is off until the promoter switches it on.
func Defaults() Config {
	return Config{Floor: .7, Ceiling: 1.5, Daily: .1, MinGain: .005, Every: time.Hour, Quiet: 24 * time.Hour, Followers: true, TellAfter: 2 * time.Minute, RiseShown: .3, RiseTold: .6}
}

// Validate reports every fault of the section at once.
func (c Config) Validate() error {
	var f []fault.Field
	within := func(name string, x, low, high float64) {
		if !(x >= low && x <= high) {
			f = append(f, fault.Field{Name: "pricing." + name, Problem: fmt.Sprintf("is %g", x), Fix: fmt.Sprintf("between %g and %g", low, high)})
		}
	}
	lasting := func(name string, d, low, high time.Duration) {
		if d < low || d > high {
			f = append(f, fault.Field{Name: "pricing." + name, Problem: "is " + d.String(), Fix: "between " + low.String() + " and " + high.String()})
		}
	}
	within("floor", c.Floor, .1, 1)
	within("ceiling", c.Ceiling, 1, 10)
	within("daily", c.Daily, .01, maxDaily)
	within("min_gain", c.MinGain, 0, maxMinGain)
	within("rise_shown", c.RiseShown, .1, 1)
	within("rise_told", c.RiseTold, .5, 1)
	lasting("every", c.Every, 0, 7*24*time.Hour)
	lasting("quiet", c.Quiet, 0, 30*24*time.Hour)
	lasting("tell_after", c.TellAfter, 30*time.Second, time.Hour)
	return fault.BadFields("pricing.Config", f)
}

// Shop is what pricing asks of sales.
type Shop interface {
	// Listings are the events on sale. Listing is one of any state. Errors: fault.NotFound.
	Listings(ctx context.Context) ([]listing.Event, error)
	Listing(ctx context.Context, event id.ID) (listing.Event, error)
	// EventNamed finds the event that facts call so: by its id, or by what the shop that
	// sells it calls it. Errors: fault.NotFound.
	EventNamed(ctx context.Context, name string) (id.ID, error)
	// EventOfCategory names the event of a category. Errors: fault.NotFound.
	EventOfCategory(ctx context.Context, category id.ID) (id.ID, error)
	// PricesSince are the prices in force at or after a moment, the oldest first, the
	// last one in force now.
	PricesSince(ctx context.Context, category id.ID, since time.Time) ([]listing.Price, error)
	// SoldByDay visits what each category sold on each date of the venue's clock.
	SoldByDay(ctx context.Context, event id.ID, each func(category id.ID, day time.Time, sold, returned int, grossMinor int64) error) error
}

// Forecasts is what pricing asks of analytics.
type Forecasts interface {
	// DailyDemand is how many tickets of a category people would want on each date of
	// the venue's clock from from to until (both included, midnight UTC of the date), at
	// its list price and if nothing ran out, as the model sees it now, given what was sold
	// until yesterday; version names the model. Days that are over may have 0: what was
	// once forecast for them is kept here. Errors: fault.NotFound when it cannot say.
	DailyDemand(ctx context.Context, category id.ID, from, until time.Time) (tickets []float64, version string, err error)
}

// Crier is what pricing asks of the hub.
type Crier interface {
	// Tell sends a template to everybody whose tags match, once for each id, until a
	// moment. Errors: fault.NotFound when there is no app to tell.
	Tell(ctx context.Context, once id.ID, template, tags string, properties map[string]any, until time.Time) error
}

// Auditor is what pricing asks of identity: a line of the audit log, within tx and
// as the last thing it does.
type Auditor interface {
	Note(tx *db.Tx, actor, action, object string, detail map[string]any) error
}

// Service is pricing.
type Service struct {
	cfg       Config
	db        *db.DB
	log       *slog.Logger
	shop      Shop
	forecasts Forecasts // nil: every event has the usual booking curve
	crier     Crier
	audit     Auditor
}

// New makes pricing over its neighbours.
func New(cfg Config, d *db.DB, shop Shop, forecasts Forecasts, crier Crier, audit Auditor, log *slog.Logger) *Service {
	return &Service{cfg: cfg, db: d, shop: shop, forecasts: forecasts, crier: crier, audit: audit, log: log.With("module", "pricing")}
}
