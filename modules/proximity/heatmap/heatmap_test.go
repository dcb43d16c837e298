package heatmap

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 7, 10, 12, 0, 0, 0, time.UTC)

func after(minutes float64) time.Time {
	return noon.Add(time.Duration(minutes * float64(time.Minute)))
}

// stripes are two zones, and a column of none.
func stripes(c Cell) string {
	switch {
	case c.Column() < 4:
		return "west"
	case c.Column() > 4:
		return "east"
	}
	return ""
}

// fill puts n devices into a cell for the whole bin.
func fill(c Cell, name string, n int) (out []Presence) {
	for i := range n {
		out = append(out, Presence{fmt.Sprint(name, i), c, Bin.Seconds()})
	}
	return out
}

func TestPublish(t *testing.T) {
	grid := GridOf(18, 8)
	in := slices.Concat(fill(CellAt(0, 0), "w", 12), fill(CellAt(3, 3), "v", 3), fill(CellAt(1, 6), "e", 40), fill(CellAt(9, 9), "off", 50))
	p := Publish(noon, grid, []string{"west", "east", "roof"}, stripes, in, 0.5)
	if p.Total == nil || p.Total.People != 110 { // 55 devices, half of the people
		t.Fatalf("total %+v", p.Total)
	}
	// Nobody is in the middle, which belongs to no zone. "< 10" must not tell: the smaller
	// zone keeps it company, or the total without both would be the middle.
	if len(p.Zones) != 3 || p.Zones[0].Figure != nil || p.Zones[1].Figure == nil || p.Zones[1].Figure.People != 80 || p.Zones[2].Figure != nil {
		t.Fatalf("zones %+v", p.Zones)
	}
}

func TestBlocksAreFineWherePeopleAre(t *testing.T) {
	in := slices.Concat(fill(CellAt(0, 0), "a", 12), fill(CellAt(0, 1), "b", 25), fill(CellAt(6, 6), "c", 11), fill(CellAt(7, 1), "d", 4))
	p := Publish(noon, Grid{Columns: 8, Rows: 8}, []string{"all"}, func(Cell) string { return "all" }, in, 1)
	figures := map[Cell]Figure{}
	for _, b := range p.Blocks {
		for _, c := range b.Cells() {
			figures[c] = b.Figure
		}
	}
	if f := figures[CellAt(0, 1)]; f.People != 25 || f.Density != 6.2 || f.Level != "F" {
		t.Errorf("the full cell is %+v", f)
	}
	if f := figures[CellAt(0, 0)]; f.People != 12 && f.People != 16 {
		t.Errorf("its neighbour is %+v", f)
	}
	if len(figures) != 64 {
		t.Errorf("%d cells have a figure: with ten devices at the venue all have one", len(figures))
	}
}

func TestRandomPublications(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		grid := Grid{rapid.IntRange(1, 20).Draw(t, "columns"), rapid.IntRange(1, 20).Draw(t, "rows")}
		var in []Presence
		who := map[Cell]map[string]bool{}
		sum := 0.0
		for range rapid.IntRange(0, 200).Draw(t, "presences") {
			q := Presence{fmt.Sprint(rapid.IntRange(0, 60).Draw(t, "device")), CellAt(rapid.IntRange(0, grid.Rows-1).Draw(t, "row"), rapid.IntRange(0, grid.Columns-1).Draw(t, "column")), 10}
			in = append(in, q)
			if who[q.Cell] == nil {
				who[q.Cell] = map[string]bool{}
			}
			who[q.Cell][q.Device] = true
			sum += q.Seconds
		}
		p := Publish(noon, grid, []string{"west", "east"}, stripes, in, 1)
		seen := map[Cell]bool{}
		hidden, byZone := map[string]bool{}, map[string]float64{}
		for _, b := range p.Blocks {
			devices := map[string]bool{}
			for _, c := range b.Cells() {
				if seen[c] || !grid.Has(c) || stripes(c) != b.Zone {
					t.Fatalf("cell %v lies in two blocks, off the grid or in another zone", c)
				}
				seen[c] = true
				for d := range who[c] {
					devices[d] = true
				}
			}
			if len(devices) < K {
				t.Fatalf("a block of %d devices", len(devices))
			}
			byZone[b.Zone] += b.People
		}
		dark := 0
		for row := range grid.Rows {
			for column := range grid.Columns {
				if c := CellAt(row, column); !seen[c] {
					dark++
					for d := range who[c] {
						hidden[d] = true
					}
				}
			}
		}
		if p.Total != nil && dark > 0 && len(hidden) < K {
			t.Fatalf("%d cells with %d devices are the total without the blocks", dark, len(hidden))
		}
		for _, z := range p.Zones {
			if z.Figure != nil && math.Abs(z.Figure.People-byZone[z.Zone]) > 0.1*z.Figure.People+0.01 {
				t.Fatalf("zone %s has %v people, its blocks %v", z.Zone, z.Figure.People, byZone[z.Zone])
			}
		}
		if p.Total != nil && math.Abs(p.Total.People-sum/Bin.Seconds()) > 0.05*sum/Bin.Seconds() {
			t.Fatalf("%v people of %v", p.Total.People, sum/Bin.Seconds())
		}
	})
}

