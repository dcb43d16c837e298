package proximity

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/usherhq/usher/modules/proximity/heatmap"
)

// A floor is a plan with a simulated crowd: the busiest hour of an arrangement.
type floor struct {
	Title string
	Plan  drawing
	Heat  []drawnLevel
	Ways  []drawnWay
	Dots  []numbered
	Moves []drawnWay // from where a stall stood
}

type drawnLevel struct {
	Level string
	Rects []rect
}

type numbered struct {
	X, Y, R, TextX, Size string
	Number               int
	Moved                bool
	Title                string
}

const (
	leastDrawn = 0.1 // people per m², below which a place is left uncoloured
	mostWays   = 12  // drawn: the busiest, for a picture that can be read
)

// levels are the simulated levels of the cells on the plan where somebody is.
func (l *Layout) levels(grid heatmap.Grid, sites []heatmap.Site) map[heatmap.Cell]heatmap.Level {
	out := map[heatmap.Cell]heatmap.Level{}
	for c, d := range heatmap.Density(sites, l.matrix) {
		if grid.Has(c) && d >= leastDrawn {
			out[c] = heatmap.LevelOf(d)
		}
	}
	return out
}

func (l *Layout) floor(v *Venue, title string, sites []heatmap.Site) *floor {
	size := max(v.Width, v.Height)
	f := &floor{Title: title, Plan: drawingOf(v)}
	f.Plan.Stalls, f.Plan.Beacons = nil, nil
	f.Plan.Zones = slices.DeleteFunc(f.Plan.Zones, func(z drawnZone) bool { return v.isStall(z.Name) }) // they move with their stalls
	f.Heat = runsOf(l.levels(heatmap.GridOf(v.Width, v.Height), sites))
	for i, t := range v.Stalls {
		at := sites[i]
		moved := at.X != t.X || at.Y != t.Y
		f.Dots = append(f.Dots, numbered{short(at.X), short(at.Y), digits(size / 110), digits(at.X + size/75), digits(size / 38), i + 1, moved, t.Name})
		if moved {
			f.Moves = append(f.Moves, drawnWay{short(t.X), short(t.Y), short(at.X), short(at.Y), digits(size / 400), t.Name + " moves here"})
		}
	}
	f.Ways = l.busiest(sites, size)
	return f
}

// busiest are the ways that most people go.
func (l *Layout) busiest(sites []heatmap.Site, size float64) (out []drawnWay) {
	at := map[string]heatmap.Site{}
	for _, s := range sites {
		at[s.ID] = s
	}
	for _, w := range l.Flow[:min(len(l.Flow), mostWays)] {
		a, b := at[w.From], at[w.To]
		wide := (0.3 + 2*w.People/l.Flow[0].People) * size / 320
		out = append(out, drawnWay{digits(a.X), digits(a.Y), digits(b.X), digits(b.Y), digits(wide), fmt.Sprintf("%s to %s: about %.0f people in the busiest hour", w.From, w.To, w.People)})
	}
	return out
}

func digits(n float64) string { return strconv.FormatFloat(n, 'f', 2, 64) }

// runsOf joins cells of one level that lie beside each other, the roomiest level first.
func runsOf(levels map[heatmap.Cell]heatmap.Level) []drawnLevel {
	by := map[heatmap.Level][]rect{}
	last := heatmap.Cell(-2)
	for _, c := range slices.Sorted(maps.Keys(levels)) {
		l := levels[c]
		if n := len(by[l]); n > 0 && c == last+1 && levels[last] == l {
			by[l][n-1].W += heatmap.CellSize
		} else {
			by[l] = append(by[l], rect{c.Column() * heatmap.CellSize, c.Row() * heatmap.CellSize, heatmap.CellSize, heatmap.CellSize})
		}
		last = c
	}
	var out []drawnLevel
	for _, l := range heatmap.Levels {
		if len(by[l]) > 0 {
			out = append(out, drawnLevel{string(l), by[l]})
		}
	}
	return out
}

func (l *Layout) sheet(v *Venue, title string, sites []heatmap.Site) heatmap.Sheet {
	grid := heatmap.GridOf(v.Width, v.Height)
	s := heatmap.Sheet{Grid: grid, Levels: l.levels(grid, sites), Lines: v.outlines(), Title: title}
	for i, t := range v.Stalls {
		s.Dots = append(s.Dots, heatmap.Dot{X: sites[i].X, Y: sites[i].Y, Label: strconv.Itoa(i + 1), Moved: sites[i].X != t.X || sites[i].Y != t.Y})
	}
	return s
}

func (v *Venue) outlines() (out [][][2]float64) {
	for _, z := range v.Zones {
		var outline [][2]float64
		for _, p := range z.Outline {
			outline = append(outline, p)
		}
		out = append(out, outline)
	}
	return out
}

// pictureWide is about how wide an exported plan is, in pixels.
const pictureWide = 1200

// cellPixels is how large a cell is drawn, so that n plans beside each other are not too wide.
func cellPixels(v *Venue, n int) int {
	return int(math.Round(pictureWide * heatmap.CellSize / max(v.Width, v.Height) / math.Sqrt(float64(n))))
}
