// Package heatmap turns where devices were into pictures of a crowd that nobody can be
// found in.
//
// Everything that is published of a bin comes from one partition: the cells of the plan,
// grouped into blocks that at least K devices touched (Publish). Blocks make up zones,
// zones the venue, and what is too small to show is joined with something until it is
// large enough, empty places included. So whatever an attacker adds or subtracts, the
// result is a sum of whole blocks: no difference of published numbers says anything
// about fewer than K devices. Flows between zones follow the same rule (PublishFlow).
// Nothing else about places may leave the house: no second bin length, no other grid.
//
// Source: L. Willenborg and T. de Waal, Elements of Statistical Disclosure Control (2001),
// on threshold rules and complementary suppression.
package heatmap

import (
	"math"
	"strconv"
	"time"
)

const (
	// K is how many distinct devices stand behind anything published.
	K = 10
	// CellSize is the side of a cell in metres.
	CellSize = 2.0
	// Bin is how long a picture covers. Bins begin at multiples of it.
	Bin = 5 * time.Minute
	// FlowBin is the same for flows, which are thinner.
	FlowBin = 15 * time.Minute
)

// Cell is a place on the grid: row · 65536 + column.
type Cell int

// CellAt makes a cell.
func CellAt(row, column int) Cell { return Cell(row<<16 | column) }

// Row and Column count from the plan's upper left corner.
func (c Cell) Row() int { return int(c) >> 16 }

// Column is the other coordinate.
func (c Cell) Column() int { return int(c) & 0xffff }

// Grid covers a plan.
type Grid struct {
	Columns int `json:"columns"`
	Rows    int `json:"rows"`
}

// GridOf covers a plan of these metres; at most 4096 cells a side.
func GridOf(width, height float64) Grid {
	side := func(metres float64) int {
		if !(metres > CellSize) { // NaN too
			return 1
		}
		return int(min(math.Ceil(metres/CellSize), 4096))
	}
	return Grid{side(width), side(height)}
}

// At is the cell of a point in metres from the upper left corner; the nearest one for a
// point beside the plan.
func (g Grid) At(x, y float64) Cell {
	clamp := func(v float64, n int) int {
		if !(v > 0) {
			return 0
		}
		return min(int(min(v/CellSize, 1e6)), n-1)
	}
	return CellAt(clamp(y, g.Rows), clamp(x, g.Columns))
}

// Centre is a cell's middle in metres.
func (c Cell) Centre() (x, y float64) {
	return (float64(c.Column()) + 0.5) * CellSize, (float64(c.Row()) + 0.5) * CellSize
}

// Has reports whether the cell lies on the grid.
func (g Grid) Has(c Cell) bool {
	return c >= 0 && c.Row() < g.Rows && c.Column() < g.Columns
}

// Presence is that a device was in a cell during a bin.
type Presence struct {
	Device  string // any name of it that is the same throughout the bin
	Cell    Cell
	Seconds float64
}

// Level is Fruin's level of service for people who stand or walk.
type Level string

// Levels are their names from roomy to jammed.
var Levels = [...]Level{"A", "B", "C", "D", "E", "F"}

// LevelFrom are the densities in people per m² from which B to F hold.
// Source: J. J. Fruin, Pedestrian Planning and Design (1971), walkways.
var LevelFrom = [...]float64{0.31, 0.43, 0.72, 1.08, 2.15}

// LevelOf is the level of a density in people per m².
func LevelOf(density float64) Level {
	level := 0
	for level < len(LevelFrom) && density >= LevelFrom[level] {
		level++
	}
	return Levels[level]
}

// round keeps two figures: more would be false precision, and help who compares bins.
func round(x float64) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 2, 64), 64)
	if err != nil || math.IsInf(y, 0) || math.IsNaN(y) {
		return 0
	}
	return y
}
