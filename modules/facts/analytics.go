package facts

import "time"

// DemandShifted says that a detector of analytics saw the volume of something
// change: sales, page views, posts.
type DemandShifted struct {
	Event     string    `json:"event"`              // the shop's or Usher's own name of it, as the events say
	Category  string    `json:"category,omitempty"` // "" where the detector does not tell categories apart
	Detector  string    `json:"detector"`           // its name in the configuration
	Method    string    `json:"method"`             // "shift" (it stays), "spike_and_dip" (one bin), "change_point"
	Direction string    `json:"direction"`          // "up" or "down"
	Ratio     float64   `json:"ratio"`              // observed to baseline; 0 where the baseline is 0
	Since     time.Time `json:"since"`              // when it began
	At        time.Time `json:"at"`                 // end of the bin that proved it
	Baseline  float64   `json:"baseline"`           // expected a bin
	Observed  float64   `json:"observed"`           // mean a bin since it began
}

// FactType names the fact in the stream.
func (DemandShifted) FactType() string { return "analytics.demand_shifted" }

// FactKey orders the facts of one event.
func (f DemandShifted) FactKey() string { return f.Event }

// SentimentShifted says that posts about an event became gladder or angrier.
type SentimentShifted struct {
	Event     string    `json:"event"`
	Detector  string    `json:"detector"`
	Direction string    `json:"direction"` // "up": gladder, "down": angrier
	Since     time.Time `json:"since"`
	At        time.Time `json:"at"`
	Baseline  float64   `json:"baseline"` // mean score of a post before, −1 … 1
	Observed  float64   `json:"observed"` // and since
}

// FactType names the fact in the stream.
func (SentimentShifted) FactType() string { return "analytics.sentiment_shifted" }

// FactKey orders the facts of one event.
func (f SentimentShifted) FactKey() string { return f.Event }

// CartAbandoned says that a cart of an external shop was filled and not bought: its
// hold ran out, or nothing happened for a while. Usher's own carts are sales' matter.
type CartAbandoned struct {
	Shop     string    `json:"shop"` // source of the cart's events
	Cart     string    `json:"cart"`
	Event    string    `json:"event,omitempty"`
	Customer string    `json:"customer,omitempty"` // the shop's id, where it told
	Items    int       `json:"items"`              // added since it was opened
	OpenedAt time.Time `json:"opened_at"`
	At       time.Time `json:"at"` // when it counted as abandoned
}

// FactType names the fact in the stream.
func (CartAbandoned) FactType() string { return "analytics.cart_abandoned" }

// FactKey orders the facts of one cart.
func (f CartAbandoned) FactKey() string { return f.Shop + "/" + f.Cart }
