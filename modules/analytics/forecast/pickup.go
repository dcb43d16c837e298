package forecast

import (
	"gonum.org/v1/gonum/mathext"
)

// Curve is the bookings of a past event, from the first day of sale.
type Curve struct {
	Lead     int   `json:"lead"`
	Capacity int   `json:"capacity"`
	Sold     []int `json:"sold"` // up to each day of sale, the last the event's
}

// mostCurves bounds what a model carries; the latest events are the best guides.
const mostCurves = 500

func curves(past []*Event) []Curve {
	past = past[max(len(past)-mostCurves, 0):]
	out := make([]Curve, len(past))
	for i, e := range past {
		c := Curve{Lead: e.Lead(), Capacity: e.Capacity, Sold: make([]int, e.Lead()+1)}
		n := 0
		for k := range c.Sold {
			if k < len(e.Sold) {
				n += e.Sold[k]
			}
			c.Sold[k] = n
		}
		out[i] = c
	}
	return out
}

// at is the number sold up to d days before the event; false when it was not on sale.
func (c Curve) at(d int) (int, bool) {
	if d > c.Lead || d < 0 {
		return 0, false
	}
	return c.Sold[c.Lead-d], true
}

// The share of a further event, half unseen: what stands for "never say never".
const (
	chanceSoon  = .15 // within some days
	chanceFinal = .3  // by the event
)

func (o *Outlook) chance(h int) float64 {
	if o.within(h) == o.Days {
		return chanceFinal
	}
	return chanceSoon
}

// ByPickup is the probability from past events alone: each says by how much its sales
// grew from as many days before. For each, r = (future + 1)/(past + 2), times 1.3 if it
// sold out; P = (number of (sold+2)·r − 1 ≥ left, plus c)/(n + 1).
func (o *Outlook) ByPickup(h int) float64 {
	h = o.within(h)
	if h == 0 || o.Left == 0 {
		return indicator(o.Left == 0)
	}
	p, _ := o.pickup(h)
	return p
}

// pickup is ByPickup with the number of past events it rests on.
func (o *Outlook) pickup(h int) (p, n float64) {
	h = o.within(h)
	hits := 0.0
	for _, c := range o.model.Past {
		past, ok := c.at(o.Days)
		if !ok || past >= c.Capacity {
			continue
		}
		then, _ := c.at(o.Days - h)
		r := float64(then-past+1) / float64(past+2)
		if then >= c.Capacity {
			r *= 1.3
		}
		n++
		hits += indicator(float64(o.Sold+2)*r-1 >= float64(o.Left))
	}
	return (hits + o.chance(h)) / (n + 1), n
}

// ByClimatology is the share of past events that sold out within as many days from as
// many days before.
func (o *Outlook) ByClimatology(h int) float64 {
	h = o.within(h)
	if h == 0 || o.Left == 0 {
		return indicator(o.Left == 0)
	}
	hits, n := 0.0, 0.0
	for _, c := range o.model.Past {
		past, ok := c.at(o.Days)
		if !ok || past >= c.Capacity {
			continue
		}
		then, _ := c.at(o.Days - h)
		n++
		hits += indicator(then >= c.Capacity)
	}
	return (hits + o.chance(h)) / (n + 1)
}

// runRateDays is how many of the last days the run-rate looks at.
const runRateDays = 14

// RunRate is the expected bookings of the next h days if those of the last two weeks go on.
func (o *Outlook) RunRate(h int) float64 {
	days := o.past[max(len(o.past)-runRateDays, 0):]
	if len(days) == 0 {
		return 0
	}
	sum := 0.0
	for _, y := range days {
		sum += y
	}
	return sum / float64(len(days)) * float64(o.within(h))
}

// ByRunRate is the probability that a Poisson count of the run-rate reaches what is left.
func (o *Outlook) ByRunRate(h int) float64 {
	mean := o.RunRate(h)
	if o.Left == 0 || mean == 0 {
		return indicator(o.Left == 0)
	}
	return mathext.GammaIncReg(float64(o.Left), mean)
}
