// Package queueing estimates how many people stand in a queue, how long they wait, and
// when that should be told to somebody.
//
// Once a minute an Estimator is given what is known of one stall: how many app devices
// are in the queue's zone, how long those that left had stayed, and how many sales the
// till made. It answers with people and minutes, each with an 80 % interval. A Trigger
// turns the answers into "the queue is long now" and "it is no longer". Both are plain
// data (JSON), without I/O and without a clock.
package queueing

import "time"

// Every is how often an Estimator is fed.
const Every = time.Minute

// SalesWindow is what Minute.Sales covers.
const SalesWindow = 300 * time.Second

// Stay is one app device's finished visit to the queue's zone.
type Stay struct {
	Joined time.Time `json:"j"`
	Left   time.Time `json:"l"`
}

// Minute is what is known of a stall at an instant.
type Minute struct {
	At      time.Time
	Devices int    // app devices in the queue's zone now
	Seen    int    // scanned tickets whose holder was seen in the app …
	Scanned int    // … of all scanned tickets
	Sales   int    // completions at the stall's tills in the last SalesWindow
	NoTill  bool   // the stall's sales are not known
	Stays   []Stay // that ended since the last Minute
}

// Status says whether an Estimate may be shown.
type Status string

// The statuses.
const (
	Known            Status = "known"
	InsufficientData Status = "insufficient_data"
)

// Estimate is the queue at an instant. With InsufficientData everything but At, Served
// and Status is zero.
type Estimate struct {
	At      time.Time     `json:"at"`
	Status  Status        `json:"status"`
	People  float64       `json:"people"` // waiting or being served
	Low     float64       `json:"low"`    // the 80 % interval of People
	High    float64       `json:"high"`
	Wait    time.Duration `json:"wait"` // of somebody who joins now, service included; 0 when Waits is false
	WaitLow time.Duration `json:"wait_low"`
	WaitTop time.Duration `json:"wait_top"`
	Waits   bool          `json:"waits"`  // whether Wait is known
	Served  float64       `json:"served"` // people a minute, from the till
}
