package proximity

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Venue is a place with a floor plan, and what is drawn on it. Positions are metres
// from the plan's upper left corner: x to the right, y down.
type Venue struct { //nolint:recvcheck // clone begins with a copy
	ID        id.ID     `json:"id"`
	Name      string    `json:"name"`
	Width     float64   `json:"width"`            // metres
	Height    float64   `json:"height"`           // metres
	Origin    *Origin   `json:"origin,omitempty"` // where on earth the plan lies; nil: no positions by satellite
	Zones     []Zone    `json:"zones"`
	Beacons   []Beacon  `json:"beacons"`
	Stalls    []Stall   `json:"stalls"`
	Plan      *Plan     `json:"plan,omitempty"` // what the picture is; it has its own address
	Version   int64     `json:"version,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

// Origin places a plan on the earth.
type Origin struct {
	Lat     float64 `json:"lat"` // of the upper left corner, degrees
	Lon     float64 `json:"lon"`
	Bearing float64 `json:"bearing"` // from north to the plan's upward direction, degrees clockwise
}

// Point is a position: x and y in metres.
type Point [2]float64

// Kinds of a zone.
const (
	KindArea     = "area"
	KindStage    = "stage"
	KindStall    = "stall"
	KindQueue    = "queue" // people wait in it: they count as gone sooner
	KindEntrance = "entrance"
	KindPassage  = "passage"
)

var zoneKinds = []string{KindArea, KindStage, KindStall, KindQueue, KindEntrance, KindPassage}

// Zone is an area of a venue. Its name is what beacons, stalls and offers call it.
type Zone struct {
	ID      id.ID   `json:"id"`
	Name    string  `json:"name"`
	Kind    string  `json:"kind"`
	Outline []Point `json:"outline"`         // a simple polygon
	Width   float64 `json:"width,omitempty"` // of the way through it, metres; 0: not stated
}

// Beacon is a transmitter. Code is how sightings name it: "uuid/major/minor" of an
// iBeacon, "namespace/instance" of an Eddystone, or any other text.
type Beacon struct {
	ID   id.ID   `json:"id"`
	Code string  `json:"code"`
	Zone string  `json:"zone"`
	X    float64 `json:"x"`
	Y    float64 `json:"y"`
}

// Stall sells something; people may queue for it.
type Stall struct {
	ID        id.ID    `json:"id"`
	Name      string   `json:"name"`
	X         float64  `json:"x"`
	Y         float64  `json:"y"`
	Zone      string   `json:"zone,omitempty"`   // where people wait for it
	Servers   int      `json:"servers"`          // people who serve; 0 is 1
	QueueHigh int      `json:"queue_high"`       // people from which the queue counts as long; 0 is 20
	Pinned    bool     `json:"pinned,omitempty"` // the layout report leaves it where it is
	Tills     []string `json:"tills,omitempty"`  // as sale.completed names them
}

// Plan says what a floor plan's picture is.
type Plan struct {
	Type string `json:"type"` // image/svg+xml or image/png
	Tag  string `json:"tag"`  // hash of the picture
}

// zone finds a zone by name; nil when there is none.
func (v *Venue) zone(name string) *Zone {
	for i := range v.Zones {
		if v.Zones[i].Name == name {
			return &v.Zones[i]
		}
	}
	return nil
}

// zoneByID finds a zone; nil when there is none.
func (v *Venue) zoneByID(zone id.ID) *Zone {
	for i := range v.Zones {
		if v.Zones[i].ID == zone {
			return &v.Zones[i]
		}
	}
	return nil
}

// stall finds a stall by name; nil when there is none.
func (v *Venue) stall(name string) *Stall {
	for i := range v.Stalls {
		if v.Stalls[i].Name == name {
			return &v.Stalls[i]
		}
	}
	return nil
}

func (v *Venue) stallByID(stall id.ID) *Stall {
	for i := range v.Stalls {
		if v.Stalls[i].ID == stall {
			return &v.Stalls[i]
		}
	}
	return nil
}

// CreateVenue stores a new venue. Errors: fault.Invalid with every fault,
// fault.Conflict when a beacon hangs elsewhere.
func (s *Service) CreateVenue(ctx context.Context, v Venue) (Venue, error) {
	v.ID, v.Version, v.Plan = id.New(), 1, nil
	if err := v.check(); err != nil {
		return Venue{}, err
	}
	err := s.db.InTx(ctx, func(tx *db.Tx) error {
		v.CreatedAt, v.UpdatedAt = tx.Now(), tx.Now()
		if err := insertVenue(tx, &v); err != nil {
			return err
		}
		return writeParts(tx, &v, Venue{})
	})
	return v, err
}

// ChangeVenue lets change work on the venue as it is, then stores what came of it.
// Zones and stalls keep their identity by name, or by ID when they are renamed.
// Errors: fault.NotFound, fault.Invalid, fault.Conflict; change's own.
func (s *Service) ChangeVenue(ctx context.Context, venue id.ID, change func(v *Venue) error) (Venue, error) {
	var v Venue
	err := s.db.InTx(ctx, func(tx *db.Tx) error {
		was, err := lockVenue(tx, venue)
		if err != nil {
			return err
		}
		v = was.clone()
		if err := change(&v); err != nil {
			return err
		}
		v.ID, v.Plan, v.CreatedAt, v.Version = was.ID, was.Plan, was.CreatedAt, was.Version+1
		v.UpdatedAt = tx.Now()
		v.keepIDs(was)
		if err := v.check(); err != nil {
			return err
		}
		if err := updateVenue(tx, &v); err != nil {
			return err
		}
		return writeParts(tx, &v, was)
	})
	return v, err
}

// DeleteVenue removes a venue. Errors: fault.NotFound, fault.Conflict when events
// take place there.
func (s *Service) DeleteVenue(ctx context.Context, venue id.ID) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		v, err := lockVenue(tx, venue)
		if err != nil {
			return err
		}
		held, err := heldAt(tx, v.ID)
		if err != nil {
			return err
		}
		if held != "" {
			return fault.E("proximity.DeleteVenue", fault.Conflict, "the event "+held+" takes place there", nil).WithFix("take the event away from the venue first")
		}
		return deleteVenue(tx, v.ID)
	})
}

// clone copies v so that changing the copy leaves v alone.
func (v Venue) clone() Venue {
	c := v
	c.Zones, c.Beacons, c.Stalls = append([]Zone{}, v.Zones...), append([]Beacon{}, v.Beacons...), append([]Stall{}, v.Stalls...)
	return c
}

// keepIDs gives the parts of v the ids that parts of the same name, or the same
// id, had in was; new parts get new ones.
func (v *Venue) keepIDs(was Venue) {
	for i := range v.Zones {
		z := &v.Zones[i]
		old := was.zone(z.Name)
		switch {
		case was.zoneByID(z.ID) != nil:
		case old != nil:
			z.ID = old.ID
		default:
			z.ID = id.New()
		}
	}
	for i := range v.Stalls {
		t := &v.Stalls[i]
		old := was.stall(t.Name)
		switch {
		case was.stallByID(t.ID) != nil:
		case old != nil:
			t.ID = old.ID
		default:
			t.ID = id.New()
		}
	}
	codes := map[string]id.ID{}
	for _, b := range was.Beacons {
		codes[b.Code] = b.ID
	}
	for i := range v.Beacons {
		b := &v.Beacons[i]
		if b.ID = codes[normalBeacon(b.Code)]; b.ID == id.Nil {
			b.ID = id.New()
		}
	}
}
