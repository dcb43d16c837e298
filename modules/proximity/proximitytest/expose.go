package proximitytest

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/proximity/heatmap"
	"github.com/usherhq/usher/modules/proximity/proximitytest/world"
)

// Exposed is what the house publishes of a simulated crowd, and the truth behind it.
type Exposed struct {
	Pictures []heatmap.Picture
	Flows    []heatmap.Flow
	Trades   []heatmap.Trades // of whole events
	Secret   Secret
	Zones    []string
}

// Expose publishes every product of a crowd's evening.
func Expose(seed uint64, people, minutes int) Exposed {
	c := world.Gather(seed, people, minutes)
	grid := heatmap.GridOf(c.Width, c.Height)
	zoneOf := func(cell heatmap.Cell) string { x, y := cell.Centre(); return c.ZoneOf(x, y) }
	out := Exposed{Secret: Secret{}, Zones: []string{"a", "b", "c", "d", "e", "f"}}
	perBin := int(heatmap.Bin.Seconds()) / world.CrowdStep
	for first := 0; first < len(c.Paths[0]); first += perBin {
		bin := at(float64(first * world.CrowdStep))
		presences := out.presences(&c, grid, bin, first, perBin)
		out.Pictures = append(out.Pictures, heatmap.Publish(bin, grid, out.Zones, zoneOf, presences, 0.5))
	}
	moves := heatmap.Moves(visitsOf(&c), at(float64(minutes*60)))
	for bin := Epoch; bin.Before(at(float64(minutes * 60))); bin = bin.Add(heatmap.FlowBin) {
		out.Flows = append(out.Flows, heatmap.PublishFlow(bin, moves, 0.5))
	}
	for _, m := range moves {
		out.Secret.Add(WayName(m.At.Truncate(heatmap.FlowBin), m.From, m.To), m.Device)
	}
	return out
}

// Add notes a device behind an unknown.
func (s Secret) Add(unknown, device string) {
	if s[unknown] == nil {
		s[unknown] = map[string]bool{}
	}
	s[unknown][device] = true
}

// CellName is the unknown of a cell in a bin.
func CellName(bin time.Time, c heatmap.Cell) string {
	return fmt.Sprintf("%s cell %d/%d", bin.Format("15:04"), c.Row(), c.Column())
}

// WayName is the unknown of a way in a bin.
func WayName(bin time.Time, from, to string) string {
	return fmt.Sprintf("%s %s→%s", bin.Format("15:04"), from, to)
}

func (e *Exposed) presences(c *world.Crowd, grid heatmap.Grid, bin time.Time, first, n int) (out []heatmap.Presence) {
	for i, path := range c.Paths {
		device := fmt.Sprint("device ", i)
		for s := first; s < min(first+n, len(path)); s++ {
			if !math.IsNaN(path[s].X) {
				cell := grid.At(path[s].X, path[s].Y)
				out = append(out, heatmap.Presence{Device: device, Cell: cell, Seconds: world.CrowdStep})
				e.Secret.Add(CellName(bin, cell), device)
			}
		}
	}
	return out
}

// visitsOf are the true visits to the crowd's zones.
func visitsOf(c *world.Crowd) (visits []heatmap.Visit) {
	for i, path := range c.Paths {
		zone := ""
		for s, spot := range path {
			now := ""
			if !math.IsNaN(spot.X) {
				now = c.ZoneOf(spot.X, spot.Y)
			}
			if now == zone {
				continue
			}
			if zone != "" {
				visits[len(visits)-1].Left = at(float64(s * world.CrowdStep))
			}
			if now != "" {
				visits = append(visits, heatmap.Visit{Device: fmt.Sprint("device ", i), Zone: now, Entered: at(float64(s * world.CrowdStep))})
			}
			zone = now
		}
	}
	return visits
}

