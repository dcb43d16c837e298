package cluster

import (
	"cmp"
	"math"
	"slices"
)

// Customer is how one person has bought so far.
type Customer struct {
	ID         string
	Orders     int     // not cancelled
	Recency    float64 // days since the last order
	Lead       float64 // mean of ln(1 + days) between an order and its event
	Basket     float64 // mean of ln(order value in minor units), ≥ 0
	Weekend    int     // orders for weekend evenings
	Discounted int     // orders with a code or voucher
	Km         float64 // from the venue; below 0: unknown
}

// trait is one feature of customers.
type trait struct {
	weight float64 // in the distance, once scaled
	of     func(c Customer, mean shares) float64
}

// shares are means over all customers, which a person of few orders is shrunk to.
type shares struct{ weekend, discounted, km float64 }

const (
	traitRecency = iota
	traitOrders
	traitLead
	traitBasket
	traitWeekend
	traitDiscount
	traitKm
)

var traits = []trait{
	traitRecency:  {.5, func(c Customer, _ shares) float64 { return math.Log1p(max(c.Recency, 0)) }},
	traitOrders:   {1, func(c Customer, _ shares) float64 { return math.Log(float64(c.Orders)) }},
	traitLead:     {1, func(c Customer, _ shares) float64 { return c.Lead }},
	traitBasket:   {1, func(c Customer, _ shares) float64 { return c.Basket }},
	traitWeekend:  {1, func(c Customer, m shares) float64 { return shrunk(c.Weekend, c.Orders, m.weekend) }},
	traitDiscount: {1, func(c Customer, m shares) float64 { return shrunk(c.Discounted, c.Orders, m.discounted) }},
	traitKm: {.5, func(c Customer, m shares) float64 {
		if c.Km < 0 {
			return m.km
		}
		return math.Log1p(c.Km)
	}},
}

// shrunk is a share of n orders, with two more at the mean.
func shrunk(hits, n int, mean float64) float64 { return (float64(hits) + 2*mean) / float64(n+2) }

// Segment is a group of customers that buy alike.
type Segment struct {
	Name    string    `json:"name"`
	Renamed bool      `json:"renamed"` // by a person: the name is kept as long as the group is
	Size    int       `json:"size"`
	Share   float64   `json:"share"`  // of all customers
	Center  []float64 `json:"center"` // medians of the traits, in their own units

	Weekend    float64 `json:"weekend"`    // share of its orders that are for weekend evenings
	Discounted float64 `json:"discounted"` // share of its orders with a code or voucher
}

// Segmentation is all customers in segments.
type Segmentation struct {
	Segments   []Segment      `json:"segments"` // the largest first
	Of         map[string]int `json:"-"`        // segment by customer; −1: bought once only
	OneOff     int            `json:"one_off"`  // customers who bought once
	Silhouette float64        `json:"silhouette"`
}

const (
	fewestOrders = 2 // of a customer who has habits
	clip         = 3.0
	sameSegment  = 1.5 // distance of centers, in scaled units, of what is still the same segment
)

// Customers groups customers with two orders and more; before are the segments of the
// last time, whose names given by persons are kept where the segment is still there.
func Customers(all []Customer, before []Segment) Segmentation {
	out := Segmentation{Of: map[string]int{}}
	var regular []Customer
	for _, c := range all {
		if c.Orders >= fewestOrders {
			regular = append(regular, c)
			continue
		}
		out.Of[c.ID] = -1
		out.OneOff++
	}
	if len(regular) == 0 {
		return out
	}
	raw := rawTraits(regular)
	scale := scaleOf(raw)
	g := Group(scale.points(raw))
	out.Silhouette = g.Silhouette
	members := make([][]int, len(g.Centers))
	for i, c := range g.Of {
		members[c] = append(members[c], i)
	}
	members = slices.DeleteFunc(members, func(m []int) bool { return len(m) == 0 })
	slices.SortStableFunc(members, func(a, b []int) int { return cmp.Compare(len(b), len(a)) })
	for s, m := range members {
		center := make([]float64, len(traits))
		for j := range traits {
			center[j] = quantile(column(raw, m, j), .5)
		}
		seg := Segment{Size: len(m), Share: float64(len(m)) / float64(len(all)), Center: center}
		orders := 0.0
		for _, i := range m {
			c := regular[i]
			out.Of[c.ID] = s
			seg.Weekend, seg.Discounted = seg.Weekend+float64(c.Weekend), seg.Discounted+float64(c.Discounted)
			orders += float64(c.Orders)
		}
		seg.Weekend, seg.Discounted = seg.Weekend/orders, seg.Discounted/orders
		out.Segments = append(out.Segments, seg)
	}
	name(out.Segments, scale)
	keepNames(out.Segments, before, scale)
	return out
}

func rawTraits(customers []Customer) [][]float64 {
	var m shares
	var orders, known float64
	for _, c := range customers {
		m.weekend += float64(c.Weekend)
		m.discounted += float64(c.Discounted)
		orders += float64(c.Orders)
		if c.Km >= 0 {
			m.km += math.Log1p(c.Km)
			known++
		}
	}
	m.weekend, m.discounted, m.km = m.weekend/orders, m.discounted/orders, m.km/max(known, 1)
	raw := make([][]float64, len(customers))
	for i, c := range customers {
		raw[i] = make([]float64, len(traits))
		for j, t := range traits {
			raw[i][j] = t.of(c, m)
		}
	}
	return raw
}

// scale turns traits into comparable numbers: (x − median)/IQR within ±3, times the weight.
type scale struct{ median, spread []float64 }

func scaleOf(raw [][]float64) scale {
	s := scale{make([]float64, len(traits)), make([]float64, len(traits))}
	for j := range traits {
		x := column(raw, nil, j)
		s.median[j] = quantile(x, .5)
		s.spread[j] = quantile(x, .75) - quantile(x, .25)
		if s.spread[j] < 1e-9 { // most are alike: the whole range tells the others
			s.spread[j] = max((quantile(x, .975)-quantile(x, .025))/2, 1e-9)
		}
	}
	return s
}

func (s scale) z(j int, x float64) float64 {
	return min(max((x-s.median[j])/s.spread[j], -clip), clip)
}

func (s scale) points(raw [][]float64) [][]float64 {
	out := make([][]float64, len(raw))
	for i, row := range raw {
		out[i] = make([]float64, len(row))
		for j, x := range row {
			out[i][j] = traits[j].weight * s.z(j, x)
		}
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
