package seating

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// plan draws a plan of free and taken seats.
func plan(t *rapid.T) [][]bool {
	return rapid.SliceOfN(rapid.SliceOfN(rapid.Bool(), 0, 9), 0, 5).Draw(t, "plan")
}

// front is the first row with n free seats side by side, by trying every place; -1: none.
func front(free [][]bool, n int) int {
	for row, seats := range free {
		for at := 0; at+n <= len(seats); at++ {
			if !slices.Contains(seats[at:at+n], false) {
				return row
			}
		}
	}
	return -1
}

func TestPeopleSitTogetherAsFarInFrontAsTheyCan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		free, n := plan(t), rapid.IntRange(1, 10).Draw(t, "n")
		got, row, total := Best(free, n), front(free, n), 0
		for _, seats := range free {
			for _, isFree := range seats {
				if isFree {
					total++
				}
			}
		}
		if total < n {
			if got != nil {
				t.Fatalf("%d seats of %d free: %v", n, total, got)
			}
			return
		}
		if len(got) != n {
			t.Fatalf("%d seats for %d people", len(got), n)
		}
		taken := map[Place]bool{}
		for i, p := range got {
			if !free[p.Row][p.Column] || taken[p] {
				t.Fatalf("%v is not free, or given twice", p)
			}
			taken[p] = true
			if row >= 0 && (p.Row != row || i > 0 && p.Column != got[i-1].Column+1) {
				t.Fatalf("row %d has %d in a line, but they sit at %v", row, n, got)
			}
		}
	})
}

func TestNoSingleSeatIsLeftBehind(t *testing.T) {
	for name, tc := range map[string]struct {
		row  []bool
		n    int
		want int
	}{
		"the middle of an empty row":       {[]bool{true, true, true, true, true, true}, 2, 2},
		"the middle would leave one alone": {[]bool{true, true, true, true}, 2, 0},
		"beside somebody, near the middle": {[]bool{true, true, false, true, true, true, true, true, true}, 2, 3},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Best([][]bool{tc.row}, tc.n); got[0].Column != tc.want {
				t.Errorf("from column %d, want %d", got[0].Column, tc.want)
			}
		})
	}
}
