package cluster

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// name names every segment by the two traits in which it differs most from the others,
// with their values.
func name(segments []Segment, s scale) {
	taken := map[string]int{}
	for i := range segments {
		c := segments[i].Center
		order := []int{0, 1, 2, 3, 4, 5, 6}
		slices.SortStableFunc(order, func(a, b int) int {
			return cmp.Compare(math.Abs(s.z(b, c[b])), math.Abs(s.z(a, c[a])))
		})
		words := []string{segments[i].phrase(order[0], s), segments[i].phrase(order[1], s)}
		n := strings.Join(words, ", ")
		if taken[n]++; taken[n] > 1 {
			n += ", " + segments[i].phrase(order[2], s)
		}
		segments[i].Name = n
	}
}

// phrase says a trait's value in words: "buys ≤ 3 days ahead".
func (g Segment) phrase(j int, s scale) string {
	x := g.Center[j]
	more := x >= s.median[j]
	switch j {
	case traitRecency:
		if days := math.Expm1(x); more {
			return "last bought over " + count(days) + " ago"
		} else {
			return "bought in the last " + count(days)
		}
	case traitOrders:
		if n := math.Exp(x); more {
			return fmt.Sprintf("%s orders and more", round(n))
		} else {
			return fmt.Sprintf("%s orders or fewer", round(n))
		}
	case traitLead:
		if days := math.Expm1(x); more {
			return "buys ≥ " + count(days) + " ahead"
		} else if days < .5 {
			return "buys on the day"
		} else {
			return "buys ≤ " + count(days) + " ahead"
		}
	case traitBasket:
		if more {
			return fmt.Sprintf("spends about %s an order", round(math.Exp(x)/100))
		}
		return fmt.Sprintf("spends only about %s an order", round(math.Exp(x)/100))
	case traitWeekend:
		return fmt.Sprintf("%.0f %% on weekends", 100*g.Weekend)
	case traitDiscount:
		return fmt.Sprintf("%.0f %% discounted", 100*g.Discounted)
	}
	if km := math.Expm1(x); more {
		return fmt.Sprintf("comes from %s km and more", round(km))
	} else {
		return fmt.Sprintf("lives within %s km", round(km))
	}
}

// count writes a number of days.
func count(days float64) string {
	if n := round(days); n != "1" {
		return n + " days"
	}
	return "1 day"
}

// round writes a number with two significant digits: 3, 27, 140.
func round(x float64) string {
	if x < 10 {
		return fmt.Sprintf("%.0f", math.Max(x, 1))
	}
	unit := math.Pow(10, math.Floor(math.Log10(x))-1)
	return fmt.Sprintf("%.0f", math.Round(x/unit)*unit)
}

// keepNames gives renamed segments of before to the nearest new ones, each once.
func keepNames(now, before []Segment, s scale) {
	type pair struct {
		old, new int
		far      float64
	}
	var pairs []pair
	for o, b := range before {
		for n := range now {
			if b.Renamed && len(b.Center) == len(traits) {
				pairs = append(pairs, pair{o, n, s.apart(b.Center, now[n].Center)})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(a.far, b.far) })
	gone := map[int]bool{}
	for _, p := range pairs {
		if p.far <= sameSegment && !gone[p.old] && !now[p.new].Renamed {
			now[p.new].Name, now[p.new].Renamed, gone[p.old] = before[p.old].Name, true, true
		}
	}
}

// apart is the distance of two centers in scaled units.
func (s scale) apart(a, b []float64) (d float64) {
	for j := range traits {
		d += math.Pow(traits[j].weight*(s.z(j, a[j])-s.z(j, b[j])), 2)
	}
	return math.Sqrt(d)
}
