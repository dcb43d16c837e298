// Package cluster groups customers by how they buy, and names the groups in plain words.
//
// Everything is deterministic: the same customers give the same groups.
package cluster

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Groups are the result of clustering points.
type Groups struct {
	Of         []int       // the group of each point
	Centers    [][]float64 // of each group
	Silhouette float64     // −1 to 1: how well the points lie in their groups
}

const (
	restarts      = 8
	mostRounds    = 60
	silhouetteOf  = 1500 // points
	fewest, most  = 3, 8 // groups
	goodAsTheBest = .07  // of silhouette: the largest such number of groups is taken
	firm          = .8   // prediction strength of groups that are there
	seed          = 20260501
)

// Group clusters points, n rows of the same width, into 3 to 8 groups, or into one
// when there are fewer than 6 points. The number is the largest whose silhouette is
// within .07 of the best one and whose groups are firm, judged on 1,500 points.
func Group(points [][]float64) Groups {
	if len(points) < 2*fewest {
		return kmeans(points, min(len(points), 1), rand.New(rand.NewPCG(seed, 0)))
	}
	sample := every(points, silhouetteOf)
	far := distances(sample)
	best, k := math.Inf(-1), fewest
	tried := map[int]Groups{}
	for n := fewest; n <= min(most, len(sample)/2); n++ {
		g := Into(sample, n)
		g.Silhouette = silhouette(g, far)
		tried[n], best = g, max(best, g.Silhouette)
	}
	for n, g := range tried {
		if n > k && g.Silhouette >= best-goodAsTheBest && strength(sample, n) >= firm {
			k = n
		}
	}
	g := settle(points, tried[k].Centers)
	g.Silhouette = tried[k].Silhouette
	return g
}

// Again clusters points from the centers of an earlier clustering, which stays what it was
// as far as it still fits: unless its silhouette is more than .07 below that of a fresh one.
func Again(points, centers [][]float64) Groups {
	fresh := Group(points)
	if len(centers) < fewest || len(points) < 2*fewest {
		return fresh
	}
	sample := every(points, silhouetteOf)
	g := settle(points, centers)
	part := Groups{Centers: g.Centers}
	for _, p := range sample {
		part.Of = append(part.Of, g.nearest(p))
	}
	if g.Silhouette = silhouette(part, distances(sample)); g.Silhouette < fresh.Silhouette-goodAsTheBest {
		return fresh
	}
	return g
}

// Into clusters points into k groups: the best of eight runs of k-means++.
// Source: D. Arthur, S. Vassilvitskii, k-means++: The Advantages of Careful Seeding, SODA 2007.
func Into(points [][]float64, k int) Groups {
	var best Groups
	least := math.Inf(1)
	for run := range uint64(restarts) {
		g := kmeans(points, k, rand.New(rand.NewPCG(seed, run)))
		if s := g.spread(points); s < least {
			best, least = g, s
		}
	}
	return best
}

// kmeans is Lloyd's algorithm from a k-means++ start.
func kmeans(points [][]float64, k int, r *rand.Rand) Groups {
	return settle(points, begin(points, k, r))
}

// settle is Lloyd's algorithm from some centers.
func settle(points, centers [][]float64) Groups {
	g := Groups{Of: make([]int, len(points))}
	for _, c := range centers {
		g.Centers = append(g.Centers, slices.Clone(c))
	}
	for range mostRounds {
		moved := false
		for i, p := range points {
			if c := g.nearest(p); c != g.Of[i] {
				g.Of[i], moved = c, true
			}
		}
		g.recentre(points)
		if !moved {
			break
		}
	}
	return g
}

// begin draws k centers among the points, far ones with greater probability.
func begin(points [][]float64, k int, r *rand.Rand) [][]float64 {
	var centers [][]float64
	gap := make([]float64, len(points))
	for i := range gap {
		gap[i] = math.Inf(1)
	}
	next := 0
	if len(points) > 0 {
		next = r.IntN(len(points))
	}
	for len(centers) < k {
		centers = append(centers, slices.Clone(points[next]))
		sum := 0.0
		for i, p := range points {
			gap[i] = min(gap[i], squared(p, points[next]))
			sum += gap[i]
		}
		u := r.Float64() * sum
		for i := range gap {
			if u -= gap[i]; u <= 0 && gap[i] > 0 {
				next = i
				break
			}
		}
	}
	return centers
}

