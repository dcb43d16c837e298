package proximity

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/proximity/zoning"
)

// Bounds of a venue.
const (
	maxSide    = 5000.0 // metres
	maxName    = 80     // characters
	maxZones   = 300
	maxCorners = 200
	maxBeacons = 5000
	maxStalls  = 300
	maxTills   = 50 // of a stall
)

type complaint func(name, problem, fix string)

// normalCode is a beacon's or till's name as we compare it.
func normalCode(code string) string { return strings.ToLower(strings.TrimSpace(code)) }

// normalBeacon is a beacon's name in one form, however makers and apps write it.
func normalBeacon(code string) string {
	if b, err := zoning.ParseBeacon(code); err == nil {
		return b.String()
	}
	return normalCode(code)
}

// check reports every fault of the venue at once, and fills in what may be left out.
func (v *Venue) check() error {
	var f []fault.Field
	bad := func(name, problem, fix string) { f = append(f, fault.Field{Name: name, Problem: problem, Fix: fix}) }
	v.Name = checkName(bad, "name", v.Name)
	for _, side := range []struct {
		name string
		m    float64
	}{{"width", v.Width}, {"height", v.Height}} {
		if !(side.m > 0 && side.m <= maxSide) {
			bad(side.name, fmt.Sprintf("is %g", side.m), fmt.Sprintf("metres, more than 0 and at most %g", maxSide))
		}
	}
	if o := v.Origin; o != nil && (math.Abs(o.Lat) > 85 || math.Abs(o.Lon) > 180 || math.Abs(o.Bearing) > 360) {
		bad("origin", "is no place on earth", "lat from -85 to 85, lon from -180 to 180, bearing in degrees")
	}
	v.checkZones(bad)
	v.checkBeacons(bad)
	v.checkStalls(bad)
	return fault.BadFields("proximity.Venue", f)
}

func checkName(bad complaint, field, name string) string {
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		bad(field, "is missing", "a name that people know")
	case utf8.RuneCountInString(name) > maxName || strings.ContainsAny(name, "\n\r\t\x00"):
		bad(field, "is too long or more than one line", fmt.Sprintf("at most %d characters", maxName))
	}
	return name
}

func (v *Venue) checkZones(bad complaint) {
	if len(v.Zones) > maxZones {
		bad("zones", fmt.Sprintf("has %d", len(v.Zones)), fmt.Sprintf("at most %d", maxZones))
		return
	}
	seen := map[string]bool{}
	for i := range v.Zones {
		z, at := &v.Zones[i], fmt.Sprintf("zones[%d]", i)
		if z.ID == id.Nil {
			z.ID = id.New()
		}
		if z.Name = checkName(bad, at+".name", z.Name); seen[z.Name] {
			bad(at+".name", "is the name of another zone too", "give each its own")
		}
		seen[z.Name] = true
		if z.Kind == "" {
			z.Kind = KindArea
		}
		if !slices.Contains(zoneKinds, z.Kind) {
			bad(at+".kind", fmt.Sprintf("%q is unknown", z.Kind), strings.Join(zoneKinds, ", "))
		}
		if !(z.Width >= 0 && z.Width <= maxSide) {
			bad(at+".width", fmt.Sprintf("is %g", z.Width), "metres of the way through the zone, or leave it out")
		}
		v.checkOutline(bad, at+".outline", z.Outline)
	}
}

func (v *Venue) checkOutline(bad complaint, at string, outline []Point) {
	if len(outline) < 3 || len(outline) > maxCorners {
		bad(at, fmt.Sprintf("has %d corners", len(outline)), fmt.Sprintf("3 to %d, such as [[0,0],[10,0],[10,5]]", maxCorners))
		return
	}
	for _, p := range outline {
		if !v.holds(p[0], p[1]) {
			bad(at, fmt.Sprintf("has the corner %g, %g outside the plan", p[0], p[1]), fmt.Sprintf("x from 0 to %g, y from 0 to %g", v.Width, v.Height))
			return
		}
	}
	if area(outline) < 0.5 {
		bad(at, "encloses less than half a square metre", "draw it larger")
	}
	if crosses(outline) {
		bad(at, "crosses itself", "name the corners in their order around the zone")
	}
}

func (v *Venue) holds(x, y float64) bool { return x >= 0 && x <= v.Width && y >= 0 && y <= v.Height }