// Equations writes down all that was published of each bin: blocks, zones, totals, ways.
func (e *Exposed) Equations(zoneOf func(heatmap.Cell) string) (perBin [][]Equation) {
	for _, p := range e.Pictures {
		perBin = append(perBin, pictureEquations(p, zoneOf))
	}
	places := append([]string{heatmap.Entry, heatmap.Out}, e.Zones...)
	for _, f := range e.Flows {
		perBin = append(perBin, wayEquations(f.Bin, places, f.Ways, f.Other))
	}
	for _, t := range e.Trades {
		perBin = append(perBin, wayEquations(Whole, places, t.Ways, t.Other))
	}
	return perBin
}

// Whole stands for the bin of an event's errands.
var Whole time.Time

func pictureEquations(p heatmap.Picture, zoneOf func(heatmap.Cell) string) (out []Equation) {
	when := p.Bin.Format("15:04 ")
	total, zones := Equation{Name: when + "total"}, map[string]*Equation{}
	for row := range p.Grid.Rows {
		for column := range p.Grid.Columns {
			c := heatmap.CellAt(row, column)
			z := zoneOf(c)
			if zones[z] == nil {
				zones[z] = &Equation{Name: when + "zone " + z}
			}
			zones[z].Sum = append(zones[z].Sum, CellName(p.Bin, c))
			total.Sum = append(total.Sum, CellName(p.Bin, c))
		}
	}
	if p.Total != nil {
		out = append(out, total)
	}
	for _, z := range p.Zones {
		if z.Figure != nil {
			out = append(out, *zones[z.Zone])
		}
	}
	for i, b := range p.Blocks {
		e := Equation{Name: fmt.Sprint(when, "block ", i)}
		for _, c := range b.Cells() {
			e.Sum = append(e.Sum, CellName(p.Bin, c))
		}
		out = append(out, e)
	}
	return out
}

// wayEquations are the ways shown, and the rest: every other pair of places.
func wayEquations(bin time.Time, places []string, ways []heatmap.Way, rest *float64) (out []Equation) {
	shown := map[string]bool{}
	for _, w := range ways {
		name := WayName(bin, w.From, w.To)
		shown[name] = true
		out = append(out, Equation{name, []string{name}})
	}
	other := Equation{Name: bin.Format("15:04 ") + "other ways"}
	all := Equation{Name: bin.Format("15:04 ") + "all ways"} // known from elsewhere, say
	for _, from := range places {
		for _, to := range places {
			name := WayName(bin, from, to)
			all.Sum = append(all.Sum, name)
			if !shown[name] {
				other.Sum = append(other.Sum, name)
			}
		}
	}
	if rest != nil {
		out = append(out, other)
	}
	if len(ways) > 0 {
		out = append(out, all)
	}
	return out
}

// AttackFigures are those of AttackEverything.
type AttackFigures struct {
	Evenings, Bins, Figures int // what was published
	Small                   int // true cells and ways with 1 to 9 devices
	Found                   []string
}

// AttackEverything attacks all that is published of some evenings of crowds of all sizes.
func AttackEverything(evenings int) (f AttackFigures) {
	zones := world.Gather(0, 1, 1)
	zoneOf := func(c heatmap.Cell) string { x, y := c.Centre(); return zones.ZoneOf(x, y) }
	for i := range evenings {
		people := []int{8, 12, 40, 150, 400}[i%5]
		e := Expose(uint64(i), people, 30)
		f.Evenings++
		for _, devices := range e.Secret {
			if len(devices) < heatmap.K {
				f.Small++
			}
		}
		for _, equations := range e.Equations(zoneOf) {
			f.Bins++
			f.Figures += len(equations)
			f.Found = append(f.Found, Attack(equations, e.Secret, heatmap.K, true)...)
		}
		evening := slices.Concat(e.Equations(zoneOf)[:2]...) // successive bins together
		f.Found = append(f.Found, Attack(evening, e.Secret, heatmap.K, false)...)
	}
	return f
}
