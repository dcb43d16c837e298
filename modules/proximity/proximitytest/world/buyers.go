package world

import (
	"math"
	"math/rand/v2"
)

// Moment is a person at an instant at which something may be offered.
type Moment struct {
	Person    int
	Zone      int // of four
	Segment   int // of four
	Hour      float64
	Queue     float64
	Purchases float64
	Paid      float64    // minor units
	taste     [5]float64 // for each deal; nobody sees it
}

// Deal is an offer: what the promoter earns when it sells, and what it gives away.
type Deal struct {
	Value, Depth float64
	Item         bool
}

// Market is people who react to deals in ways that differ by group and moment.
type Market struct {
	Deals  []Deal // Deals[0] is none
	r      *rand.Rand
	people int
	pull   [][4]float64 // of each deal in each segment
	hunger [4]float64   // of each zone
	rush   []float64    // how much a long queue spoils each deal
	late   []float64    // how each deal fares late in the evening
}

// NewMarket draws a market: a sale earns 500, deals give away a tenth to a third. It is as
// hard as the prototype of prediction.md: who chooses at random earns 70 % of the oracle.
func NewMarket(seed uint64) *Market {
	r := rand.New(rand.NewPCG(seed, 0xb0b))
	m := &Market{r: r, people: 4000, Deals: []Deal{{Value: 500}, {Value: 450, Depth: 0.1}, {Value: 375, Depth: 0.25}, {Value: 350, Depth: 0.3}, {Value: 420, Depth: 0.16, Item: true}}}
	usual := []float64{0, 0.2, 0.4, 0.45, 0.2}
	for a := range m.Deals {
		var pull [4]float64
		for s := range pull {
			if a > 0 {
				pull[s] = usual[a] + 0.35*r.NormFloat64()
			}
		}
		m.pull = append(m.pull, pull)
		m.rush = append(m.rush, 0.25*r.NormFloat64())
		m.late = append(m.late, 0.2*r.NormFloat64())
	}
	m.rush[0], m.late[0] = 0, 0
	for z := range m.hunger {
		m.hunger[z] = 0.4 * r.NormFloat64()
	}
	return m
}

// Next is the next moment.
func (m *Market) Next() Moment {
	person := m.r.IntN(m.people)
	fixed := rand.New(rand.NewPCG(uint64(person), 1))
	at := Moment{Person: person, Segment: fixed.IntN(4), Paid: math.Exp(8.3 + 0.4*fixed.NormFloat64())}
	for a := range at.taste {
		at.taste[a] = 0.2 * fixed.NormFloat64()
	}
	at.Zone, at.Hour, at.Queue = m.r.IntN(4), 6*m.r.Float64(), m.r.ExpFloat64()*12
	at.Purchases = float64(m.r.IntN(4))
	return at
}

// Buys is the true probability of a sale: a complementary log-log of what the deal,
// the group and the moment add up to.
func (m *Market) Buys(at Moment, deal int) float64 {
	u := -1.8 + m.hunger[at.Zone] + at.taste[deal] + 0.15*math.Min(at.Purchases, 2) - 0.02*at.Queue
	u += m.pull[deal][at.Segment] + m.rush[deal]*math.Tanh(at.Queue/12-1) + m.late[deal]*math.Sin(at.Hour)
	return 1 - math.Exp(-math.Exp(u))
}

// Chance is a uniform number of the market's own.
func (m *Market) Chance() float64 { return m.r.Float64() }
