package proximity

import (
	"context"
	"fmt"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Offer is what a promoter grants under a rule: when, to whom, what, where, for how
// long and how often.
type Offer struct {
	ID         id.ID   `json:"id"`
	Event      string  `json:"event"` // as PUT /v1/venue-events/:event names it
	Name       string  `json:"name"`
	State      string  `json:"state,omitempty"` // draft, running, paused, ended
	Title      string  `json:"title"`           // what the phone shows
	Text       string  `json:"text,omitempty"`
	Trigger    Trigger `json:"trigger"`
	Grant      Grant   `json:"grant"`
	Stall      string  `json:"stall,omitempty"` // where it is good; "": at every till
	Minutes    float64 `json:"minutes"`         // a voucher is good so long; 0 is 5
	Limits     Limits  `json:"limits"`
	Quiet      Quiet   `json:"quiet"`
	EarnsMinor int64   `json:"earns_minor,omitempty"` // you earn it when somebody comes, after the grant; 0: all offers count alike
	Holdout    float64 `json:"holdout"`               // share of people who never get it, to compare with; < 0 is none, 0 is 0.10

	Issued    int64     `json:"issued"`          // vouchers redeemed or still good
	Committed int64     `json:"committed_minor"` // what they take of the budget
	Version   int64     `json:"version,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`

	eventID id.ID
}

// States of an offer. Only a running one is given.
const (
	OfferDraft   = "draft"
	OfferRunning = "running"
	OfferPaused  = "paused"
	OfferEnded   = "ended"
)

// Occasions on which an offer is given.
const (
	OnQueueShort    = "queue_short" // the default: it leads people to where nobody waits
	OnQueueLong     = "queue_long"  // at another stall: it leads people away
	OnZoneEntered   = "zone_entered"
	OnDwelled       = "dwelled"
	OnPhase         = "phase"
	OnPriceChanged  = "price_changed"
	OnCartAbandoned = "cart_abandoned"
)

var occasions = []string{OnQueueShort, OnQueueLong, OnZoneEntered, OnDwelled, OnPhase, OnPriceChanged, OnCartAbandoned}

// Trigger says when an offer is given. Zone bounds any of them to people who are there.
type Trigger struct {
	On      string  `json:"on,omitempty"`
	Stall   string  `json:"stall,omitempty"`   // queue_short, queue_long: whose queue; "": the offer's stall
	People  float64 `json:"people,omitempty"`  // queue_short: at most so many wait; queue_long: at least; 0: 5, or what the stall calls long
	Zone    string  `json:"zone,omitempty"`    // zone_entered, dwelled: which; else only people who are in it
	Minutes float64 `json:"minutes,omitempty"` // dwelled: 1 or 5; phase: so long after the event opened
}

// Kinds of a grant.
const (
	GrantPercent = "percent"
	GrantAmount  = "amount"
	GrantItem    = "item"
)

// Grant is what a voucher gives.
type Grant struct {
	Kind        string `json:"kind"`
	Percent     int    `json:"percent,omitempty"`
	AmountMinor int64  `json:"amount_minor,omitempty"`
	Item        string `json:"item,omitempty"`
	Currency    string `json:"currency,omitempty"`
	WorthMinor  int64  `json:"worth_minor,omitempty"` // what one voucher costs at most; an amount is worth itself
}

// Limits bound an offer. 0: not limited, save that a person gets it once.
type Limits struct {
	Total       int   `json:"total,omitempty"` // vouchers that are redeemed or still good
	PerPerson   int   `json:"per_person,omitempty"`
	BudgetMinor int64 `json:"budget_minor,omitempty"`
}

// Quiet says when an offer is not given.
type Quiet struct {
	GapMinutes  float64 `json:"gap_minutes,omitempty"`  // since the person's last voucher of any offer; < 0: none, 0 is 20
	LastMinutes float64 `json:"last_minutes,omitempty"` // before the event ends
}

// words of what is granted: "20 % off", "2.00 EUR off", "a coffee".
func (g Grant) words() string {
	switch g.Kind {
	case GrantPercent:
		return fmt.Sprintf("%d %% off", g.Percent)
	case GrantAmount:
		return fmt.Sprintf("%d.%02d %s off", g.AmountMinor/100, g.AmountMinor%100, g.Currency)
	}
	return g.Item
}

// validity of a voucher.
func (o *Offer) validity() time.Duration { return time.Duration(o.Minutes * float64(time.Minute)) }

// gap between two vouchers of one person.
func (o *Offer) gap() time.Duration {
	return time.Duration(max(o.Quiet.GapMinutes, 0) * float64(time.Minute))
}

// fillIn puts the defaults where nothing is said.
func (o *Offer) fillIn() {
	if o.State == "" {
		o.State = OfferDraft
	}
	if o.Trigger.On == "" {
		o.Trigger.On = OnQueueShort
	}
	if o.Trigger.Stall == "" && (o.Trigger.On == OnQueueShort || o.Trigger.On == OnQueueLong) {
		o.Trigger.Stall = o.Stall
	}
	if o.Trigger.On == OnQueueShort && o.Trigger.People == 0 {
		o.Trigger.People = 5
	}
	if o.Trigger.On == OnDwelled && o.Trigger.Minutes == 0 {
		o.Trigger.Minutes = 1
	}
	if o.Minutes == 0 {
		o.Minutes = 5
	}
	if o.Limits.PerPerson == 0 {
		o.Limits.PerPerson = 1
	}
	if o.Quiet.GapMinutes == 0 {
		o.Quiet.GapMinutes = 20
	}
	if o.Holdout == 0 {
		o.Holdout = 0.10
	}
	if o.Grant.Kind == GrantAmount && o.Grant.WorthMinor == 0 {
		o.Grant.WorthMinor = o.Grant.AmountMinor
	}
}

// CreateOffer stores a new offer. Errors: fault.Invalid, fault.NotFound (the event).
func (s *Service) CreateOffer(ctx context.Context, o Offer) (Offer, error) {
	err := s.db.InTx(ctx, func(tx *db.Tx) error {
		e, v, err := placeOf(tx, o.Event)
		if err != nil {
			return err
		}
		o.ID, o.eventID, o.Version, o.Issued, o.Committed = id.New(), e.ID, 1, 0, 0
		if err := o.check(&v); err != nil {
			return err
		}
		o.CreatedAt, o.UpdatedAt = tx.Now(), tx.Now()
		return insertOffer(tx, &o)
	})
	return o, err
}

// ChangeOffer lets change work on an offer as it is. Lower limits take nothing back:
// what is issued stays good. Errors: fault.NotFound, fault.Invalid; change's own.
func (s *Service) ChangeOffer(ctx context.Context, offer id.ID, change func(o *Offer) error) (Offer, error) {
	var o Offer
	err := s.db.InTx(ctx, func(tx *db.Tx) error {
		was, err := lockOffer(tx, offer)
		if err != nil {
			return err
		}
		o = was
		if err := change(&o); err != nil {
			return err
		}
		o.ID, o.Event, o.eventID, o.Issued, o.Committed, o.CreatedAt = was.ID, was.Event, was.eventID, was.Issued, was.Committed, was.CreatedAt
		o.Version, o.UpdatedAt = was.Version+1, tx.Now()
		_, v, err := placeOf(tx, o.Event)
		if err != nil {
			return err
		}
		if err := o.check(&v); err != nil {
			return err
		}
		if was.Issued > 0 && was.Grant.WorthMinor != o.Grant.WorthMinor {
			return fault.BadField("proximity.Offer", "grant.worth_minor", "cannot change once vouchers were issued", "end this offer and make another")
		}
		return updateOffer(tx, &o)
	})
	return o, err
}

// placeOf finds an event and its venue.
func placeOf(tx *db.Tx, name string) (Event, Venue, error) {
	e, err := oneEvent(events(tx.Ctx(), tx.Conn(), `name = $1`, name))
	if err != nil {
		return e, Venue{}, err
	}
	v, err := readVenue(tx.Ctx(), tx.Conn(), e.Venue, "")
	return e, v, err
}
