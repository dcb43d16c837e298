package cluster

import "math"

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
	No      int       `json:"no"` // stays as long as the segment does; 0: it is new
	Name    string    `json:"name"`
	Gone    bool      `json:"-"`        // it was not found the last time: only its name is remembered
	Renamed bool      `json:"renamed"`  // by a person: the name is kept as long as the group is
	Own     string    `json:"own_name"` // what sets it apart, in words, whatever it is called
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

const fewestOrders = 2 // of a customer who has habits

// Customers groups customers with two orders and more; before are the segments of the
// last time, which stay as they are as long as they fit; their numbers, and names given by
// persons, are kept where the segment is still there.
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
	f := frameOf(weights(), raw)
	g := Again(f.points(raw), f.points(centersOf(before)))
	out.Silhouette = g.Silhouette
	for k, m := range g.members() {
		out.Segments = append(out.Segments, segmentOf(regular, raw, m, len(all)))
		for _, i := range m {
			out.Of[regular[i].ID] = k
		}
	}
	name(out.Segments, f)
	keep(known(out.Segments), known(before), f)
	return out
}

// centersOf are where the segments of the last time lay.
func centersOf(before []Segment) (out [][]float64) {
	for _, g := range before {
		if !g.Gone && len(g.Center) == len(traits) {
			out = append(out, g.Center)
		}
	}
	return out
}

// segmentOf describes the members of a segment of n customers in all.
func segmentOf(regular []Customer, raw [][]float64, members []int, n int) Segment {
	g := Segment{Size: len(members), Share: float64(len(members)) / float64(n), Center: medians(raw, members, len(traits))}
	orders := 0.0
	for _, i := range members {
		c := regular[i]
		g.Weekend, g.Discounted = g.Weekend+float64(c.Weekend), g.Discounted+float64(c.Discounted)
		orders += float64(c.Orders)
	}
	g.Weekend, g.Discounted = g.Weekend/orders, g.Discounted/orders
	return g
}

func weights() []float64 {
	out := make([]float64, len(traits))
	for j, t := range traits {
		out[j] = t.weight
	}
	return out
}

func known(segments []Segment) []label {
	out := make([]label, len(segments))
	for i := range segments {
		g := &segments[i]
		out[i] = label{&g.No, &g.Name, &g.Renamed, g.Center, ""}
	}
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

// Habits are the medians of a segment in the units of people.
type Habits struct {
	Recency float64 // days since the last order
	Orders  float64
	Lead    float64 // days between an order and its event
	Basket  float64 // of an order, minor units
}

// Habits puts the center back into the units of people.
func (g *Segment) Habits() (h Habits) {
	if len(g.Center) == len(traits) {
		h = Habits{math.Expm1(g.Center[traitRecency]), math.Exp(g.Center[traitOrders]), math.Expm1(g.Center[traitLead]), math.Exp(g.Center[traitBasket])}
	}
	return h
}
