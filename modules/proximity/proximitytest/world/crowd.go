package world

import (
	"math"
	"math/rand/v2"
)

// Spot is where a person was during one second.
type Spot struct{ X, Y float64 }

// Crowd is people at a venue of 64 × 48 metres with a stage, stalls and quiet corners.
type Crowd struct {
	Width, Height float64
	Paths         [][]Spot // of each person, a spot every ten seconds; NaN: not there
}

// CrowdStep is the time between two spots, in seconds.
const CrowdStep = 10

// Gather simulates some people for some minutes. Attractions differ a lot, so that some
// places are full and others see a handful; people drift between them, come and go.
func Gather(seed uint64, people, minutes int) Crowd {
	r := rand.New(rand.NewPCG(seed, 0xc40d))
	c := Crowd{Width: 64, Height: 48, Paths: make([][]Spot, people)}
	type attraction struct{ x, y, size, pull float64 }
	var places []attraction
	sum := 0.0
	for range 7 {
		a := attraction{c.Width * r.Float64(), c.Height * r.Float64(), 0.5 + 3*r.Float64(), math.Exp(1.5 * r.NormFloat64())}
		places = append(places, a)
		sum += a.pull
	}
	choose := func() attraction {
		at := r.Float64() * sum
		for _, a := range places {
			if at -= a.pull; at < 0 {
				return a
			}
		}
		return places[0]
	}
	steps := minutes * 60 / CrowdStep
	for i := range people {
		from, until := stay(r, steps)
		goal := choose()
		x, y := goal.x, goal.y
		for s := range steps {
			if s < from || s > until {
				c.Paths[i] = append(c.Paths[i], Spot{math.NaN(), math.NaN()})
				continue
			}
			if r.Float64() < 0.04 {
				goal = choose()
			}
			x += (goal.x-x)*0.4 + goal.size*r.NormFloat64()
			y += (goal.y-y)*0.4 + goal.size*r.NormFloat64()
			x, y = min(max(x, 0.01), c.Width-0.01), min(max(y, 0.01), c.Height-0.01)
			c.Paths[i] = append(c.Paths[i], Spot{x, y})
		}
	}
	return c
}

// stay draws when somebody comes and goes: most are there from the beginning to the end.
func stay(r *rand.Rand, steps int) (from, until int) {
	from, until = r.IntN(steps), steps
	if r.Float64() < 0.7 {
		from = 0
	}
	if r.Float64() < 0.3 {
		until = from + r.IntN(steps-from)
	}
	return from, until
}

// ZoneOf names the zone of a point: six rectangles, alleys between them that belong to
// none.
func (c *Crowd) ZoneOf(x, y float64) string {
	column, row := int(x/(c.Width/3)), int(y/(c.Height/2))
	if math.Mod(x, c.Width/3) < 4 || math.Mod(y, c.Height/2) < 4 {
		return ""
	}
	return string(rune('a' + row*3 + column))
}
