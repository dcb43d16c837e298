package main

import (
	"fmt"
	"math"
	"time"

	"github.com/usherhq/usher/modules/analytics/cluster"
	"github.com/usherhq/usher/modules/analytics/clustertest"
)

const (
	clusterCrowds = 8
	clusterARI    = .75
	clusterAgain  = .9
	clusterTime   = 2 * time.Second
)

// clusters finds known segments of customers, finds them again when a tenth of the
// customers is new, and takes the time.
func (b *bench) clusters() {
	mean, worst, again := 0.0, math.Inf(1), math.Inf(1)
	for seed := range uint64(clusterCrowds) {
		all, truth := clustertest.Crowd(100+seed, 2_200)
		first := cluster.Customers(all[:2_000], nil)
		second := cluster.Customers(all[200:], first.Segments)
		got := clustertest.ARI(truth, first.Of)
		mean, worst, again = mean+got/clusterCrowds, min(worst, got), min(again, clustertest.ARI(first.Of, second.Of))
	}
	b.result.add(fmt.Sprintf("customers in known segments, %d crowds of 2,000: adjusted Rand index", clusterCrowds), fmt.Sprintf("%.3f on average, %.3f at worst", mean, worst), "≥ .75, each", verdictOf(worst >= clusterARI))
	b.result.add("the same, grouped again with a tenth of them new: index of the two", fmt.Sprintf("%.3f at worst", again), "≥ .9", verdictOf(again >= clusterAgain))
	all, _ := clustertest.Crowd(1, 10_000)
	begun := time.Now()
	cluster.Customers(all, nil)
	took := time.Since(begun)
	b.result.add("10,000 customers grouped", fmt.Sprintf("%.2f s", took.Seconds()), "< 2 s", verdictOf(took < clusterTime))
}
