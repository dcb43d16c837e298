package cluster

import (
	"cmp"
	"math"
	"slices"
)

const (
	clip      = 3.0
	sameGroup = 1.5 // distance of centers, in scaled units, of what is still the same group
)

// frame turns traits into comparable numbers: (x − median)/IQR within ±3, times a weight.
type frame struct{ weight, median, spread []float64 }

func frameOf(weight []float64, raw [][]float64) frame {
	f := frame{weight, make([]float64, len(weight)), make([]float64, len(weight))}
	for j := range weight {
		x := column(raw, nil, j)
		f.median[j] = quantile(x, .5)
		f.spread[j] = quantile(x, .75) - quantile(x, .25)
		if f.spread[j] < 1e-9 { // most are alike: the whole range tells the others
			f.spread[j] = max((quantile(x, .975)-quantile(x, .025))/2, 1e-9)
		}
	}
	return f
}

func (f frame) z(j int, x float64) float64 {
	return min(max((x-f.median[j])/f.spread[j], -clip), clip)
}

func (f frame) points(raw [][]float64) [][]float64 {
	out := make([][]float64, len(raw))
	for i, row := range raw {
		out[i] = make([]float64, len(row))
		for j, x := range row {
			out[i][j] = f.weight[j] * f.z(j, x)
		}
	}
	return out
}

// apart is the distance of two centers in scaled units.
func (f frame) apart(a, b []float64) (d float64) {
	for j := range f.weight {
		d += math.Pow(f.weight[j]*(f.z(j, a[j])-f.z(j, b[j])), 2)
	}
	return math.Sqrt(d)
}

// peculiar are the traits of a center, the one in which it differs most from the others first.
func (f frame) peculiar(center []float64) []int {
	order := make([]int, len(center))
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(math.Abs(f.z(b, center[b])), math.Abs(f.z(a, center[a])))
	})
	return order
}

// label is what a group is called, and where it lies. Only groups of the same kind can
// be the same.
type label struct {
	no      *int
	name    *string
	renamed *bool
	center  []float64
	kind    string
}

// keep gives the numbers of before, and the names that persons gave, to the nearest of
// now, each once.
func keep(now, before []label, f frame) {
	type pair struct {
		old, new int
		far      float64
	}
	var pairs []pair
	for o, b := range before {
		for n := range now {
			if len(b.center) == len(f.weight) && b.kind == now[n].kind {
				pairs = append(pairs, pair{o, n, f.apart(b.center, now[n].center)})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(a.far, b.far) })
	gone, found := map[int]bool{}, map[int]bool{}
	for _, p := range pairs {
		if p.far > sameGroup || gone[p.old] || found[p.new] {
			continue
		}
		old, same := before[p.old], now[p.new]
		gone[p.old], found[p.new] = true, true
		if *same.no = *old.no; *old.renamed {
			*same.name, *same.renamed = *old.name, true
		}
	}
}

// members are the points of each group, the largest group first; empty ones are left out.
func (g *Groups) members() [][]int {
	out := make([][]int, len(g.Centers))
	for i, c := range g.Of {
		out[c] = append(out[c], i)
	}
	out = slices.DeleteFunc(out, func(m []int) bool { return len(m) == 0 })
	slices.SortStableFunc(out, func(a, b []int) int { return cmp.Compare(len(b), len(a)) })
	return out
}

// medians are those of each trait over some rows.
func medians(raw [][]float64, rows []int, n int) []float64 {
	out := make([]float64, n)
	for j := range out {
		out[j] = quantile(column(raw, rows, j), .5)
	}
	return out
}

// column is trait j of the rows; nil rows: of all.
func column(raw [][]float64, rows []int, j int) []float64 {
	var out []float64
	if rows == nil {
		for _, r := range raw {
			out = append(out, r[j])
		}
		return out
	}
	for _, i := range rows {
		out = append(out, raw[i][j])
	}
	return out
}

// quantile is the value below which the share p lies, between neighbours in proportion.
func quantile(x []float64, p float64) float64 {
	x = slices.Sorted(slices.Values(x))
	at := p * float64(len(x)-1)
	i := int(at)
	if i+1 >= len(x) {
		return x[len(x)-1]
	}
	return x[i] + (at-float64(i))*(x[i+1]-x[i])
}
