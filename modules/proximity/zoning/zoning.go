// Package zoning turns what a phone hears into where its owner is.
//
// Beacons are read from the air (ParseAdvertisement) or from the fields of a
// `beacon.sighting` (ParseReading); the caller looks up which zone a beacon stands in
// and feeds one Sighting after the other to the state of that one Device. Out come
// Events: enter, dwell, exit, re-entry. Fixes of GPS go through Fences in the same way.
//
// A device is in at most one zone at each level (venue, area, stall …); the zones of a
// level compete. Everything is deterministic and without I/O: time comes with the
// sightings and with Tick, and a Device is plain data (Encode, Decode).
package zoning

import "time"

// Zone is what the state machine must know of a zone.
type Zone struct {
	ID    string
	Level int     // zones of one level exclude each other
	Queue bool    // people leave a queue's zone quickly: the exit is noticed sooner
	Enter float64 // dBm, smoothed, from which a sighting is strong; 0: EnterRSSI
	Exit  float64 // dBm, smoothed, below which a sighting is outside; 0: ExitRSSI
}

// The rules. Powers are in dBm, differences in dB.
const (
	EnterRSSI  = -75.0
	ExitRSSI   = -82.0
	SwitchBy   = 6.0 // a rival must be that much stronger …
	SwitchFor  = 5 * time.Second
	StrongPair = 5 * time.Second // two strong sightings within it enter a zone
	ExitAfter  = 30 * time.Second
	// ExitQueueAfter is ExitAfter of a queue's zone.
	ExitQueueAfter = 10 * time.Second
	// Reopen is how soon after an exit a re-entry continues the visit.
	Reopen = 60 * time.Second
	// SilentFix is how long after the last fix a visit known from GPS alone ends.
	SilentFix = 30 * time.Minute

	smoothing  = 4 * time.Second  // time constant of the smoothed RSSI
	walkAway   = 15 * time.Second // weak sightings for so long at a visit's end are the way out
	stale      = 10 * time.Second // a beacon unheard for so long begins anew
	lateness   = 5 * time.Second  // a sighting older than the newest by more is ignored
	firstDoubt = 4.0              // dB off the first reading: of a fading signal the peaks are heard first
	unheard    = -100.0           // strength of a zone that was not heard lately
	mostHeard  = 16               // beacons remembered at a level
)

// Dwells are the lengths of a visit that are announced.
var Dwells = [...]time.Duration{time.Minute, 5 * time.Minute}

// Kind is what happened.
type Kind string

// The kinds.
const (
	Enter   Kind = "enter"
	Exit    Kind = "exit"
	Dwell   Kind = "dwell"
	Reenter Kind = "reenter" // the visit of an exit at most Reopen ago goes on
)

// Confidence is how sure an event is.
type Confidence string

// The confidences: high with ≥ 5 samples and ≥ 6 dB of margin, medium with ≥ 2, else low.
const (
	Low    Confidence = "low"
	Medium Confidence = "medium"
	High   Confidence = "high"
)

// Event is a change of where a device is. Zone and Entered together name the visit.
type Event struct {
	Kind       Kind
	Zone       string
	Level      int
	At         time.Time     // when it happened: an exit is back-dated to the last sighting inside
	Entered    time.Time     // when the visit began
	Dwell      time.Duration // of a Dwell: which of Dwells; of an Exit: the visit's length
	Confidence Confidence
	Samples    int    // sightings or fixes inside the zone
	Other      string // of a switch: the zone left for this one (Enter), or entered instead (Exit)
}

// Sighting is one reading of a beacon by a device.
type Sighting struct {
	At     time.Time
	Beacon string // anything that tells the beacons of a level apart
	RSSI   float64
}

func (z Zone) enter() float64 {
	if z.Enter == 0 {
		return EnterRSSI
	}
	return z.Enter
}

func (z Zone) exit() float64 {
	if z.Exit == 0 {
		return min(ExitRSSI, z.enter())
	}
	return min(z.Exit, z.enter())
}

func (z Zone) exitAfter() time.Duration {
	if z.Queue {
		return ExitQueueAfter
	}
	return ExitAfter
}
