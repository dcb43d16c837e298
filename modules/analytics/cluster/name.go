package cluster

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// name names every segment by the two traits in which it differs most from the others,
// with their values.
func name(segments []Segment, f frame) {
	taken := map[string]int{}
	for i := range segments {
		order := segments[i].worthSaying(f.peculiar(segments[i].Center), f)
		words := []string{segments[i].phrase(order[0], f), segments[i].phrase(order[1], f)}
		n := strings.Join(words, ", ")
		if taken[n]++; taken[n] > 1 {
			n += ", " + segments[i].phrase(order[2], f)
		}
		segments[i].Name, segments[i].Own = n, n
	}
}

// worthSaying puts traits last that differ by less than words can say: by minutes, of days.
func (g *Segment) worthSaying(order []int, f frame) []int {
	slight := func(j int) int {
		if (j == traitRecency || j == traitLead) && math.Abs(math.Expm1(g.Center[j])-math.Expm1(f.median[j])) < .5 {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(order, func(a, b int) int { return slight(a) - slight(b) })
	return order
}

// phrase says a trait's value in words: "buys ≤ 3 days ahead".
func (g *Segment) phrase(j int, f frame) string {
	x := g.Center[j]
	more := x >= f.median[j]
	switch j {
	case traitRecency:
		days := count(math.Expm1(x))
		if more {
			return "last bought over " + days + " ago"
		}
		return "bought in the last " + days
	case traitOrders:
		n := round(math.Exp(x))
		if more {
			return n + " orders and more"
		}
		return n + " orders or fewer"
	case traitLead:
		days := math.Expm1(x)
		if more {
			return "buys ≥ " + count(days) + " ahead"
		}
		if days < .5 {
			return "buys on the day"
		}
		return "buys ≤ " + count(days) + " ahead"
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
	km := round(math.Expm1(x))
	if more {
		return "comes from " + km + " km and more"
	}
	return "lives within " + km + " km"
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
