package proximity

import (
	"math"

	"github.com/paulmach/orb"

	"github.com/usherhq/usher/modules/proximity/zoning"
)

// metresPerDegree of latitude: the mean meridian of WGS 84. Over a venue the earth is flat.
const metresPerDegree = 111_320.0

// axes of the plan as (east, north): to the right, and up.
func (o *Origin) axes() (right, up [2]float64) {
	sin, cos := math.Sincos(o.Bearing * math.Pi / 180)
	return [2]float64{cos, -sin}, [2]float64{sin, cos}
}

// onPlan is where a place on earth lies on the plan, in metres.
func (o *Origin) onPlan(lat, lon float64) (x, y float64) {
	east := (lon - o.Lon) * metresPerDegree * math.Cos(o.Lat*math.Pi/180)
	north := (lat - o.Lat) * metresPerDegree
	right, up := o.axes()
	return east*right[0] + north*right[1], -(east*up[0] + north*up[1])
}

// onEarth is the inverse: longitude and latitude.
func (o *Origin) onEarth(p Point) orb.Point {
	right, up := o.axes()
	east, north := p[0]*right[0]-p[1]*up[0], p[0]*right[1]-p[1]*up[1]
	return orb.Point{o.Lon + east/(metresPerDegree*math.Cos(o.Lat*math.Pi/180)), o.Lat + north/metresPerDegree}
}

// fences are the zones that positions by satellite can tell.
func (o *Origin) fences(zones []Zone) []zoning.Fence {
	if o == nil {
		return nil
	}
	out := make([]zoning.Fence, len(zones))
	for i := range zones {
		ring := make(orb.Ring, 0, len(zones[i].Outline)+1)
		for _, p := range zones[i].Outline {
			ring = append(ring, o.onEarth(p))
		}
		out[i] = zoning.Fence{Zone: zones[i].rule(), Polygon: orb.Polygon{append(ring, ring[0])}}
	}
	return out
}

// Levels of zones: a stall or a queue may lie inside an area, and a phone is in both.
const (
	levelArea = iota
	levelStall
)

// rule is the zone as the state machine knows it.
func (z *Zone) rule() zoning.Zone {
	level := levelArea
	if z.Kind == KindStall || z.Kind == KindQueue {
		level = levelStall
	}
	return zoning.Zone{ID: z.ID.String(), Level: level, Queue: z.Kind == KindQueue}
}