func TestMoves(t *testing.T) {
	moves := Moves([]Visit{
		{"d", "bar", after(20), after(30)},
		{"d", "gate", after(0), after(5)},
		{"d", "stage", after(14), after(19)},
		{"d", "stage", after(41), time.Time{}},
		{"e", "gate", after(1), after(3)},
		{"f", "gate", after(50), after(58)},
	}, after(60))
	var got []string
	for _, m := range moves {
		got = append(got, fmt.Sprintf("%s %s→%s %.0f", m.Device, m.From, m.To, m.At.Sub(noon).Minutes()))
	}
	want := []string{"d ENTRY→gate 0", "d gate→stage 5", "d stage→bar 19", "d bar→EXIT 30", "d ENTRY→stage 41", "e ENTRY→gate 1", "e gate→EXIT 3", "f ENTRY→gate 50"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestPublishFlow(t *testing.T) {
	ways := func(n int, from, to string) (out []Move) {
		for i := range n {
			out = append(out, Move{fmt.Sprint(from, to, i), from, to, after(1)})
		}
		return out
	}
	f := PublishFlow(noon, slices.Concat(ways(40, "a", "b"), ways(25, "b", "a"), ways(12, "a", "c"), ways(3, "c", "a")), 0.5)
	if len(f.Ways) != 2 || f.Ways[0].People != 80 || f.Other == nil || *f.Other != 30 {
		t.Errorf("%+v: 12 devices must keep the 3 company", f)
	}
	f = PublishFlow(noon, slices.Concat(ways(40, "a", "b"), ways(6, "a", "c"), ways(5, "c", "a"), ways(50, "c", "a")[:0]), 1)
	if len(f.Ways) != 1 || f.Other == nil || *f.Other != 11 {
		t.Errorf("%+v: 6 and 5 are enough together", f)
	}
	if f = PublishFlow(noon, ways(9, "a", "b"), 1); len(f.Ways) != 0 || f.Other != nil {
		t.Errorf("%+v of nine devices", f)
	}
	if f = PublishFlow(after(15), ways(90, "a", "b"), 1); len(f.Ways) != 0 {
		t.Errorf("%+v in another bin", f)
	}
}

func TestLevels(t *testing.T) {
	for density, want := range map[float64]Level{0: "A", 0.30: "A", 0.31: "B", 0.43: "C", 0.72: "D", 1.08: "E", 2.14: "E", 2.15: "F", 9: "F"} {
		if got := LevelOf(density); got != want {
			t.Errorf("%v people/m² are %s, want %s", density, got, want)
		}
	}
}

func TestGrid(t *testing.T) {
	g := GridOf(19, 8)
	if g != (Grid{10, 4}) || g.At(18.9, 0) != CellAt(0, 9) || g.At(-5, 99) != CellAt(3, 0) || g.At(math.NaN(), math.Inf(1)) != CellAt(3, 0) {
		t.Errorf("%+v %v %v", g, g.At(-5, 99), g.At(math.NaN(), math.Inf(1)))
	}
	if x, y := CellAt(3, 9).Centre(); g.At(x, y) != CellAt(3, 9) {
		t.Error("a cell's centre lies in another")
	}
}

func TestSeries(t *testing.T) {
	f := &Figure{People: 20}
	s := Series([]Picture{{Bin: noon, Total: f, Zones: []Zone{{Zone: "bar"}}}, {Bin: after(5), Zones: []Zone{{Zone: "bar", Figure: f}}}})
	if len(s["bar"]) != 2 || s["bar"][0].Figure != nil || s["bar"][1].Figure != f || s[""][0].Figure != f {
		t.Errorf("%+v", s)
	}
}
