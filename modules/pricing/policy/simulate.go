package policy

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Course is a category's sale, as far as it is known: what a simulation begins with.
type Course struct { //nolint:recvcheck // play and seller change copies of their own
	Limits Limits // as they would be; their mode does not count
	Moment Moment // now
	Left   int
	Past   []Day     // today as far as it has gone is the last
	Ahead  []float64 // forecast at list price of the days to come
}

// Simulation is what limits would do, beside a price that stays. Ranges hold 80 of
// 100 outcomes.
type Simulation struct {
	Days    int
	Kept    Span      // takings at the price as it was, minor units
	Moved   Span      // takings with moved prices
	Gain    Span      // of moved to kept in the same run, less 1
	Better  float64   // share of runs in which moving prices brought more
	Changes float64   // of the price, on average
	Tickets [2]Span   // sold: kept, moved
	Prices  []float64 // mean price of each day, minor units
	Low     []int64   // of each day: a tenth of the runs was below,
	High    []int64   // and a tenth above
}

// Span is a mean and the range that holds the middle 80 % of outcomes.
type Span struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

const simulations = 96 // six runs for each of the sixteen curves

// Forward plays the days to come: demand is drawn from what is believed of it now.
// The price that stays is the one in force.
func Forward(c Course) Simulation { return c.play(0) }

// Replay plays the last n days again as they would have been, and goes on to the end:
// tickets that were kept for later are sold later. In the past, whoever bought would
// have come to another price as what is believed of prices says, fewer or more; the
// price that stays is the one that was really asked.
func Replay(c Course, n int) Simulation {
	n = min(n, len(c.Past))
	for _, d := range c.Past[len(c.Past)-n:] {
		c.Left += int(d.Sold)
	}
	c.Moment.Now = c.Moment.Now.AddDate(0, 0, -n)
	if n > 0 {
		price := c.asked(c.Past[len(c.Past)-n])
		c.Moment.Price, c.Moment.Past = price, []Price{{At: c.Moment.Now.Add(-2 * day), Minor: price}}
		c.Moment.Changed = 0 // those of the days played again are not known apart
	}
	return c.play(n)
}

// asked is the price of a day.
func (c *Course) asked(d Day) int64 { return int64(math.Round(d.Ratio * float64(c.Limits.List))) }

// play runs the last n days and those ahead, once with the policy and once with the
// price that stays, with the same luck.
func (c Course) play(n int) Simulation {
	b := Learn(c.Past)
	curves := b.Curves()
	past, again := c.Past[:len(c.Past)-n], c.Past[len(c.Past)-n:]
	stay, ahead := c.Moment.Price, c.Ahead
	if n > 0 {
		stay = c.asked(again[n-1])
		c.Ahead = nil
		for _, d := range again {
			c.Ahead = append(c.Ahead, d.Forecast)
		}
		c.Ahead = append(c.Ahead, ahead...)
	}
	t := newTally(len(c.Ahead))
	for run := range simulations {
		curve, w, left := curves[run%Samples], c.seller(past), c.Left
		var kept, tickets float64
		for i, forecast := range c.Ahead {
			price, other := w.price(i), stay
			var moved, stayed int
			if i < n {
				other = c.asked(again[i])
				moved, stayed = c.relive(again[i], price, curve, luck(run, i, 0))
			} else {
				mean := forecast * gamma5(luck(run, i, 1))
				moved, stayed = poisson(luck(run, i, 2), mean*c.factor(curve, price)), poisson(luck(run, i, 2), mean*c.factor(curve, stay))
			}
			w.sell(i, price, moved)
			stayed = min(stayed, left)
			left -= stayed
			kept, tickets = kept+float64(other)*float64(stayed), tickets+float64(stayed)
		}
		t.add(w, kept, tickets)
	}
	return t.simulation()
}

func (c *Course) factor(curve Curve, price int64) float64 {
	return curve.Factor(float64(price) / float64(c.Limits.List))
}

