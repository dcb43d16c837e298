package facts

import (
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

// ZonesEntered says that people came into zones of an event's venue. One fact tells of
// a batch. A device is a pseudonym that means nothing after the event.
type ZonesEntered struct {
	Event  string      `json:"event"` // as facts name it
	Visits []ZoneVisit `json:"visits"`
}

// ZoneVisit is one stay, as far as it has come.
type ZoneVisit struct {
	Zone       id.ID     `json:"zone"`
	Name       string    `json:"name"`
	Device     string    `json:"device"`
	Entered    time.Time `json:"entered"`
	Left       time.Time `json:"left,omitzero"`
	Seconds    int       `json:"seconds,omitempty"` // stayed so far
	Confidence string    `json:"confidence"`
}

// FactType names the fact in the stream.
func (ZonesEntered) FactType() string { return "proximity.zones_entered" }

// FactKey orders the facts of one event.
func (f ZonesEntered) FactKey() string { return f.Event }

// ZonesExited says that people left zones.
type ZonesExited struct {
	Event  string      `json:"event"`
	Visits []ZoneVisit `json:"visits"`
}

// FactType names the fact in the stream.
func (ZonesExited) FactType() string { return "proximity.zones_exited" }

// FactKey orders the facts of one event.
func (f ZonesExited) FactKey() string { return f.Event }

// ZonesDwelled says that people have stayed in zones for one of the announced lengths.
type ZonesDwelled struct {
	Event  string      `json:"event"`
	Visits []ZoneVisit `json:"visits"`
}

// FactType names the fact in the stream.
func (ZonesDwelled) FactType() string { return "proximity.zones_dwelled" }

// FactKey orders the facts of one event.
func (f ZonesDwelled) FactKey() string { return f.Event }

// QueueLong says that a queue has become long, and stays so.
type QueueLong struct {
	Event  string    `json:"event"`
	Stall  id.ID     `json:"stall"`
	Name   string    `json:"name"`
	People float64   `json:"people"`
	Wait   float64   `json:"wait,omitempty"` // minutes
	At     time.Time `json:"at"`
}

// FactType names the fact in the stream.
func (QueueLong) FactType() string { return "proximity.queue_long" }

// FactKey orders the facts of one stall.
func (f QueueLong) FactKey() string { return f.Stall.String() }

// QueueCleared says that a long queue has gone.
type QueueCleared struct {
	Event  string    `json:"event"`
	Stall  id.ID     `json:"stall"`
	Name   string    `json:"name"`
	People float64   `json:"people"`
	Since  time.Time `json:"since"` // it had been long
	At     time.Time `json:"at"`
}

// FactType names the fact in the stream.
func (QueueCleared) FactType() string { return "proximity.queue_cleared" }

// FactKey orders the facts of one stall.
func (f QueueCleared) FactKey() string { return f.Stall.String() }

// VoucherIssued says that somebody was given a voucher.
type VoucherIssued struct {
	Event      string    `json:"event"`
	Voucher    id.ID     `json:"voucher"`
	Offer      id.ID     `json:"offer"`
	WorthMinor int64     `json:"worth_minor"` // it takes of the offer's budget
	ValidUntil time.Time `json:"valid_until"`
	At         time.Time `json:"at"`
}

// FactType names the fact in the stream.
func (VoucherIssued) FactType() string { return "proximity.voucher_issued" }

// FactKey orders the facts of one voucher.
func (f VoucherIssued) FactKey() string { return f.Voucher.String() }

// VoucherRedeemed says that a till took a voucher.
type VoucherRedeemed struct {
	Event      string    `json:"event"`
	Voucher    id.ID     `json:"voucher"`
	Offer      id.ID     `json:"offer"`
	Till       string    `json:"till"`
	WorthMinor int64     `json:"worth_minor"`
	At         time.Time `json:"at"`
}

// FactType names the fact in the stream.
func (VoucherRedeemed) FactType() string { return "proximity.voucher_redeemed" }

// FactKey orders the facts of one voucher.
func (f VoucherRedeemed) FactKey() string { return f.Voucher.String() }
