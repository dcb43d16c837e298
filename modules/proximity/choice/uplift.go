package choice

import "math"

// Lift is what an offer brings, against those who would have got it but for the holdout.
type Lift struct {
	Enough  bool    `json:"enough"` // false: too little data, and the rest means nothing
	Sent    int     `json:"sent"`
	Held    int     `json:"held"`
	Buys    float64 `json:"buys"` // difference in the share that bought
	BuysLow float64 `json:"buys_low"`
	BuysTop float64 `json:"buys_top"`
	Earns   float64 `json:"earns"` // difference in reward a person, minor units
	EarnLow float64 `json:"earns_low"`
	EarnTop float64 `json:"earns_top"`
}

// What must be there before an uplift is stated.
const (
	leastGroup  = 30 // people in each group
	leastBuyers = 5  // in both together
)

// Uplift compares, among decisions that intended an offer, those who got it with those
// who were held out. Intervals are of 95 %: Newcombe's for shares (which a holdout in
// which nobody bought does not break), Welch's for rewards.
//
// Source: R. G. Newcombe, Interval Estimation for the Difference Between Independent
// Proportions, Statistics in Medicine 17 (1998), method 10.
func Uplift(log []Record, offer string) Lift {
	var sent, held group
	for _, r := range log {
		if r.Intended < 0 || r.Intended >= len(r.Options) || r.Options[r.Intended].Offer != offer {
			continue
		}
		if r.Options[r.Intended].Held {
			held.add(r)
		} else {
			sent.add(r)
		}
	}
	l := Lift{Sent: int(sent.n), Held: int(held.n)}
	if sent.n < leastGroup || held.n < leastGroup || sent.bought+held.bought < leastBuyers {
		return l
	}
	l.Enough = true
	p1, low1, high1 := sent.wilson()
	p2, low2, high2 := held.wilson()
	l.Buys = p1 - p2
	l.BuysLow = l.Buys - math.Hypot(p1-low1, high2-p2)
	l.BuysTop = l.Buys + math.Hypot(high1-p1, p2-low2)
	l.Earns = sent.mean() - held.mean()
	half := 1.96 * math.Sqrt(sent.error()+held.error())
	l.EarnLow, l.EarnTop = l.Earns-half, l.Earns+half
	return l
}

type group struct{ n, bought, sum, square float64 }

func (g *group) add(r Record) {
	g.n++
	if r.Bought {
		g.bought++
	}
	g.sum += r.Reward
	g.square += r.Reward * r.Reward
}

func (g *group) mean() float64 { return g.sum / g.n }

// error is the squared standard error of the mean.
func (g *group) error() float64 {
	return max(g.square/g.n-g.mean()*g.mean(), 0) / (g.n - 1)
}

// wilson is the share that bought with Wilson's 95 % interval.
func (g *group) wilson() (p, low, high float64) {
	const z = 1.96
	p = g.bought / g.n
	centre := (p + z*z/(2*g.n)) / (1 + z*z/g.n)
	half := z * math.Sqrt(p*(1-p)/g.n+z*z/(4*g.n*g.n)) / (1 + z*z/g.n)
	return p, centre - half, centre + half
}