// relive is how many would have come on a day of the past at another price, and did.
func (c *Course) relive(d Day, price int64, curve Curve, r *rand.Rand) (moved, stayed int) {
	ratio := float64(price) / float64(c.Limits.List)
	return changed(r, int(d.Sold), math.Exp(-curve.B*(ratio-d.Ratio))), int(d.Sold)
}

// luck is a source of chance for one day of one run, the same each time.
func luck(run, day, what int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(run), uint64(4*day+what)))
}

// seller sells with the policy, day by day.
type seller struct {
	Course
	days    []Day
	prices  []int64
	takings float64
	tickets float64
	changes int
}

func (c Course) seller(past []Day) *seller {
	c.Limits.Mode, c.Limits.Stopped = Auto, false
	c.Moment.Trigger, c.Moment.Agreed = false, true
	c.Moment.Past = slices.Clone(c.Moment.Past)
	return &seller{Course: c, days: slices.Clone(past)}
}

// price decides about a day as the product does, through the guard-rails.
func (w *seller) price(i int) int64 {
	m := w.Moment
	m.Now = m.Now.AddDate(0, 0, i)
	c := Choose(w.Limits, m, w.Left, OutlookOf(w.Ahead[i:]), Learn(w.days))
	if Guard(w.Limits, m, c.Price, c.Gain).Allowed {
		w.Moment.Price = c.Price
		w.Moment.Past = append(w.Moment.Past, Price{At: m.Now, Minor: c.Price})
		w.Moment.Changed++
		w.changes++
	}
	return w.Moment.Price
}

func (w *seller) sell(i int, price int64, n int) {
	sold := min(n, w.Left)
	w.Left -= sold
	w.prices = append(w.prices, price)
	w.takings, w.tickets = w.takings+float64(price)*float64(sold), w.tickets+float64(sold)
	w.days = append(w.days, Day{Forecast: w.Ahead[i], Ratio: float64(price) / float64(w.Limits.List), Sold: float64(sold), Full: w.Left == 0})
}

// tally gathers runs.
type tally struct {
	kept, moved, gain, stayed, sold []float64
	prices                          [][]float64 // by day
	better, changes                 float64
}

func newTally(days int) *tally { return &tally{prices: make([][]float64, days)} }

func (t *tally) add(w *seller, kept, stayed float64) {
	t.kept, t.moved = append(t.kept, kept), append(t.moved, w.takings)
	t.stayed, t.sold = append(t.stayed, stayed), append(t.sold, w.tickets)
	t.gain = append(t.gain, gain(kept, w.takings))
	if w.takings > kept {
		t.better++
	}
	t.changes += float64(w.changes)
	for i, p := range w.prices {
		t.prices[i] = append(t.prices[i], float64(p))
	}
}

func (t *tally) simulation() Simulation {
	n := float64(len(t.kept))
	s := Simulation{Days: len(t.prices), Kept: spanOf(t.kept), Moved: spanOf(t.moved), Gain: spanOf(t.gain), Better: t.better / n, Changes: t.changes / n,
		Tickets: [2]Span{spanOf(t.stayed), spanOf(t.sold)}}
	for _, p := range t.prices {
		day := spanOf(p)
		s.Prices, s.Low, s.High = append(s.Prices, day.Mean), append(s.Low, int64(day.Low)), append(s.High, int64(day.High))
	}
	return s
}

func spanOf(x []float64) Span {
	slices.Sort(x)
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	n := len(x)
	return Span{sum / float64(n), x[n/10], x[n-1-n/10]}
}

// gamma5 has mean 1 and variance .2: the luck of a day.
func gamma5(r *rand.Rand) (sum float64) {
	for range 5 {
		sum += r.ExpFloat64() / 5
	}
	return sum
}

func poisson(r *rand.Rand, mean float64) (n int) {
	for gap := r.ExpFloat64(); gap < mean; gap += r.ExpFloat64() {
		n++
	}
	return n
}

// changed is how many of n buyers there are when demand is factor times as large.
func changed(r *rand.Rand, n int, factor float64) int {
	if factor > 1 {
		return n + poisson(r, float64(n)*(factor-1))
	}
	kept := 0
	for range n {
		if r.Float64() < factor {
			kept++
		}
	}
	return kept
}
