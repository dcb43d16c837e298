package forecast

import (
	"math"
	"slices"
)

// Distance is the length of the great circle between two places, in kilometres.
// Source: the haversine formula, on a sphere of 6,371 km.
func Distance(lat1, lon1, lat2, lon2 float64) float64 {
	const rad = math.Pi / 180
	dLat, dLon := (lat2-lat1)*rad, (lon2-lon1)*rad
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(lat1*rad)*math.Cos(lat2*rad)*math.Pow(math.Sin(dLon/2), 2)
	return 2 * 6371 * math.Asin(math.Sqrt(min(h, 1)))
}

// Similarity says how alike two events are, 0 to 1:
//
//	.4 Jaccard(tags) + .2 e^(−km/25) + .15 e^(−|Δseason days|/30) + .1 [same weekend class] + .15 e^(−|ln C₁/C₂|)
func Similarity(a, b *Event) float64 {
	s := .4 * jaccard(a.tags(), b.tags())
	if km, ok := apart(a, b); ok {
		s += .2 * math.Exp(-km/25)
	}
	s += .15 * math.Exp(-seasonDays(a.Date, b.Date)/30)
	if a.Weekend() == b.Weekend() {
		s += .1
	}
	return s + .15*math.Exp(-math.Abs(math.Log(float64(max(a.Capacity, 1))/float64(max(b.Capacity, 1)))))
}

// apart is the distance of two events in kilometres: 0 in the same city when a place
// is unknown; false when it cannot be told.
func apart(a, b *Event) (float64, bool) {
	switch {
	case a.Located && b.Located:
		return Distance(a.Lat, a.Lon, b.Lat, b.Lon), true
	case a.City != "" && a.City == b.City:
		return 0, true
	}
	return 0, false
}

// seasonDays is how far two days are apart in the year, 0 to 182.
func seasonDays(a, b Day) float64 {
	d := math.Mod(math.Abs(float64(a-b)), 365.25)
	return min(d, 365.25-d)
}

// jaccard is |a ∩ b| / |a ∪ b|; 0 when both are empty.
func jaccard(a, b []string) float64 {
	both := 0
	for i, x := range a {
		if slices.Contains(b, x) && !slices.Contains(a[:i], x) {
			both++
		}
	}
	all := distinct(a) + distinct(b) - both
	if all == 0 {
		return 0
	}
	return float64(both) / float64(all)
}

func distinct(a []string) (n int) {
	for i, x := range a {
		if !slices.Contains(a[:i], x) {
			n++
		}
	}
	return n
}

// Calendar is what takes place, ours and others', by date: who competes with whom.
type Calendar struct{ events []*Event }

// NewCalendar makes a calendar of events. OnSale is the day each was announced.
func NewCalendar(events []*Event) *Calendar {
	return &Calendar{slices.SortedFunc(slices.Values(events), func(a, b *Event) int { return int(a.Date - b.Date) })}
}

// rivalDays is how far apart rivals may be; e^(−9/3) of one is negligible.
const rivalDays = 9

// Rival is an event that competes with another, and how strongly.
type Rival struct {
	*Event
	Strength float64 // e^(−km/10) e^(−|Δdays|/3) Jaccard(tags) ln(1 + C/100)
}

// Rivals are the events that compete with e, the strongest first, announced or not.
func (c *Calendar) Rivals(e *Event) []Rival {
	if c == nil {
		return nil
	}
	first, _ := slices.BinarySearchFunc(c.events, e.Date-rivalDays, func(x *Event, d Day) int { return int(x.Date - d) })
	var out []Rival
	for _, x := range c.events[first:] {
		if x.Date > e.Date+rivalDays {
			break
		}
		km, ok := apart(e, x)
		if x == e || x.ID == e.ID || !ok {
			continue
		}
		days := math.Abs(float64(x.Date - e.Date))
		s := math.Exp(-km/10-days/3) * jaccard(e.tags(), x.tags()) * math.Log1p(float64(x.Capacity)/100)
		if s > .001 {
			out = append(out, Rival{x, s})
		}
	}
	slices.SortStableFunc(out, func(a, b Rival) int {
		if a.Strength > b.Strength {
			return -1
		}
		if a.Strength < b.Strength {
			return 1
		}
		return 0
	})
	return out
}

// pressure is the strength of the rivals announced by the day.
func pressure(rivals []Rival, by Day) (sum float64) {
	for _, r := range rivals {
		if r.OnSale <= by {
			sum += r.Strength
		}
	}
	return sum
}
