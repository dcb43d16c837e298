package heatmap

import "time"

// Picture is what is published of one bin. A number that is not there is "< 10", which a
// place without anybody is too.
type Picture struct {
	Bin    time.Time `json:"bin"` // its beginning
	Grid   Grid      `json:"grid"`
	Total  *Figure   `json:"total,omitempty"` // nil: fewer than K devices at the venue
	Zones  []Zone    `json:"zones"`           // every zone, in the order given
	Blocks []Block   `json:"blocks"`          // cells that lie in none are "< 10"
}

// Figure is how many people a place held on average over the bin.
type Figure struct {
	People  float64 `json:"people"`  // two figures
	Density float64 `json:"density"` // people per m²
	Level   Level   `json:"level"`
}

// Zone is one zone's figure; nil: "< 10".
type Zone struct {
	Zone   string  `json:"zone"`
	Area   float64 `json:"area"` // m²
	Figure *Figure `json:"figure,omitempty"`
}

// Block is some cells of a zone with one figure for all of them.
type Block struct {
	Zone string `json:"zone"` // "": of no zone
	Runs []Run  `json:"cells"`
	Figure
}

// Run is a cell and how many there are from it to the right.
type Run [2]int

// Cells lists the block's cells, in order.
func (b *Block) Cells() (cells []Cell) {
	for _, r := range b.Runs {
		for k := range r[1] {
			cells = append(cells, Cell(r[0]+k))
		}
	}
	return cells
}

// runs packs sorted cells.
func runs(cells []Cell) (out []Run) {
	for _, c := range cells {
		if n := len(out); n > 0 && out[n-1][0]+out[n-1][1] == int(c) {
			out[n-1][1]++
			continue
		}
		out = append(out, Run{int(c), 1})
	}
	return out
}

// figure scales device-seconds over an area to people.
func figure(seconds, area, share float64) Figure {
	people := seconds / Bin.Seconds() / share
	density := round(people / area)
	return Figure{round(people), density, LevelOf(density)}
}

// Point is a moment of a Series.
type Point struct {
	Bin    time.Time `json:"bin"`
	Figure *Figure   `json:"figure,omitempty"` // nil: "< 10"
}

// Series replays a day: the points of each zone over the given pictures, which are in
// order; "" is the venue.
func Series(pictures []Picture) map[string][]Point {
	out := map[string][]Point{}
	for _, p := range pictures {
		out[""] = append(out[""], Point{p.Bin, p.Total})
		for _, z := range p.Zones {
			if z.Zone != "" {
				out[z.Zone] = append(out[z.Zone], Point{p.Bin, z.Figure})
			}
		}
	}
	return out
}
