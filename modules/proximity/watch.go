package proximity

import (
	"cmp"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/proximity/zoning"
)

// holdOn is how long a phone counts as where it was last heard.
const holdOn = 30 * time.Second

// dueStep is the grain of when an exit is due: as long as it stays the same, a row is
// written without its indexes. An exit is noticed so much later, not dated later.
const dueStep = 10 * time.Second

// A watch moves phones within one transaction: their rows are locked in the order of
// their pseudonyms, so that two of them never wait for each other.
type watch struct {
	s       *Service
	tx      *db.Tx
	devices map[pseudonym]*device
	visits  []visitChange
	spent   map[spell]float64 // seconds
	moves   []move            // what offers may react to
}

// device is a phone at an event, as its row has it.
type device struct {
	pseudonym
	scene        *scene
	installation string
	app          string
	segment      string // as the consent says, or else analytics
	person       string // of identity; "": nobody was signed in
	zone, area   id.ID
	since        *time.Time
	seenAt       time.Time
	dueAt        *time.Time
	x, y         *float64
	offeredAt    *time.Time
	state        *zoning.Device
}

// spell is where a phone was within a minute.
type spell struct {
	pseudonym
	minute time.Time
	cell   int32
}

// move is a change of where a phone is.
type move struct {
	device *device
	event  zoning.Event
	zone   *Zone
}

// visitChange is what became of a visit.
type visitChange struct {
	pseudonym
	zone       id.ID
	entered    time.Time
	left       *time.Time
	dwelled    int // seconds
	confidence string
	reopened   bool // left is taken back
}

func newWatch(s *Service, tx *db.Tx) *watch {
	return &watch{s: s, tx: tx, devices: map[pseudonym]*device{}, spent: map[spell]float64{}}
}

// load reads, and locks, the rows of all phones that agreed; new ones begin nowhere.
func (w *watch) load(all []heard, agreed map[string]Consent) error {
	for i := range all {
		h := &all[i]
		c, ok := agreed[h.installation]
		if !ok {
			continue
		}
		p := pseudonym{h.scene.ID, h.scene.key.of(h.installation)}
		if w.devices[p] == nil {
			w.devices[p] = &device{pseudonym: p, scene: h.scene, installation: c.Installation, app: c.App, segment: c.Segment, person: c.person, seenAt: h.at, state: &zoning.Device{}}
		}
	}
	return lockDevices(w.tx, w.devices)
}

// feed takes the readings in the order of their time.
func (w *watch) feed(all []heard) {
	slices.SortStableFunc(all, func(a, b heard) int { return a.at.Compare(b.at) })
	for i := range all {
		h := &all[i]
		d := w.devices[pseudonym{h.scene.ID, h.scene.key.of(h.installation)}]
		if d == nil {
			continue
		}
		w.spend(d, h.at)
		if h.beacon != "" {
			w.note(d, d.state.Sight(zoning.Sighting{At: h.at, Beacon: h.beacon, RSSI: h.rssi}, h.place.zone.rule()))
		} else {
			w.note(d, d.state.Fix(h.fix, h.scene.site.Origin.fences(h.scene.site.Zones)))
		}
		d.stand(h)
	}
}

// stand moves a phone's position towards a beacon of the zone it is in, or to where a
// satellite puts it.
func (d *device) stand(h *heard) {
	inside := h.beacon == "" || h.place.zone.ID == d.zone || h.place.zone.ID == d.area
	if h.at.After(d.seenAt) {
		d.seenAt = h.at
	}
	switch {
	case !inside:
	case d.x == nil || h.beacon == "":
		x, y := h.x, h.y
		d.x, d.y = &x, &y
	default:
		x, y := (*d.x+h.x)/2, (*d.y+h.y)/2
		d.x, d.y = &x, &y
	}
}

