package cluster_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/analytics/cluster"
	"github.com/usherhq/usher/modules/analytics/clustertest"
)

func TestKnownSegmentsAreFound(t *testing.T) {
	for seed := range uint64(4) {
		all, truth := clustertest.Crowd(seed, 2_000)
		s := cluster.Customers(all, nil)
		got := clustertest.ARI(truth, s.Of)
		t.Logf("seed %d: ARI %.3f with %d segments, silhouette %.2f", seed, got, len(s.Segments), s.Silhouette)
		for _, x := range s.Segments {
			t.Logf("  %4d %s", x.Size, x.Name)
		}
		if got < .75 {
			t.Errorf("seed %d: ARI %.3f, want at least .75", seed, got)
		}
	}
}

// The week after, a tenth of the customers are new and others have gone.
func TestSegmentsStayTheSame(t *testing.T) {
	for seed := range uint64(6) {
		all, _ := clustertest.Crowd(100+seed, 2_200)
		a := cluster.Customers(all[:2_000], nil)
		b := cluster.Customers(all[200:], a.Segments)
		if got := clustertest.ARI(a.Of, b.Of); got < .9 {
			t.Errorf("seed %d: ARI of two runs %.3f, want at least .9", seed, got)
		}
	}
}

// Segments that no longer fit give way to new ones.
func TestSegmentsThatNoLongerFitGiveWay(t *testing.T) {
	all, truth := clustertest.Crowd(3, 1_000)
	before := cluster.Customers(all, nil).Segments
	for i := range before {
		for j := range before[i].Center {
			before[i].Center[j] = before[0].Center[j] + .01*float64(i) // all in one place
		}
	}
	if got := clustertest.ARI(truth, cluster.Customers(all, before).Of); got < .75 {
		t.Errorf("ARI %.3f: old centers hold on to nothing", got)
	}
}

func TestNamesGivenByPersonsStay(t *testing.T) {
	all, _ := clustertest.Crowd(9, 2_200)
	first := cluster.Customers(all[:2_000], nil)
	for i := range first.Segments {
		first.Segments[i].No = i + 5
	}
	first.Segments[1].Name, first.Segments[1].Renamed = "Our families", true
	second := cluster.Customers(all[200:], first.Segments)
	kept := map[string]int{}
	named := -1
	for i, s := range second.Segments {
		if s.Name == "Our families" && s.Renamed && s.No == 6 {
			named = i
		}
	}
	if named < 0 {
		t.Fatalf("the name is lost: %+v", second.Segments)
	}
	for id, s := range first.Of {
		if second.Of[id] == named {
			kept[fmt.Sprint(s == 1)]++
		}
	}
	if kept["true"] < 9*kept["false"] {
		t.Errorf("the name went to other people: %v", kept)
	}
}

func TestNamesSayWhatIsPeculiar(t *testing.T) {
	all, truth := clustertest.Crowd(2, 2_000)
	s := cluster.Customers(all, nil)
	seen := map[string]bool{}
	for _, x := range s.Segments {
		if seen[x.Name] {
			t.Errorf("two segments are called %q", x.Name)
		}
		seen[x.Name] = true
	}
	counts := map[int]int{}
	for id, k := range truth {
		if k == 1 { // last minute, with a code
			counts[s.Of[id]]++
		}
	}
	best := 0
	for c, n := range counts {
		if n > counts[best] {
			best = c
		}
	}
	if n := s.Segments[best].Name; !strings.Contains(n, "ahead") && !strings.Contains(n, "on the day") || !strings.Contains(n, "% discounted") {
		t.Errorf("who buys at the last minute with a code is called %q", n)
	}
}

// Minutes are no habit: on the day of the sale all have bought today, and no name says otherwise.
func TestNamesDoNotTellOfMinutes(t *testing.T) {
	var all []cluster.Customer
	for i := range 90 {
		minute := 1. / 24 / 60
		all = append(all, cluster.Customer{ID: fmt.Sprint(i), Orders: 2 + i%2, Recency: float64(i%3*20) * minute, Lead: float64(i%3*5) * minute, Basket: 8 + float64(i%3)/10, Km: -1})
	}
	for _, s := range cluster.Customers(all, nil).Segments {
		if strings.Contains(s.Name, "day") {
			t.Errorf("a segment is called %q", s.Name)
		}
	}
}

func TestCustomersWithoutHabitsAreSetAside(t *testing.T) {
	s := cluster.Customers([]cluster.Customer{{ID: "a", Orders: 1}, {ID: "b", Orders: 1, Km: -1}}, nil)
	if s.OneOff != 2 || len(s.Segments) != 0 || s.Of["a"] != -1 {
		t.Errorf("got %+v", s)
	}
	if s = cluster.Customers(nil, nil); s.OneOff != 0 || len(s.Segments) != 0 {
		t.Errorf("nobody: %+v", s)
	}
	few := []cluster.Customer{{ID: "a", Orders: 2, Km: -1}, {ID: "b", Orders: 3, Km: -1}}
	if s = cluster.Customers(few, nil); len(s.Segments) != 1 || s.Segments[0].Size != 2 {
		t.Errorf("two regulars: %+v", s)
	}
}

// Every point is nearest to the center of its own group, and no group is worse than the
// whole.
func TestPointsLieInTheNearestGroup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := rapid.SliceOfN(rapid.SliceOfN(rapid.Float64Range(-3, 3), 2, 2), 6, 60).Draw(t, "points")
		g := cluster.Group(points)
		if len(g.Of) != len(points) || g.Silhouette < -1 || g.Silhouette > 1 {
			t.Fatalf("%d groups of %d points, silhouette %v", len(g.Of), len(points), g.Silhouette)
		}
		for i, p := range points {
			own := dist(p, g.Centers[g.Of[i]])
			for _, c := range g.Centers {
				if dist(p, c) < own-1e-9 {
					t.Fatalf("point %d is nearer to another center", i)
				}
			}
		}
	})
}

func dist(a, b []float64) float64 { return math.Hypot(a[0]-b[0], a[1]-b[1]) }

func BenchmarkTenThousandCustomers(b *testing.B) {
	all, _ := clustertest.Crowd(1, 10_000)
	for b.Loop() {
		cluster.Customers(all, nil)
	}
}
