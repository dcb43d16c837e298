package pricing

import (
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// Outcomes of a decision.
const (
	Held     = "held"     // the price stays
	Proposed = "proposed" // a person must agree
	Changed  = "changed"
)

// Decision is one look at one price: what was known, what was decided and why. It is
// kept as it was written.
type Decision struct {
	ID       id.ID       `json:"id"`
	Ask      id.ID       `json:"-"`
	Event    id.ID       `json:"event"`
	Category id.ID       `json:"category"`
	At       time.Time   `json:"at"`
	Cause    string      `json:"cause"`
	Model    string      `json:"model"`
	OldMinor int64       `json:"old_minor"`
	NewMinor int64       `json:"new_minor"`
	Currency string      `json:"currency"`
	Gain     float64     `json:"gain"` // share of the takings still expected
	Outcome  string      `json:"outcome"`
	Broke    policy.Rule `json:"broke,omitempty"` // the guard-rail that held it back
	Reason   string      `json:"reason"`
	Inputs   Inputs      `json:"inputs" gorm:"serializer:json"`
	Approver string      `json:"approver,omitempty"`
	Of       *id.ID      `json:"of,omitempty"` // the proposal that was agreed to
}

// Inputs is everything a decision was made from, so that it can be followed later.
type Inputs struct {
	Left        int     `json:"left"`
	Capacity    int     `json:"capacity"`
	Forecast    float64 `json:"forecast"` // tickets until the end at list price, as forecast
	Demand      float64 `json:"demand"`   // and at the price in force, as learned
	Days        int     `json:"days"`     // of sales that it was learned from
	Level       float64 `json:"level"`    // log of demand to forecast
	LevelSD     float64 `json:"level_sd"`
	Sensitivity float64 `json:"sensitivity"` // how strongly demand falls with the price
	SensSD      float64 `json:"sensitivity_sd"`
	Sales       float64 `json:"expected_sales"`   // at the price decided
	Takings     float64 `json:"expected_takings"` // minor units, at the price decided
	AtOnce      float64 `json:"takings_at_old"`   // minor units, at the price before
	Trigger     bool    `json:"trigger"`
	Lowest30    int64   `json:"lowest_30_days"`
	Rule        Rule    `json:"rule"`
}

// Causes of a decision.
const (
	causeDaily     = "daily"
	causeDemandUp  = "demand_up"
	causeDemandDn  = "demand_down"
	causeCarts     = "carts_abandoned"
	causeSoldOut   = "category_sold_out"
	causeQueue     = "queue"
	causeByHand    = "asked_by_hand"
	causeAgreement = "agreed"
)

// triggers are the causes that may change a price twice within the hour.
var triggers = map[string]bool{causeDemandUp: true, causeDemandDn: true, causeCarts: true, causeSoldOut: true, causeQueue: true, causeAgreement: true}
