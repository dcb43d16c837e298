package zoning

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Device is what is known of one phone: where it is, and what it heard lately. The
// zero Device is somewhere unknown. It is plain data of some hundred bytes.
type Device struct {
	newest int64 // of all that was fed, in ms
	levels []level
}

// level is what is known at one level of zones.
type level struct {
	Level int     `json:"n"`
	Heard []heard `json:"h,omitempty"`
	Here  *stay   `json:"i,omitempty"`
	Left  *stay   `json:"o,omitempty"` // the last stay, which a re-entry may reopen
	Rival *rival  `json:"r,omitempty"`
}

// heard is a beacon that was heard lately. Times are ms since 1970.
type heard struct {
	Beacon string  `json:"b"`
	Zone   string  `json:"z"`
	RSSI   float64 `json:"s"` // smoothed
	At     int64   `json:"t"`
	Strong int64   `json:"g,omitempty"` // last time it was strong enough to enter; 0: not
}

// stay is a visit.
type stay struct {
	Zone      string  `json:"z"`
	Enter     int64   `json:"e"`
	Inside    int64   `json:"t"` // last sighting inside; of a closed stay: its end
	Strong    int64   `json:"g"` // last strong sighting
	ExitAfter int64   `json:"x"`
	Dwells    int     `json:"d,omitempty"` // of Dwells, announced
	Samples   int     `json:"n"`
	Margin    float64 `json:"m"`
	GPS       bool    `json:"p,omitempty"`
}

// rival is a zone that is stronger than the one the device is in.
type rival struct {
	Zone  string `json:"z"`
	Since int64  `json:"t"`
}

// Sight takes one sighting of a beacon in zone z. Sightings come in the order of time;
// one that is late by at most five seconds counts as if it came now, an older one not
// at all. Returned events are in order, exits that became due before included.
func (d *Device) Sight(s Sighting, z Zone) []Event {
	at, ok := d.clock(s.At)
	if !ok || z.ID == "" || !(s.RSSI > -200 && s.RSSI < 100) {
		return nil
	}
	events := d.tick(at)
	return append(events, d.at(z.Level).sight(at, s, z)...)
}

// Tick lets time pass without a sighting: exits that are due happen.
func (d *Device) Tick(now time.Time) []Event {
	at, ok := d.clock(now)
	if !ok {
		return nil
	}
	return d.tick(at)
}

// Due is when Tick would find the first exit if nothing is heard until then; false if
// the device is nowhere.
func (d *Device) Due() (time.Time, bool) {
	due := int64(0)
	for _, l := range d.levels {
		if l.Here != nil && (due == 0 || l.Here.Inside+l.Here.ExitAfter < due) {
			due = l.Here.Inside + l.Here.ExitAfter
		}
	}
	return time.UnixMilli(due).UTC(), due != 0
}

// In is the zone the device is in at a level, and since when; "" for none.
func (d *Device) In(n int) (zone string, since time.Time) {
	for _, l := range d.levels {
		if l.Level == n && l.Here != nil {
			return l.Here.Zone, time.UnixMilli(l.Here.Enter).UTC()
		}
	}
	return "", time.Time{}
}

// Idle reports whether the state may be forgotten at now: the device is nowhere and
// no visit can be reopened.
func (d *Device) Idle(now time.Time) bool {
	for _, l := range d.levels {
		if l.Here != nil || l.Left != nil && now.UnixMilli()-l.Left.Inside <= Reopen.Milliseconds() {
			return false
		}
	}
	return now.UnixMilli()-d.newest > stale.Milliseconds()
}

func (d *Device) clock(t time.Time) (at int64, ok bool) {
	at = t.UnixMilli()
	if at <= 0 || at < d.newest-lateness.Milliseconds() {
		return 0, false
	}
	d.newest = max(d.newest, at)
	return d.newest, true
}

func (d *Device) tick(at int64) (events []Event) {
	for i := range d.levels {
		l := &d.levels[i]
		if l.Here != nil && at-l.Here.Inside >= l.Here.ExitAfter {
			events = append(events, l.leave(l.Here.end(), ""))
		}
		if l.Left != nil && at-l.Left.Inside > Reopen.Milliseconds()+ExitAfter.Milliseconds() {
			l.Left = nil
		}
	}
	return events
}

func (d *Device) at(n int) *level {
	i, found := slices.BinarySearchFunc(d.levels, n, func(l level, n int) int { return l.Level - n })
	if !found {
		d.levels = slices.Insert(d.levels, i, level{Level: n})
	}
	return &d.levels[i]
}

const stateVersion = 1

type envelope struct {
	Version int     `json:"v"`
	Newest  int64   `json:"t"`
	Levels  []level `json:"l"`
}

// Encode writes the state as compact JSON.
func (d *Device) Encode() ([]byte, error) {
	b, err := json.Marshal(envelope{stateVersion, d.newest, d.levels})
	if err != nil {
		return nil, fault.E("zoning.Encode", fault.Internal, "a device's state holds what is no number", err)
	}
	return b, nil
}

// Decode reads what Encode wrote. Errors: fault.Invalid for a state that is damaged or
// of another version: begin with a zero Device then.
func Decode(state []byte) (*Device, error) {
	var e envelope
	if err := json.Unmarshal(state, &e); err != nil || e.Version != stateVersion || !e.sound() {
		return nil, fault.E("zoning.Decode", fault.Invalid, "the state is not of a device, version 1", err)
	}
	return &Device{e.Newest, e.Levels}, nil
}

func (e *envelope) sound() bool {
	const most = 1 << 50 // ms: far beyond any clock, and far from an overflow
	for i, l := range e.Levels {
		if i > 0 && e.Levels[i-1].Level >= l.Level || len(l.Heard) > mostHeard {
			return false
		}
		for _, s := range []*stay{l.Here, l.Left} {
			if s != nil && (s.Enter <= 0 || s.Inside < s.Enter || s.Inside > most || s.Dwells < 0 || s.Dwells > len(Dwells) || s.ExitAfter <= 0 || s.ExitAfter > most || s.Samples < 0) {
				return false
			}
		}
		if l.Rival != nil && l.Here == nil {
			return false
		}
	}
	return e.Newest >= 0 && e.Newest < most
}
