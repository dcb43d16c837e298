package heatmap

import (
	"cmp"
	"math"
	"slices"
)

// Layout is what a venue's day says about its arrangement, in words of one report.
type Layout struct {
	Bottlenecks []Bottleneck `json:"bottlenecks"`
	Underused   []Underused  `json:"underused"`
	Better      *Arrangement `json:"better,omitempty"` // nil: none that is worth the move
}

// Passage is a way between zones with what walked through it.
type Passage struct {
	Name  string  `json:"name"`
	Width float64 `json:"width"` // metres; 0: not known
	Flow  float64 `json:"flow"`  // people a minute, at the busiest
}

// Capacity is how many people pass a metre of width in a minute at most, and Crowded
// the share of it from which a passage is a bottleneck.
// Source: the Guide to Safety at Sports Grounds (green guide): 82 on the level.
const (
	Capacity = 82.0
	Crowded  = 0.8
)

// Bottleneck is a passage near its capacity.
type Bottleneck struct {
	Passage
	Load      float64 `json:"load"`       // share of the capacity
	WidthNeed float64 `json:"width_need"` // metres that would bring it to Crowded
}

// Bottlenecks are the passages above Crowded, the worst first.
func Bottlenecks(passages []Passage) []Bottleneck {
	out := []Bottleneck{}
	for _, p := range passages {
		load := p.Flow / (p.Width * Capacity)
		if p.Width > 0 && load > Crowded {
			out = append(out, Bottleneck{p, load, math.Ceil(p.Flow/(Crowded*Capacity)*10) / 10})
		}
	}
	slices.SortStableFunc(out, func(a, b Bottleneck) int { return cmp.Compare(b.Load, a.Load) })
	return out
}

// Site is something on the plan that people walk to and from: a stall, a stage, a gate.
type Site struct {
	ID     string  `json:"name"`
	X      float64 `json:"x"` // metres
	Y      float64 `json:"y"`
	Pinned bool    `json:"pinned,omitempty"` // it stays where it is
	People float64 `json:"people"`           // who stand at it at the busiest
}

func (s Site) to(o Site) float64 { return math.Hypot(s.X-o.X, s.Y-o.Y) }
