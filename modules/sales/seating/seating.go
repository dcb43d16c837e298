// Package seating chooses numbered seats for people who want to sit together.
package seating

// Place is a seat: row and column from 0, row 0 is the front.
type Place struct{ Row, Column int }

// Best chooses n free seats of a plan, free[row][column]; rows may differ in length.
//
// Seats side by side in one row come first; among those the row nearest to the
// front, then what leaves no single seat behind, then what is nearest to the
// middle, then the lower number. When no row has n free seats in a line, the
// longest lines are taken, from the front. nil when fewer than n are free, or n < 1.
func Best(free [][]bool, n int) []Place {
	if n < 1 {
		return nil
	}
	for row, seats := range free {
		if at := bestIn(seats, n); at >= 0 {
			return line(row, at, n)
		}
	}
	return scattered(free, n)
}

// bestIn is where in a row n seats side by side are best; -1 when there are none.
func bestIn(seats []bool, n int) int {
	best, bestCost := -1, 0
	for _, r := range runs(seats) {
		for at := r.from; at+n <= r.from+r.length; at++ {
			if cost := costOf(len(seats), r, at, n); best < 0 || cost < bestCost {
				best, bestCost = at, cost
			}
		}
	}
	return best
}

// costOf weighs a choice: single seats left behind count more than any distance
// from the middle, which is in half seats.
func costOf(width int, r run, at, n int) int {
	cost := 2*at + n - width
	if cost < 0 {
		cost = -cost
	}
	for _, gap := range [2]int{at - r.from, r.from + r.length - at - n} {
		if gap == 1 {
			cost += 4 * width
		}
	}
	return cost
}

// run is a line of free seats.
type run struct{ from, length int }

func runs(seats []bool) []run {
	var out []run
	for i, isFree := range seats {
		switch {
		case !isFree:
		case i > 0 && seats[i-1]:
			out[len(out)-1].length++
		default:
			out = append(out, run{i, 1})
		}
	}
	return out
}

func line(row, at, n int) []Place {
	out := make([]Place, n)
	for i := range out {
		out[i] = Place{row, at + i}
	}
	return out
}

// scattered takes the longest line again and again.
func scattered(free [][]bool, n int) []Place {
	type found struct {
		row int
		run
	}
	var all []found
	total := 0
	for row, seats := range free {
		for _, r := range runs(seats) {
			all = append(all, found{row, r})
			total += r.length
		}
	}
	if total < n {
		return nil
	}
	var out []Place
	for len(out) < n {
		longest := 0
		for i := range all {
			if all[i].length > all[longest].length {
				longest = i
			}
		}
		f := all[longest]
		out = append(out, line(f.row, f.from, min(f.length, n-len(out)))...)
		all[longest].length = 0
	}
	return out
}
