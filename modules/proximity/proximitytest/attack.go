package proximitytest

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/usherhq/usher/modules/proximity/heatmap"
	"github.com/usherhq/usher/modules/proximity/proximitytest/world"
)

// Equation is a published number, as an attacker writes it down: it is the sum of some
// unknowns.
type Equation struct {
	Name string
	Sum  []string // unknowns, each a cell or a way in one bin
}

// Secret is the truth that the attacker is after: who stands behind each unknown.
type Secret map[string]map[string]bool

// behind counts the distinct devices behind some unknowns.
func (s Secret) behind(unknowns []string) int {
	all := map[string]bool{}
	for _, u := range unknowns {
		for d := range s[u] {
			all[d] = true
		}
	}
	return len(all)
}

// Attack tries to learn something about fewer than k devices: it solves the published
// equations for single unknowns by elimination, and subtracts every one, and with
// triples every two, of them from every other. It returns what it found.
func Attack(equations []Equation, secret Secret, k int, triples bool) (found []string) {
	unknowns, rows := atoms(equations)
	large := make(bitset, len(unknowns)/64+1) // atoms that are safe company
	for j, u := range unknowns {
		if secret.behind(u) >= k {
			large.put(j)
		}
	}
	check := func(support bitset, what func() string) {
		var places []string
		for j := range unknowns {
			if support.has(j) && large.has(j) {
				return
			}
			if support.has(j) {
				places = append(places, unknowns[j]...)
			}
		}
		if n := secret.behind(places); len(places) > 0 && n < k {
			found = append(found, fmt.Sprintf("%s: %d devices in %d places", what(), n, len(places)))
		}
	}
	for i, row := range reduce(rows) {
		check(supportOf(row), func() string { return fmt.Sprintf("solution %d", i) })
	}
	sets := make([]bitset, len(rows))
	for i, row := range rows {
		sets[i] = supportOf(row)
	}
	rest := make(bitset, len(large))
	for i, a := range sets {
		for j, b := range sets {
			last := j
			if triples {
				last = len(sets) - 1
			}
			for l := j; l <= last; l++ { // i − j − l; with l = j: i − j
				if !rest.minus(a, b, sets[l], l == j).meets(large) {
					check(rest, func() string { return equations[i].Name + " − " + equations[j].Name + " − " + equations[l].Name })
				}
			}
		}
	}
	return found
}

// bitset is a set of atoms.
type bitset []uint64

func (s bitset) put(j int)      { s[j/64] |= 1 << (j % 64) }
func (s bitset) has(j int) bool { return s[j/64]>>(j%64)&1 == 1 }

func (s bitset) meets(o bitset) bool {
	for w := range s {
		if s[w]&o[w] != 0 {
			return true
		}
	}
	return false
}

// minus makes s the atoms whose coefficient in a − b − c is not zero; in a − b if c is b.
func (s bitset) minus(a, b, c bitset, once bool) bitset {
	for w := range s {
		if s[w] = a[w] ^ b[w]; !once {
			s[w] = a[w] ^ (b[w] | c[w]) | b[w]&c[w]
		}
	}
	return s
}

func supportOf(row []float64) bitset {
	s := make(bitset, len(row)/64+1)
	for j, v := range row {
		if math.Abs(v) > 1e-9 {
			s.put(j)
		}
	}
	return s
}

// atoms groups unknowns that no equation tells apart, and writes the equations over them.
func atoms(equations []Equation) (unknowns [][]string, rows [][]float64) {
	in := map[string]string{}
	for i, e := range equations {
		for _, u := range e.Sum {
			in[u] += fmt.Sprintf("%d,", i)
		}
	}
	index := map[string]int{}
	names := make([]string, 0, len(in))
	for u := range in {
		names = append(names, u)
	}
	sort.Strings(names)
	for _, u := range names {
		if _, known := index[in[u]]; !known {
			index[in[u]] = len(unknowns)
			unknowns = append(unknowns, nil)
		}
		a := index[in[u]]
		unknowns[a] = append(unknowns[a], u)
	}
	for _, e := range equations {
		row := make([]float64, len(unknowns))
		for _, u := range e.Sum {
			row[index[in[u]]] = 1
		}
		rows = append(rows, row)
	}
	return unknowns, rows
}

