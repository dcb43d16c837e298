// Package clustertest draws customers whose segments are known, for the tests and
// benchmarks of analytics/cluster. It shares no formula with the product.
package clustertest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/usherhq/usher/modules/analytics/cluster"
)

// habit is how a known segment buys; persons scatter around it.
type habit struct{ orders, recency, lead, basket, weekend, discounted, km float64 }

var habits = []habit{
	{3, 90, 40, 60, .7, .05, 12},    // planners
	{3, 60, 1, 25, .6, .75, 6},      // last minute, with a code
	{12, 20, 20, 40, .5, .1, 8},     // regulars
	{2.4, 120, 30, 180, .9, .1, 25}, // families
	{3, 150, 25, 70, .15, .1, 15},   // weekday people
}

// Crowd draws n customers of the known segments, and tells which each is of.
func Crowd(seed uint64, n int) (all []cluster.Customer, truth map[string]int) {
	r := rand.New(rand.NewPCG(seed, 11))
	truth = map[string]int{}
	around := func(x, spread float64) float64 { return x * math.Exp(spread*r.NormFloat64()) }
	for i := range n {
		k := r.IntN(len(habits))
		h := habits[k]
		c := cluster.Customer{ID: fmt.Sprint(i), Orders: max(2, int(math.Round(around(h.orders, .3)))), Recency: around(h.recency, .5), Km: around(h.km, .5)}
		for range c.Orders {
			c.Lead += math.Log1p(around(h.lead, .4)) / float64(c.Orders)
			c.Basket += math.Log(100*around(h.basket, .3)) / float64(c.Orders)
			if r.Float64() < h.weekend {
				c.Weekend++
			}
			if r.Float64() < h.discounted {
				c.Discounted++
			}
		}
		all = append(all, c)
		truth[c.ID] = k
	}
	return all, truth
}

// ARI is the adjusted Rand index of two groupings of the same customers.
// Source: L. Hubert, P. Arabie, Comparing Partitions, J. Classification 2 (1985).
func ARI(a, b map[string]int) float64 {
	both, as, bs, n := map[[2]int]float64{}, map[int]float64{}, map[int]float64{}, 0.0
	for id, x := range a {
		if y, ok := b[id]; ok {
			both[[2]int{x, y}]++
			as[x]++
			bs[y]++
			n++
		}
	}
	pairs := func(v float64) float64 { return v * (v - 1) / 2 }
	var index, sa, sb float64
	for _, v := range both {
		index += pairs(v)
	}
	for _, v := range as {
		sa += pairs(v)
	}
	for _, v := range bs {
		sb += pairs(v)
	}
	expected := sa * sb / pairs(n)
	return (index - expected) / ((sa+sb)/2 - expected)
}