func (g *Groups) nearest(p []float64) int {
	best, least := 0, math.Inf(1)
	for c, center := range g.Centers {
		if d := squared(p, center); d < least {
			best, least = c, d
		}
	}
	return best
}

// recentre moves each center to the mean of its points; one without points stays.
func (g *Groups) recentre(points [][]float64) {
	n := make([]float64, len(g.Centers))
	sums := make([][]float64, len(g.Centers))
	for c := range sums {
		sums[c] = make([]float64, len(g.Centers[c]))
	}
	for i, p := range points {
		n[g.Of[i]]++
		for j, v := range p {
			sums[g.Of[i]][j] += v
		}
	}
	for c := range sums {
		for j := range sums[c] {
			if n[c] > 0 {
				g.Centers[c][j] = sums[c][j] / n[c]
			}
		}
	}
}

func (g *Groups) spread(points [][]float64) (sum float64) {
	for i, p := range points {
		sum += squared(p, g.Centers[g.Of[i]])
	}
	return sum
}

func squared(a, b []float64) (sum float64) {
	for j, v := range a {
		sum += (v - b[j]) * (v - b[j])
	}
	return sum
}

// every is at most n of the points, evenly spread.
func every(points [][]float64, n int) [][]float64 {
	n = min(n, len(points))
	out := make([][]float64, n)
	for i := range out {
		out[i] = points[i*len(points)/n]
	}
	return out
}

func distances(points [][]float64) [][]float64 {
	out := make([][]float64, len(points))
	for i := range points {
		out[i] = make([]float64, len(points))
		for j := range i {
			d := math.Sqrt(squared(points[i], points[j]))
			out[i][j], out[j][i] = d, d
		}
	}
	return out
}

// silhouette is the mean of (b − a)/max(a, b) over the points: a the mean distance to
// the own group, b to the nearest other one.
// Source: P. J. Rousseeuw, Silhouettes, J. Comput. Appl. Math. 20 (1987).
func silhouette(g Groups, far [][]float64) (mean float64) {
	for i, own := range g.Of {
		sums, n := make([]float64, len(g.Centers)), make([]float64, len(g.Centers))
		for j, c := range g.Of {
			if i != j {
				sums[c] += far[i][j]
				n[c]++
			}
		}
		other := math.Inf(1)
		for c := range sums {
			if c != own && n[c] > 0 {
				other = min(other, sums[c]/n[c])
			}
		}
		if a := sums[own] / max(n[own], 1); n[own] > 0 && max(a, other) > 0 && !math.IsInf(other, 1) {
			mean += (other - a) / max(a, other) / float64(len(g.Of))
		}
	}
	return mean
}

// strength is the prediction strength of k groups, 0 to 1: of each group of one half of
// the points, the share of pairs that the groups of the other half keep together; the
// least firm group counts.
// Source: R. Tibshirani, G. Walther, Cluster Validation by Prediction Strength,
// J. Comput. Graph. Stat. 14 (2005).
func strength(points [][]float64, k int) float64 {
	var halves [2][][]float64
	for i, p := range points {
		halves[i%2] = append(halves[i%2], p)
	}
	judge, own := Into(halves[0], k), Into(halves[1], k)
	together := make([][]float64, k)
	for c := range together {
		together[c] = make([]float64, k)
	}
	for i, p := range halves[1] {
		together[own.Of[i]][judge.nearest(p)]++
	}
	worst := 1.0
	for _, row := range together {
		size, pairs := 0.0, 0.0
		for _, n := range row {
			size, pairs = size+n, pairs+n*(n-1)
		}
		if size > 1 {
			worst = min(worst, pairs/(size*(size-1)))
		}
	}
	return worst
}
