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
