package zoning

import (
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
	"pgregory.net/rapid"
)

var munich = orb.Point{11.58, 48.14}

func east(metres float64) orb.Point { return geo.PointAtBearingAndDistance(munich, 90, metres) }

func TestACircleIsEnteredWhenSureAndLeftWhenSure(t *testing.T) {
	park := []Fence{{Zone: Zone{ID: "park"}, Centre: munich, Radius: 100}}
	var d Device
	fix := func(second, metres, accuracy float64) []Event {
		return d.Fix(Fix{sec(second), east(metres), accuracy}, park)
	}
	expect(t, fix(0, 85, 20))
	expect(t, fix(10, 79, 20), "enter park 10")
	expect(t, fix(20, 120, 20))
	expect(t, fix(30, 500, 150)) // too inaccurate to count
	expect(t, fix(80, 144, 20), "dwell park 70")
	expect(t, fix(90, 146, 20), "exit park 80")
}

func TestFixesThatCease(t *testing.T) {
	var d Device
	d.Fix(Fix{sec(0), munich, 5}, []Fence{{Zone: Zone{ID: "park"}, Centre: munich, Radius: 100}})
	expect(t, d.Tick(sec(29*60)))
	expect(t, d.Tick(sec(30*60)), "exit park 0")
}

func TestABeaconIsNearerToTheTruthThanAFix(t *testing.T) {
	var d Device
	park := []Fence{{Zone: Zone{ID: "park"}, Centre: munich, Radius: 100}}
	d.Fix(Fix{sec(0), munich, 5}, park)
	expect(t, play(&d, Zone{ID: "bar"}, 10, 15, -60), "exit park 0", "enter bar 10")
	expect(t, d.Fix(Fix{sec(16), munich, 5}, park))
}

// A polygon says what the circle around the same points says, up to its corners.
func TestAPolygonOfManyCornersIsItsCircle(t *testing.T) {
	ring := orb.Ring{}
	for k := range 360 {
		ring = append(ring, geo.PointAtBearingAndDistance(munich, float64(k), 100))
	}
	ring = append(ring, ring[0])
	circle := Fence{Zone: Zone{ID: "z"}, Centre: munich, Radius: 100}
	polygon := Fence{Zone: Zone{ID: "z"}, Polygon: orb.Polygon{ring}}
	if r := polygon.radius(); r < 99 || r > 101 {
		t.Fatalf("radius %v", r)
	}
	rapid.Check(t, func(t *rapid.T) {
		p := geo.PointAtBearingAndDistance(munich, rapid.Float64Range(0, 360).Draw(t, "bearing"), rapid.Float64Range(0, 400).Draw(t, "metres"))
		a, b := circle.outside(p), polygon.outside(p)
		if a-b > 1 || b-a > 1 {
			t.Fatalf("%v m outside the circle, %v m outside the polygon", a, b)
		}
	})
}

func TestAHoleIsOutside(t *testing.T) {
	box := func(half float64) orb.Ring {
		n, s := geo.PointAtBearingAndDistance(munich, 0, half)[1], geo.PointAtBearingAndDistance(munich, 180, half)[1]
		e, w := geo.PointAtBearingAndDistance(munich, 90, half)[0], geo.PointAtBearingAndDistance(munich, 270, half)[0]
		return orb.Ring{{w, s}, {e, s}, {e, n}, {w, n}, {w, s}}
	}
	yard := Fence{Zone: Zone{ID: "yard"}, Polygon: orb.Polygon{box(200), box(50)}}
	if o := yard.outside(munich); o < 49 || o > 51 {
		t.Errorf("the hole's middle is %v m outside", o)
	}
	if o := yard.outside(east(125)); o > -74 || o < -76 {
		t.Errorf("the yard's middle is %v m outside", o)
	}
}
