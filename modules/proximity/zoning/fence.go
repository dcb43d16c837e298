package zoning

import (
	"math"
	"time"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
	"github.com/paulmach/orb/planar"
)

// Fence is a zone that GPS can tell: a circle, or a polygon.
type Fence struct {
	Zone    Zone
	Centre  orb.Point   // longitude, latitude
	Radius  float64     // metres; of a circle
	Polygon orb.Polygon // outer ring, then holes; closed rings of longitude, latitude
}

// Fix is a position that a phone believes.
type Fix struct {
	At       time.Time
	Point    orb.Point
	Accuracy float64 // metres
}

const (
	worstAccuracy = 100.0 // metres; a worse fix is ignored
	leastSlack    = 25.0  // metres beyond a fence before one has left it
	slackShare    = 0.1   // of the radius
)

// Fix takes one fix: it enters a fence when all that the accuracy allows lies inside
// (distance + accuracy ≤ r), and leaves it when nothing of it does, by a margin
// (distance − accuracy > r + max(25 m, r/10)). Of several fences of a level the one that
// holds the point deepest is entered. A zone known from beacons is not left by a fix.
func (d *Device) Fix(f Fix, fences []Fence) (events []Event) {
	at, ok := d.clock(f.At)
	if !ok {
		return nil
	}
	events = d.tick(at)
	if !(f.Accuracy >= 0 && f.Accuracy <= worstAccuracy) {
		return events
	}
	deepest := map[int]*Fence{}
	depth := map[int]float64{}
	for i := range fences {
		fence := &fences[i]
		outside := fence.outside(f.Point)
		events = append(events, d.at(fence.Zone.Level).fix(at, f, fence, outside)...)
		n := fence.Zone.Level
		if outside+f.Accuracy <= 0 && (deepest[n] == nil || outside < depth[n]) {
			deepest[n], depth[n] = fence, outside
		}
	}
	for i := range d.levels { // in order, so that events are too
		l := &d.levels[i]
		if fence := deepest[l.Level]; fence != nil && l.Here == nil {
			e := l.enter(at, at, fence.Zone, "")
			l.Here.GPS, l.Here.ExitAfter = true, SilentFix.Milliseconds()
			l.Here.Samples--
			e.Samples, e.Confidence = l.Here.Samples, confidence(l.Here.Samples, 0)
			events = append(events, e)
		}
	}
	return events
}

// fix keeps or ends a visit known from GPS.
func (l *level) fix(at int64, f Fix, fence *Fence, outside float64) []Event {
	here := l.Here
	if here == nil || !here.GPS || here.Zone != fence.Zone.ID {
		return nil
	}
	if outside-f.Accuracy > max(leastSlack, slackShare*fence.radius()) {
		return []Event{l.leave(here.Inside, "")}
	}
	here.Inside, here.Strong = at, at
	here.Samples++
	return l.dwells()
}

// radius is a polygon's too: that of the circle with its area.
func (f *Fence) radius() float64 {
	if len(f.Polygon) == 0 {
		return f.Radius
	}
	return math.Sqrt(math.Abs(geo.Area(f.Polygon)) / math.Pi)
}

// outside is how many metres a point is outside the fence, negative inside.
func (f *Fence) outside(p orb.Point) float64 {
	if len(f.Polygon) == 0 {
		return geo.Distance(p, f.Centre) - f.Radius
	}
	// Around the point the earth is flat: metres east and north of it.
	local := make(orb.Polygon, len(f.Polygon))
	for i, ring := range f.Polygon {
		local[i] = make(orb.Ring, len(ring))
		for k, q := range ring {
			local[i][k] = metresFrom(p, q)
		}
	}
	nearest := math.Inf(1)
	for _, ring := range local {
		nearest = min(nearest, planar.DistanceFrom(orb.LineString(ring), orb.Point{}))
	}
	if planar.PolygonContains(local, orb.Point{}) {
		return -nearest
	}
	return nearest
}

// metresFrom is q in metres east and north of p (equirectangular, good within some km).
func metresFrom(p, q orb.Point) orb.Point {
	const degree = math.Pi / 180 * orb.EarthRadius
	return orb.Point{(q[0] - p[0]) * degree * math.Cos(p[1]*math.Pi/180), (q[1] - p[1]) * degree}
}
