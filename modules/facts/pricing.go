package facts

import (
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

// PriceChanged says that another price was decided for a category, inside its
// guard-rails and, where the promoter wants to be asked, approved.
type PriceChanged struct {
	Event    id.ID     `json:"event"`
	Category id.ID     `json:"category"`
	Decision id.ID     `json:"decision"`
	OldMinor int64     `json:"old_minor"` // without the fee
	NewMinor int64     `json:"new_minor"`
	Currency string    `json:"currency"`
	Reason   string    `json:"reason"` // in plain words, for the promoter
	Approver string    `json:"approver,omitempty"`
	At       time.Time `json:"at"`
}

// FactType names the fact in the stream.
func (PriceChanged) FactType() string { return "pricing.price_changed" }

// FactKey orders the facts of one event.
func (f PriceChanged) FactKey() string { return f.Event.String() }

// PriceRiseForeseen is announced when pricing sees a price likely to rise soon, again
// while that goes on, and once more with no chance when it is no longer so.
type PriceRiseForeseen struct {
	Event      id.ID     `json:"event"`
	Category   id.ID     `json:"category"`
	PriceMinor int64     `json:"price_minor"` // in force, without the fee: of another price nothing is said
	Chance     float64   `json:"chance"`      // of a higher one before Until; 0: nothing is said any more
	Until      time.Time `json:"until"`
	GoodUntil  time.Time `json:"good_until"` // it is said until then, unless it is said again
	At         time.Time `json:"at"`
}

// FactType names it in the stream.
func (PriceRiseForeseen) FactType() string { return "pricing.price_rise_foreseen" }

// FactKey keeps what is said of one event in order.
func (f PriceRiseForeseen) FactKey() string { return f.Event.String() }