func (v *Venue) checkBeacons(bad complaint) {
	if len(v.Beacons) > maxBeacons {
		bad("beacons", fmt.Sprintf("has %d", len(v.Beacons)), fmt.Sprintf("at most %d", maxBeacons))
		return
	}
	seen := map[string]bool{}
	for i := range v.Beacons {
		b, at := &v.Beacons[i], fmt.Sprintf("beacons[%d]", i)
		if b.ID == id.Nil {
			b.ID = id.New()
		}
		b.Code = normalBeacon(b.Code)
		switch {
		case b.Code == "" || len(b.Code) > 200:
			bad(at+".code", "is missing or too long", "as sightings name it, such as uuid/major/minor")
		case seen[b.Code]:
			bad(at+".code", "hangs in two places", "name each beacon once")
		}
		seen[b.Code] = true
		if v.zone(b.Zone) == nil {
			bad(at+".zone", fmt.Sprintf("%q is no zone of the venue", b.Zone), "the name of one of zones")
		}
		if !v.holds(b.X, b.Y) {
			bad(at, fmt.Sprintf("hangs at %g, %g, outside the plan", b.X, b.Y), fmt.Sprintf("x from 0 to %g, y from 0 to %g", v.Width, v.Height))
		}
	}
}

func (v *Venue) checkStalls(bad complaint) {
	if len(v.Stalls) > maxStalls {
		bad("stalls", fmt.Sprintf("has %d", len(v.Stalls)), fmt.Sprintf("at most %d", maxStalls))
		return
	}
	names, tills := map[string]bool{}, map[string]bool{}
	for i := range v.Stalls {
		t, at := &v.Stalls[i], fmt.Sprintf("stalls[%d]", i)
		if t.ID == id.Nil {
			t.ID = id.New()
		}
		if t.Name = checkName(bad, at+".name", t.Name); names[t.Name] {
			bad(at+".name", "is the name of another stall too", "give each its own")
		}
		names[t.Name] = true
		t.fillIn()
		if t.Servers < 1 || t.Servers > 200 {
			bad(at+".servers", fmt.Sprintf("is %d", t.Servers), "1 to 200 people who serve")
		}
		if t.QueueHigh < 1 || t.QueueHigh > 100_000 {
			bad(at+".queue_high", fmt.Sprintf("is %d", t.QueueHigh), "the number of people from which the queue counts as long")
		}
		if t.Zone != "" && v.zone(t.Zone) == nil {
			bad(at+".zone", fmt.Sprintf("%q is no zone of the venue", t.Zone), "the name of one of zones, or leave it out")
		}
		if !v.holds(t.X, t.Y) {
			bad(at, fmt.Sprintf("stands at %g, %g, outside the plan", t.X, t.Y), fmt.Sprintf("x from 0 to %g, y from 0 to %g", v.Width, v.Height))
		}
		t.checkTills(bad, at, tills)
	}
}

func (t *Stall) fillIn() {
	if t.Servers == 0 {
		t.Servers = 1
	}
	if t.QueueHigh == 0 {
		t.QueueHigh = 20
	}
}

func (t *Stall) checkTills(bad complaint, at string, seen map[string]bool) {
	if len(t.Tills) > maxTills {
		bad(at+".tills", fmt.Sprintf("has %d", len(t.Tills)), fmt.Sprintf("at most %d", maxTills))
		return
	}
	for j := range t.Tills {
		till := normalCode(t.Tills[j])
		if till == "" || len(till) > 200 || seen[till] {
			bad(fmt.Sprintf("%s.tills[%d]", at, j), "is empty, too long, or stands at two stalls", "as sale.completed names it, once")
		}
		seen[till], t.Tills[j] = true, till
	}
}

// area of a polygon in m², by the shoelace formula.
func area(p []Point) float64 {
	sum := 0.0
	for i := range p {
		j := (i + 1) % len(p)
		sum += p[i][0]*p[j][1] - p[j][0]*p[i][1]
	}
	return math.Abs(sum) / 2
}

// crosses reports whether two sides of a polygon that are no neighbours meet.
func crosses(p []Point) bool {
	n := len(p)
	for i := range n {
		for j := i + 2; j < n; j++ {
			if (j+1)%n != i && meet(p[i], p[(i+1)%n], p[j], p[(j+1)%n]) {
				return true
			}
		}
	}
	return false
}

// meet reports whether the segments ab and cd properly cross.
func meet(a, b, c, d Point) bool {
	side := func(p, q, r Point) float64 { return (q[0]-p[0])*(r[1]-p[1]) - (q[1]-p[1])*(r[0]-p[0]) }
	return side(a, b, c)*side(a, b, d) < 0 && side(c, d, a)*side(c, d, b) < 0
}
