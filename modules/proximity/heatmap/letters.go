package heatmap

import (
	"image"
	"strconv"
)

// letters are the few that a legend needs: five rows of three dots, the top row first,
// the left dot worth 4.
var letters = map[rune][5]uint8{
	'0': {7, 5, 5, 5, 7}, '1': {2, 6, 2, 2, 7}, '2': {7, 1, 7, 4, 7}, '3': {7, 1, 7, 1, 7}, '4': {5, 5, 7, 1, 1},
	'5': {7, 4, 7, 1, 7}, '6': {7, 4, 7, 5, 7}, '7': {7, 1, 2, 2, 2}, '8': {7, 5, 7, 5, 7}, '9': {7, 5, 7, 1, 7},
	'A': {2, 5, 7, 5, 5}, 'B': {6, 5, 6, 5, 6}, 'C': {3, 4, 4, 4, 3}, 'D': {6, 5, 5, 5, 6}, 'E': {7, 4, 6, 4, 7}, 'F': {7, 4, 6, 4, 4},
	'p': {0, 6, 5, 6, 4}, 'e': {2, 5, 7, 4, 3}, 'o': {0, 2, 5, 5, 2}, 'l': {2, 2, 2, 2, 1}, 'm': {0, 5, 7, 5, 5}, 'd': {1, 3, 5, 5, 3},
	'v': {0, 5, 5, 5, 2}, 'i': {2, 0, 2, 2, 2}, 'c': {0, 3, 4, 4, 3}, 's': {3, 4, 2, 1, 6},
	'b': {4, 6, 5, 5, 6}, 'f': {3, 2, 7, 2, 2}, 'r': {0, 6, 5, 4, 4}, 'a': {0, 3, 5, 5, 3}, 't': {2, 7, 2, 2, 1},
	'/': {1, 1, 2, 4, 4}, '.': {0, 0, 0, 0, 2}, '<': {1, 2, 4, 2, 1}, '-': {0, 0, 7, 0, 0}, '²': {6, 2, 4, 6, 0}, '≥': {4, 2, 5, 2, 7},
}

const dot = 2 // pixels

// write puts a text on the picture, its upper left corner at x, y.
func write(out *image.NRGBA, x, y int, text string) {
	for _, r := range text {
		for row, dots := range letters[r] {
			for column := range 3 {
				if dots>>(2-column)&1 == 0 {
					continue
				}
				for k := range dot * dot {
					out.SetNRGBA(x+column*dot+k%dot, y+row*dot+k/dot, ink)
				}
			}
		}
		x += 4 * dot
	}
}

// bounds says from where to where a level goes.
func bounds(level int) string {
	from := func(i int) string { return strconv.FormatFloat(LevelFrom[i], 'f', 2, 64) }
	switch level {
	case 0:
		return "<" + from(0)
	case len(LevelFrom):
		return "≥" + from(level-1)
	}
	return from(level-1) + "-" + from(level)
}
