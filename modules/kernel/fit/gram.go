package fit

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// gram is what a weighted least-squares problem needs of its rows: the weighted means
// and the cross products of the centred columns, the observation being the last.
// A prior of the intercept is one more row: features 0, observation 0, weight 1/sd².
type gram struct {
	width int       // p, the features
	total float64   // Σ w
	mean  []float64 // p+1
	cross []float64 // (p+1)×(p+1), upper triangle
}

// block is how many rows are summed at once. Sums of blocks are added in order, so
// the result does not depend on the number of processors.
const block = 2048

func newGram(x [][]float64, y, w []float64, p Priors, width int) *gram {
	q := width + 1
	g := &gram{width: width, mean: make([]float64, q), cross: make([]float64, q*q)}
	residual := func(i int) float64 { // without the prior means
		r := y[i] - p.Intercept.Mean
		for j := range p.Coef {
			r -= p.Coef[j].Mean * x[i][j]
		}
		return r
	}
	g.sumMeans(x, w, p, residual)
	g.sumCross(x, w, residual)
	if l := p.Intercept.precision(); l > 0 {
		row := make([]float64, q)
		for j := range row {
			row[j] = -g.mean[j]
		}
		addOuter(g.cross, row, l)
	}
	return g
}

// sumMeans fills total and mean.
func (g *gram) sumMeans(x [][]float64, w []float64, p Priors, residual func(int) float64) {
	q := g.width + 1
	g.total = p.Intercept.precision()
	for _, part := range inBlocks(len(x), q+1, func(sum []float64, i int) {
		v := weightAt(w, i)
		for j, a := range x[i] {
			sum[j] += v * a
		}
		sum[q-1] += v * residual(i)
		sum[q] += v
	}) {
		for j := range q {
			g.mean[j] += part[j]
		}
		g.total += part[q]
	}
	if g.total > 0 {
		for j := range g.mean {
			g.mean[j] /= g.total
		}
	}
}

// sumCross fills cross.
func (g *gram) sumCross(x [][]float64, w []float64, residual func(int) float64) {
	q := g.width + 1
	for _, part := range inBlocks(len(x), q*q+q, func(sum []float64, i int) {
		row := sum[q*q:] // scratch
		for j, a := range x[i] {
			row[j] = a - g.mean[j]
		}
		row[q-1] = residual(i) - g.mean[q-1]
		addOuter(sum[:q*q], row, weightAt(w, i))
	}) {
		for j := range g.cross {
			g.cross[j] += part[j]
		}
	}
}

// at is the element j, k of the cross products, j ≤ k.
func (g *gram) at(j, k int) float64 { return g.cross[j*(g.width+1)+k] }

// addOuter adds w·row·rowᵀ to the upper triangle of m.
func addOuter(m, row []float64, w float64) {
	q := len(row)
	for j, a := range row {
		a *= w
		out := m[j*q+j : (j+1)*q]
		for k, b := range row[j:] {
			out[k] += a * b
		}
	}
}

func weightAt(w []float64, i int) float64 {
	if w == nil {
		return 1
	}
	return w[i]
}

// inBlocks calls add for every row, in blocks on all processors, each block with a
// sum of its own of this size, and returns the sums in the order of the rows.
func inBlocks(rows, size int, add func(sum []float64, i int)) [][]float64 {
	sums := make([][]float64, (rows+block-1)/block)
	var next atomic.Int64
	work := func() {
		for b := int(next.Add(1)) - 1; b < len(sums); b = int(next.Add(1)) - 1 {
			sum := make([]float64, size)
			for i := b * block; i < min((b+1)*block, rows); i++ {
				add(sum, i)
			}
			sums[b] = sum
		}
	}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(sums)) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	return sums
}
