package pricing

import (
	"context"
	"fmt"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/listing"
	"github.com/usherhq/usher/modules/kernel/money"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// Rule is the promoter's guard-rails for one category. Prices are without the fee,
// in minor units.
type Rule struct { //nolint:recvcheck // TableName is asked of a value, as of all rows
	Category      id.ID       `json:"category"`
	Event         id.ID       `json:"event"`
	ListMinor     int64       `json:"list_minor"` // what shares and forecasts refer to
	FloorMinor    int64       `json:"floor_minor"`
	CeilingMinor  int64       `json:"ceiling_minor"`
	RoundingMinor int64       `json:"rounding_minor"` // prices are multiples of it
	Daily         float64     `json:"daily"`          // share of the price that it moves within 24 hours at most
	MinGain       float64     `json:"min_gain"`       // share that a change must be expected to bring
	EveryMinutes  int         `json:"every_minutes"`  // between two changes without a trigger
	QuietMinutes  int         `json:"quiet_minutes"`  // before doors
	Mode          policy.Mode `json:"mode"`           // off, approve, auto
	Concession    bool        `json:"concession"`     // a reduced price for some people: it never moves
	Version       int64       `json:"version"`        // 0: the defaults, never kept
	ChangedBy     string      `json:"changed_by,omitempty"`
	ChangedAt     time.Time   `json:"changed_at,omitzero"`
}

// mostChanges is how often the price of a sale changes, but for what a trigger asks for.
const mostChanges = 12

// Bounds of what a promoter may set.
const (
	maxDaily   = .5
	maxMinGain = .2
	maxMinor   = 1_000_000_000
	maxSteps   = 10_000 // prices between floor and ceiling
)

// usual is the rule of a category nobody has set one for: switched off.
func (c Config) usual(e *listing.Event, k *listing.Category, list int64) Rule {
	step := int64(1)
	for range (money.Money{Currency: e.Currency}).Digits() {
		step *= 10
	}
	step = max(step/2, 1) // .50 where there are hundredths
	list = max(list, 1)
	return Rule{Category: k.ID, Event: e.ID, ListMinor: list, Daily: c.Daily, MinGain: c.MinGain, Mode: policy.Off, RoundingMinor: step,
		FloorMinor: max(int64(c.Floor*float64(list)), 1), CeilingMinor: max(int64(c.Ceiling*float64(list)), 1),
		EveryMinutes: int(c.Every / time.Minute), QuietMinutes: int(c.Quiet / time.Minute)}
}

// limits are the rule as the policy reads it; who decides looks at the kill switch apart from it.
func (r *Rule) limits() policy.Limits {
	return policy.Limits{List: r.ListMinor, Floor: r.FloorMinor, Ceiling: r.CeilingMinor, Rounding: r.RoundingMinor, Daily: r.Daily, MinGain: r.MinGain, Most: mostChanges,
		Every: time.Duration(r.EveryMinutes) * time.Minute, Quiet: time.Duration(r.QuietMinutes) * time.Minute, Mode: r.Mode, Concession: r.Concession}
}

// check lists every fault of a rule.
func (r *Rule) check() error {
	var f []fault.Field
	bad := func(name, problem, fix string) { f = append(f, fault.Field{Name: name, Problem: problem, Fix: fix}) }
	between := func(name string, x, low, high int64) {
		if x < low || x > high {
			bad(name, fmt.Sprintf("is %d", x), fmt.Sprintf("between %d and %d", low, high))
		}
	}
	share := func(name string, x, low, high float64) {
		if !(x >= low && x <= high) {
			bad(name, fmt.Sprintf("is %g", x), fmt.Sprintf("between %g and %g", low, high))
		}
	}
	between("list_minor", r.ListMinor, 1, maxMinor)
	between("floor_minor", r.FloorMinor, 1, maxMinor)
	between("ceiling_minor", r.CeilingMinor, 1, maxMinor)
	between("rounding_minor", r.RoundingMinor, 1, maxMinor)
	between("every_minutes", int64(r.EveryMinutes), 0, 7*24*60)
	between("quiet_minutes", int64(r.QuietMinutes), 0, 30*24*60)
	share("daily", r.Daily, .01, maxDaily)
	share("min_gain", r.MinGain, 0, maxMinGain)
	switch {
	case r.FloorMinor > r.CeilingMinor:
		bad("ceiling_minor", "is below the floor", "a price that is at least the floor")
	case r.RoundingMinor > 0 && (r.CeilingMinor-r.FloorMinor)/r.RoundingMinor > maxSteps:
		bad("rounding_minor", "is very fine for so wide limits", fmt.Sprintf("so that there are at most %d prices between floor and ceiling", maxSteps))
	case r.RoundingMinor > 0 && r.CeilingMinor/r.RoundingMinor*r.RoundingMinor < r.FloorMinor:
		bad("rounding_minor", "leaves no price between floor and ceiling", "a smaller step, or wider limits")
	}
	if r.Mode != policy.Off && r.Mode != policy.Approve && r.Mode != policy.Auto {
		bad("mode", "is none", "off, approve or auto")
	}
	return fault.BadFields("pricing.Rule", f)
}

// RuleOf is a category's rule, or what it would be: switched off, around the first
// price it ever had. Errors: fault.NotFound.
func (s *Service) RuleOf(ctx context.Context, category id.ID) (Rule, error) {
	r, err := s.findRule(ctx, category)
	if !fault.Is(err, fault.NotFound) {
		return r, err
	}
	e, k, err := s.categoryOf(ctx, category)
	if err != nil {
		return Rule{}, err
	}
	prices, err := s.shop.PricesSince(ctx, category, time.Time{})
	if err != nil {
		return Rule{}, err
	}
	return s.cfg.usual(&e, k, prices[0].Minor), nil
}

// SetRule keeps a category's rule; version is the one it replaces (0: none yet).
// Errors: fault.NotFound, fault.Invalid with every fault, fault.Conflict when
// somebody has changed it meanwhile.
func (s *Service) SetRule(ctx context.Context, r Rule, actor string) (Rule, error) {
	e, _, err := s.categoryOf(ctx, r.Category)
	if err != nil {
		return Rule{}, err
	}
	if err := r.check(); err != nil {
		return Rule{}, err
	}
	r.Event, r.ChangedBy = e.ID, actor
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		r.ChangedAt = tx.Now()
		if err := keepRule(tx, &r); err != nil {
			return err
		}
		if err := takeBack(tx, e.ID, r.Category); err != nil {
			return err
		}
		return s.audit.Note(tx, actor, "price.rule", "category:"+r.Category.String(), map[string]any{
			"mode": r.Mode, "list": r.ListMinor, "floor": r.FloorMinor, "ceiling": r.CeilingMinor, "rounding": r.RoundingMinor,
			"daily": r.Daily, "min_gain": r.MinGain, "every_minutes": r.EveryMinutes, "quiet_minutes": r.QuietMinutes, "concession": r.Concession})
	})
	return r, err
}

// categoryOf finds a category and its event. Errors: fault.NotFound.
func (s *Service) categoryOf(ctx context.Context, category id.ID) (listing.Event, *listing.Category, error) {
	event, err := s.shop.EventOfCategory(ctx, category)
	if err != nil {
		return listing.Event{}, nil, err
	}
	e, err := s.shop.Listing(ctx, event)
	if err != nil {
		return e, nil, err
	}
	k := e.Category(category)
	if k == nil {
		return e, nil, fault.E("pricing.categoryOf", fault.NotFound, "there is no such category", nil)
	}
	return e, k, nil
}