// reduce is Gauss and Jordan's elimination; it returns the rows that are not zero.
func reduce(in [][]float64) (rows [][]float64) {
	for _, r := range in {
		rows = append(rows, append([]float64{}, r...))
	}
	rank := 0
	for col := 0; rank < len(rows) && col < len(rows[0]); col++ {
		pivot := rank
		for i := rank; i < len(rows); i++ {
			if math.Abs(rows[i][col]) > math.Abs(rows[pivot][col]) {
				pivot = i
			}
		}
		if math.Abs(rows[pivot][col]) < 1e-9 {
			continue
		}
		rows[rank], rows[pivot] = rows[pivot], rows[rank]
		scale := rows[rank][col]
		for j := range rows[rank] {
			rows[rank][j] /= scale
		}
		for i := range rows {
			if by := rows[i][col]; i != rank && by != 0 {
				for j := range rows[i] {
					rows[i][j] -= by * rows[rank][j]
				}
			}
		}
		rank++
	}
	return rows[:rank]
}

// Exposed is what the house publishes of a simulated crowd, and the truth behind it.
type Exposed struct {
	Pictures []heatmap.Picture
	Flows    []heatmap.Flow
	Secret   Secret
}

// Expose publishes every product of a crowd's evening.
func Expose(seed uint64, people, minutes int) Exposed {
	c := world.Gather(seed, people, minutes)
	grid := heatmap.GridOf(c.Width, c.Height)
	zoneOf := func(cell heatmap.Cell) string { x, y := cell.Centre(); return c.ZoneOf(x, y) }
	out := Exposed{Secret: Secret{}}
	perBin := int(heatmap.Bin.Seconds()) / world.CrowdStep
	for first := 0; first < len(c.Paths[0]); first += perBin {
		bin := at(float64(first * world.CrowdStep))
		presences := out.presences(&c, grid, bin, first, perBin)
		out.Pictures = append(out.Pictures, heatmap.Publish(bin, grid, []string{"a", "b", "c", "d", "e", "f"}, zoneOf, presences, 0.5))
	}
	moves := heatmap.Moves(visitsOf(&c), at(float64(minutes*60)))
	for bin := Epoch; bin.Before(at(float64(minutes * 60))); bin = bin.Add(heatmap.FlowBin) {
		out.Flows = append(out.Flows, heatmap.PublishFlow(bin, moves, 0.5))
	}
	for _, m := range moves {
		out.Secret.add(wayName(m.At.Truncate(heatmap.FlowBin), m.From, m.To), m.Device)
	}
	return out
}

func (s Secret) add(unknown, device string) {
	if s[unknown] == nil {
		s[unknown] = map[string]bool{}
	}
	s[unknown][device] = true
}

func cellName(bin time.Time, c heatmap.Cell) string {
	return fmt.Sprintf("%s cell %d/%d", bin.Format("15:04"), c.Row(), c.Column())
}

func wayName(bin time.Time, from, to string) string {
	return fmt.Sprintf("%s %s→%s", bin.Format("15:04"), from, to)
}

func (e *Exposed) presences(c *world.Crowd, grid heatmap.Grid, bin time.Time, first, n int) (out []heatmap.Presence) {
	for i, path := range c.Paths {
		device := fmt.Sprint("device ", i)
		for s := first; s < min(first+n, len(path)); s++ {
			if !math.IsNaN(path[s].X) {
				cell := grid.At(path[s].X, path[s].Y)
				out = append(out, heatmap.Presence{Device: device, Cell: cell, Seconds: world.CrowdStep})
				e.Secret.add(cellName(bin, cell), device)
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
	for _, f := range e.Flows {
		perBin = append(perBin, flowEquations(f))
	}
	return perBin
}

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
			zones[z].Sum = append(zones[z].Sum, cellName(p.Bin, c))
			total.Sum = append(total.Sum, cellName(p.Bin, c))
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
			e.Sum = append(e.Sum, cellName(p.Bin, c))
		}
		out = append(out, e)
	}
	return out
}

// flowEquations are the ways shown, and the rest: every other pair of places.
func flowEquations(f heatmap.Flow) (out []Equation) {
	places := []string{heatmap.Entry, "a", "b", "c", "d", "e", "f", heatmap.Out}
	shown := map[string]bool{}
	for _, w := range f.Ways {
		name := wayName(f.Bin, w.From, w.To)
		shown[name] = true
		out = append(out, Equation{name, []string{name}})
	}
	other := Equation{Name: f.Bin.Format("15:04 ") + "other ways"}
	all := Equation{Name: f.Bin.Format("15:04 ") + "all ways"} // known from elsewhere, say
	for _, from := range places {
		for _, to := range places {
			name := wayName(f.Bin, from, to)
			all.Sum = append(all.Sum, name)
			if !shown[name] {
				other.Sum = append(other.Sum, name)
			}
		}
	}
	if f.Other != nil {
		out = append(out, other)
	}
	if len(f.Ways) > 0 {
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
