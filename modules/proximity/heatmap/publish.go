package heatmap

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
	"time"
)

// group is some cells, and who was there.
type group struct {
	cells   []Cell
	seconds float64
	devices map[string]struct{}
}

func (g *group) enough() bool { return len(g.devices) >= K }

// join takes o into g.
func (g *group) join(o *group) {
	g.cells = append(g.cells, o.cells...)
	g.seconds += o.seconds
	if g.devices == nil {
		g.devices = make(map[string]struct{}, len(o.devices))
	}
	maps.Copy(g.devices, o.devices)
}

// Publish makes the picture of the bin that begins at bin.
//
// zoneOf names the zone of a cell, "" for none; each cell has one. zones are all of them,
// so that an empty one is listed too. share is that of visitors who carry the app, in
// (0, 1]; figures are scaled by its inverse. Presences off the grid are ignored.
//
// Within each zone cells are joined up a quadtree until K devices touched them; what is
// left over in the end joins the smallest block of its zone. Zones with fewer than K
// devices are put together, with the smallest other zone if need be, and not shown.
func Publish(bin time.Time, grid Grid, zones []string, zoneOf func(Cell) string, presences []Presence, share float64) Picture {
	p := Picture{Bin: bin, Grid: grid, Zones: []Zone{}, Blocks: []Block{}}
	share = min(max(share, 0.01), 1)
	cells := gather(grid, presences)
	whole := map[string]*group{}
	for row := range grid.Rows {
		for column := range grid.Columns {
			c := CellAt(row, column)
			z := zoneOf(c)
			if whole[z] == nil {
				whole[z] = &group{}
			}
			whole[z].join(cells.at(c))
		}
	}
	shown, all := showable(whole)
	if all.enough() {
		f := figure(all.seconds, areaOf(all), share)
		p.Total = &f
	}
	for _, z := range zones {
		g := whole[z]
		if g == nil {
			g = &group{}
		}
		out := Zone{Zone: z, Area: areaOf(g)}
		if shown[z] {
			f := figure(g.seconds, areaOf(g), share)
			out.Figure = &f
		}
		p.Zones = append(p.Zones, out)
	}
	for _, z := range slices.Sorted(maps.Keys(shown)) {
		for _, b := range blocks(whole[z], cells) {
			slices.Sort(b.cells)
			p.Blocks = append(p.Blocks, Block{z, runs(b.cells), figure(b.seconds, areaOf(b), share)})
		}
	}
	return p
}

func areaOf(g *group) float64 { return float64(len(g.cells)) * CellSize * CellSize }

// byCell holds who was in each cell.
type byCell map[Cell]*group

func gather(grid Grid, presences []Presence) byCell {
	cells := byCell{}
	for _, p := range presences {
		if !grid.Has(p.Cell) || !(p.Seconds > 0) {
			continue
		}
		g := cells[p.Cell]
		if g == nil {
			g = &group{cells: []Cell{p.Cell}, devices: map[string]struct{}{}}
			cells[p.Cell] = g
		}
		g.seconds += min(p.Seconds, Bin.Seconds())
		g.devices[p.Device] = struct{}{}
	}
	return cells
}

func (b byCell) at(c Cell) *group {
	if g := b[c]; g != nil {
		return g
	}
	return &group{cells: []Cell{c}}
}

// showable says which zones may have a figure: those with K devices, but for the
// smallest ones that the others need as company.
func showable(whole map[string]*group) (shown map[string]bool, all *group) {
	shown, all = map[string]bool{}, &group{}
	rest := &group{}
	var large []string
	for _, z := range slices.Sorted(maps.Keys(whole)) {
		all.join(whole[z])
		if whole[z].enough() {
			large = append(large, z)
		} else {
			rest.join(whole[z])
		}
	}
	slices.SortStableFunc(large, func(a, b string) int { return cmp.Compare(len(whole[a].devices), len(whole[b].devices)) })
	for len(large) > 0 && len(rest.cells) > 0 && !rest.enough() {
		rest.join(whole[large[0]])
		large = large[1:]
	}
	for _, z := range large {
		shown[z] = true
	}
	return shown, all
}

// blocks partitions a zone that has K devices.
func blocks(zone *group, cells byCell) (out []*group) {
	const row, column = 0, 1
	corner := [2]int{zone.cells[0].Row(), zone.cells[0].Column()}
	far := corner
	for _, c := range zone.cells {
		corner = [2]int{min(corner[row], c.Row()), min(corner[column], c.Column())}
		far = [2]int{max(far[row], c.Row()), max(far[column], c.Column())}
	}
	side := 1 << bits.Len(uint(max(far[row]-corner[row], far[column]-corner[column])))
	out, left := split(zone.cells, corner, side, cells)
	for len(left.cells) > 0 { // the smallest block takes the rest: together they are enough
		if len(out) == 0 {
			return []*group{left}
		}
		smallest := 0
		for i := range out {
			if len(out[i].devices) < len(out[smallest].devices) {
				smallest = i
			}
		}
		out[smallest].join(left)
		left = &group{}
	}
	return out
}

// split is one square of the quadtree: blocks of K devices, and what is left over.
func split(in []Cell, corner [2]int, side int, cells byCell) (out []*group, left *group) {
	left = &group{}
	if len(in) == 0 {
		return nil, left
	}
	if side == 1 {
		left.join(cells.at(in[0]))
	} else {
		half := side / 2
		var quarters [4][]Cell
		for _, c := range in {
			q := 0
			if c.Row() >= corner[0]+half {
				q = 2
			}
			if c.Column() >= corner[1]+half {
				q++
			}
			quarters[q] = append(quarters[q], c)
		}
		for q, quarter := range quarters {
			blocks, rest := split(quarter, [2]int{corner[0] + q/2*half, corner[1] + q%2*half}, half, cells)
			out = append(out, blocks...)
			left.join(rest)
		}
	}
	if left.enough() {
		return append(out, left), &group{}
	}
	return out, left
}
