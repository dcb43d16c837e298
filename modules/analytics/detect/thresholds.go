package detect

import "math"

// threshold is h for a rate (after division by the dispersion) and the effective
// number of bins behind its estimate. Between the table's rows it is interpolated
// over the logarithms of both; outside it is the nearest row's.
func threshold(rate, bins float64) float64 {
	rows := smallRates
	if rate >= largeRate {
		rows = largeRates
	}
	i, u := place(rows.rates, rate)
	j, v := place(historySizes[:], bins)
	h := func(i, j int) float64 { return rows.h[i][j] }
	low := h(i, j) + v*(h(i, j+1)-h(i, j))
	high := h(i+1, j) + v*(h(i+1, j+1)-h(i+1, j))
	return low + u*(high-low)
}

// place finds x among rising grid points: the index of the one before, and how far
// x is to the next by logarithm, 0 … 1.
func place(grid []float64, x float64) (int, float64) {
	if !(x > grid[0]) {
		return 0, 0
	}
	last := len(grid) - 2
	i := 0
	for i < last && grid[i+1] <= x {
		i++
	}
	u := math.Log(x/grid[i]) / math.Log(grid[i+1]/grid[i])
	return i, min(u, 1)
}

// thresholdRows are the thresholds of one pair of ratios: h[rate][history size].
type thresholdRows struct {
	rates []float64
	h     [][len(historySizes)]float64
}

// historySizes are the bins behind a baseline for which thresholds were calibrated.
var historySizes = [...]float64{12, 30, 120, 480}