// spend books the time since a phone was last heard to the cell where it was.
func (w *watch) spend(d *device, at time.Time) {
	if d.x == nil || d.zone == id.Nil && d.area == id.Nil || !at.After(d.seenAt) {
		return
	}
	until := at
	if until.Sub(d.seenAt) > holdOn {
		until = d.seenAt.Add(holdOn)
	}
	cell := int32(d.scene.site.grid().At(*d.x, *d.y))
	for from := d.seenAt; from.Before(until); {
		minute := from.Truncate(time.Minute)
		to := until
		if next := minute.Add(time.Minute); next.Before(to) {
			to = next
		}
		w.spent[spell{d.pseudonym, minute, cell}] += to.Sub(from).Seconds()
		from = to
	}
}

// note books what zoning found.
func (w *watch) note(d *device, events []zoning.Event) {
	for _, e := range events {
		zone, err := id.Parse(e.Zone)
		if err != nil {
			continue
		}
		z := d.scene.site.zones[zone]
		if z == nil {
			continue // it was taken off the plan meanwhile
		}
		w.moves = append(w.moves, move{d, e, z})
		v := visitChange{pseudonym: d.pseudonym, zone: zone, entered: e.Entered.UTC(), confidence: string(e.Confidence)}
		switch e.Kind {
		case zoning.Exit:
			at := e.At.UTC()
			v.left = &at
		case zoning.Dwell:
			v.dwelled = int(e.Dwell.Seconds())
		case zoning.Reenter:
			v.reopened = true
		}
		w.visits = append(w.visits, v)
	}
	d.whereabouts()
}

// whereabouts reads the state back into the row's columns.
func (d *device) whereabouts() {
	area, sinceArea := d.state.In(levelArea)
	zone, since := d.state.In(levelStall)
	if zone == "" {
		zone, since = area, sinceArea
	}
	d.area, _ = id.Parse(area)
	d.zone, _ = id.Parse(zone)
	if d.since = nil; zone != "" {
		at := since.UTC()
		d.since = &at
	}
	if d.dueAt = nil; zone != "" {
		if due, ok := d.state.Due(); ok {
			due = due.UTC().Truncate(dueStep).Add(dueStep)
			d.dueAt = &due
		}
	}
}

// finish writes everything back, announces what happened, and lets the offers see it.
func (w *watch) finish() error {
	for _, d := range w.devices {
		d.whereabouts()
	}
	if err := w.s.react(w.tx, w.moves); err != nil {
		return err
	}
	if err := writeDevices(w.tx, w.devices); err != nil {
		return err
	}
	if err := writeVisits(w.tx, w.visits); err != nil {
		return err
	}
	if err := addPresence(w.tx, w.spent); err != nil {
		return err
	}
	return w.announce()
}

// announce tells what happened, a fact an event and kind.
func (w *watch) announce() error {
	type kindOf struct {
		event string
		kind  zoning.Kind
	}
	by := map[kindOf][]facts.ZoneVisit{}
	for _, m := range w.moves {
		k := kindOf{m.device.scene.Name, m.event.Kind}
		v := facts.ZoneVisit{Zone: m.zone.ID, Name: m.zone.Name, Device: m.device.ref.String(), Entered: m.event.Entered.UTC(), Confidence: string(m.event.Confidence), Seconds: int(m.event.Dwell.Seconds())}
		if m.event.Kind == zoning.Exit {
			v.Left = m.event.At.UTC()
		}
		if k.kind == zoning.Reenter {
			continue // the visit it belongs to was announced
		}
		by[k] = append(by[k], v)
	}
	keys := make([]kindOf, 0, len(by))
	for k := range by {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b kindOf) int {
		return cmp.Or(cmp.Compare(a.event, b.event), cmp.Compare(a.kind, b.kind))
	})
	for _, k := range keys {
		var f db.Fact
		switch k.kind {
		case zoning.Enter:
			f = facts.ZonesEntered{Event: k.event, Visits: by[k]}
		case zoning.Exit:
			f = facts.ZonesExited{Event: k.event, Visits: by[k]}
		default:
			f = facts.ZonesDwelled{Event: k.event, Visits: by[k]}
		}
		if err := w.tx.Emit(f); err != nil {
			return err
		}
	}
	return nil
}
