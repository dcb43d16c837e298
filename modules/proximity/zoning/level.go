package zoning

import (
	"math"
	"time"
)

// sight is one sighting at this level, at ms.
func (l *level) sight(at int64, s Sighting, z Zone) []Event {
	rssi, first := l.hear(at, s, z)
	here := l.Here
	switch {
	case here == nil:
		if first != 0 {
			return []Event{l.enter(first, at, z, "")}
		}
	case here.Zone == z.ID:
		return l.stayOn(at, rssi, z)
	case here.GPS && first != 0: // a beacon is nearer to the truth than a fix
		return l.change(first, at, z)
	default:
		return l.rivalry(at, z, rssi >= z.enter())
	}
	return nil
}

// hear smooths the reading into the beacon's strength, rssi. first is when the pair of
// strong sightings began that enters the zone, 0 without one.
func (l *level) hear(at int64, s Sighting, z Zone) (rssi float64, first int64) {
	h := l.beacon(at, s, z)
	if since := at - h.At; h.At == 0 || since > stale.Milliseconds() {
		h.RSSI = s.RSSI - firstDoubt
	} else {
		weight := 1 - math.Exp(-float64(max(since, 200))/float64(smoothing.Milliseconds()))
		h.RSSI += weight * (s.RSSI - h.RSSI)
	}
	h.RSSI = math.Round(h.RSSI*100) / 100
	h.At, h.Zone = at, z.ID
	if h.RSSI < z.enter() {
		return h.RSSI, 0
	}
	for _, o := range l.Heard {
		if o.Zone == z.ID && o.Strong != 0 && at-o.Strong <= StrongPair.Milliseconds() {
			first = max(first, o.Strong)
		}
	}
	h.Strong = at
	return h.RSSI, first
}

// beacon finds what is known of a beacon, or a place for it: that of the one unheard longest.
func (l *level) beacon(at int64, s Sighting, z Zone) *heard {
	oldest := 0
	for i := range l.Heard {
		if l.Heard[i].Beacon == s.Beacon && l.Heard[i].Zone == z.ID {
			return &l.Heard[i]
		}
		if l.Heard[i].At < l.Heard[oldest].At {
			oldest = i
		}
	}
	fresh := heard{Beacon: s.Beacon, Zone: z.ID}
	if len(l.Heard) == mostHeard || len(l.Heard) > 0 && at-l.Heard[oldest].At > stale.Milliseconds() {
		l.Heard[oldest] = fresh
		return &l.Heard[oldest]
	}
	l.Heard = append(l.Heard, fresh)
	return &l.Heard[len(l.Heard)-1]
}

// strength is that of a zone's strongest beacon heard in the last five seconds.
func (l *level) strength(at int64, zone string) float64 {
	best := unheard
	for _, h := range l.Heard {
		if h.Zone == zone && at-h.At <= SwitchFor.Milliseconds() {
			best = max(best, h.RSSI)
		}
	}
	return best
}

// margin is how much stronger a zone is than the strongest other, or than its own exit
// threshold when no other is heard.
func (l *level) margin(at int64, z Zone) float64 {
	other := unheard
	for _, h := range l.Heard {
		if h.Zone != z.ID && at-h.At <= SwitchFor.Milliseconds() {
			other = max(other, h.RSSI)
		}
	}
	if other == unheard {
		other = z.exit()
	}
	return math.Round((l.strength(at, z.ID)-other)*100) / 100
}

// stayOn is a sighting of the zone the device is in.
func (l *level) stayOn(at int64, rssi float64, z Zone) []Event {
	here := l.Here
	if l.Rival != nil && l.strength(at, l.Rival.Zone)-l.strength(at, z.ID) < SwitchBy {
		l.Rival = nil
	}
	if rssi < z.exit() {
		return nil
	}
	if here.GPS { // now a beacon confirms it
		here.GPS, here.ExitAfter = false, z.exitAfter().Milliseconds()
	}
	here.Inside = at
	if rssi >= z.enter() {
		here.Strong = at
	}
	here.Samples++
	here.Margin += 0.2 * (l.margin(at, z) - here.Margin)
	return l.dwells()
}

// dwells announces the lengths that the visit is known to have reached.
func (l *level) dwells() (events []Event) {
	here := l.Here
	for here.Dwells < len(Dwells) && here.Inside-here.Enter >= Dwells[here.Dwells].Milliseconds() {
		e := l.event(Dwell, here.Enter+Dwells[here.Dwells].Milliseconds())
		e.Dwell = Dwells[here.Dwells]
		here.Dwells++
		events = append(events, e)
	}
	return events
}

// rivalry is a sighting of another zone than the one the device is in.
func (l *level) rivalry(at int64, z Zone, strong bool) []Event {
	ahead := strong && l.strength(at, z.ID)-l.strength(at, l.Here.Zone) >= SwitchBy
	mine := l.Rival != nil && l.Rival.Zone == z.ID
	switch {
	case ahead && mine && at-l.Rival.Since >= SwitchFor.Milliseconds():
		return l.change(l.Rival.Since, at, z)
	case ahead && !mine:
		l.Rival = &rival{z.ID, at}
	case !ahead && mine:
		l.Rival = nil
	}
	return nil
}

// change leaves one zone for another.
func (l *level) change(since, at int64, z Zone) []Event {
	left := l.leave(min(since, l.Here.end()), z.ID)
	return []Event{left, l.enter(since, at, z, left.Zone)}
}

// enter begins a visit, or continues the one that has just ended.
func (l *level) enter(first, at int64, z Zone, from string) Event {
	kind := Enter
	if left := l.Left; left != nil && left.Zone == z.ID && first-left.Inside <= Reopen.Milliseconds() {
		l.Here, kind = left, Reenter
		l.Here.GPS, l.Here.ExitAfter = false, z.exitAfter().Milliseconds()
	} else {
		l.Here = &stay{Zone: z.ID, Enter: first, Inside: at, ExitAfter: z.exitAfter().Milliseconds(), Margin: l.margin(at, z)}
	}
	l.Left, l.Rival = nil, nil
	l.Here.Inside, l.Here.Strong = at, at
	l.Here.Samples += 2
	e := l.event(kind, first)
	e.Other = from
	return e
}

// leave ends the visit at ms.
func (l *level) leave(at int64, to string) Event {
	l.Here.Inside = max(at, l.Here.Enter)
	l.Here.Strong = l.Here.Inside
	e := l.event(Exit, l.Here.Inside)
	e.Dwell = time.Duration(l.Here.Inside-l.Here.Enter) * time.Millisecond
	e.Other = to
	l.Left, l.Here, l.Rival = l.Here, nil, nil
	return e
}

// end is when the stay ended if nothing more is heard: at the last sighting inside, or
// at the last strong one when that was shortly before, for then the rest was heard
// while walking away.
func (s *stay) end() int64 {
	if s.Inside-s.Strong <= walkAway.Milliseconds() {
		return s.Strong
	}
	return s.Inside
}

func (l *level) event(kind Kind, at int64) Event {
	return Event{
		Kind: kind, Zone: l.Here.Zone, Level: l.Level, At: time.UnixMilli(at).UTC(), Entered: time.UnixMilli(l.Here.Enter).UTC(),
		Confidence: confidence(l.Here.Samples, l.Here.Margin), Samples: l.Here.Samples,
	}
}

func confidence(samples int, margin float64) Confidence {
	switch {
	case samples >= 5 && margin >= SwitchBy:
		return High
	case samples >= 2:
		return Medium
	}
	return Low
}
