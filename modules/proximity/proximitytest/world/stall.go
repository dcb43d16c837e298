package world

import (
	"math"
	"math/rand/v2"
)

// Customer is one person who queued, in seconds.
type Customer struct {
	Joined, Left float64
	App          bool    // carries the app
	From, To     float64 // between which the app's device counts as in the zone
}

// Counter is a simulated stall over an evening.
type Counter struct {
	Customers []Customer // by when they joined
	Seen      int        // tickets scanned at the doors whose holder was seen in the app
	Scanned   int
	Minutes   int
}

// OpenCounter simulates a stall with several servers, whose customers come in waves and
// who stand in one line, each with the app with chance share. Walk-ups thin out when the
// line is long; service has a lognormal length; one server takes a break.
func OpenCounter(seed uint64, share float64) Counter {
	r := rand.New(rand.NewPCG(seed, 0x57a11))
	servers := 3 + r.IntN(8)
	service := 25 + 25*r.Float64() // seconds
	capacity := float64(servers) / service
	c := Counter{Minutes: 180, Scanned: 400 + r.IntN(800)}
	for range c.Scanned {
		if r.Float64() < share {
			c.Seen++
		}
	}
	free := make([]float64, servers) // when each server is free again
	waves := [2]float64{40 + 20*r.Float64(), 115 + 30*r.Float64()}
	base := 0.7 + 0.2*r.Float64()
	var leaving []float64 // of those in the line
	for now := 0.0; ; {
		now += r.ExpFloat64() / (capacity * 1.7) // thinned below
		if now > float64(c.Minutes)*60 {
			break
		}
		waiting := leaving[:0]
		for _, l := range leaving {
			if l > now {
				waiting = append(waiting, l)
			}
		}
		leaving = waiting
		busy := base
		for _, w := range waves {
			busy += 0.6 * math.Exp(-(now/60-w)*(now/60-w)/250)
		}
		busy *= math.Exp(-float64(len(leaving)) / (30 * float64(servers)))
		if r.Float64() > busy/1.7 {
			continue
		}
		c.Customers = append(c.Customers, serve(r, now, free, service, share))
		leaving = append(leaving, c.Customers[len(c.Customers)-1].Left)
	}
	return c
}

// serve lets the server who is free first take the customer.
func serve(r *rand.Rand, now float64, free []float64, service, share float64) Customer {
	first := 0
	for k := range free {
		if free[k] < free[first] {
			first = k
		}
	}
	begun := max(now, free[first])
	const spread = 0.5
	free[first] = begun + service*math.Exp(spread*r.NormFloat64()-spread*spread/2)
	p := Customer{Joined: now, Left: free[first], App: r.Float64() < share && r.Float64() > 0.02}
	if r.Float64() < 0.003 {
		free[first] += 300 // the server's break
	}
	p.From, p.To = p.Joined+0.5+3*r.Float64(), p.Left+9+4*r.Float64()
	return p
}

// Inside is how many customers are in line or being served.
func (c *Counter) Inside(now float64) (n int) {
	for _, p := range c.Customers {
		if p.Joined <= now && now < p.Left {
			n++
		}
	}
	return n
}

// WaitOf is the mean time in the system of those who join in the half-minute around now;
// false if nobody does.
func (c *Counter) WaitOf(now float64) (seconds float64, ok bool) {
	n := 0.0
	for _, p := range c.Customers {
		if math.Abs(p.Joined-now) <= 30 {
			seconds += p.Left - p.Joined
			n++
		}
	}
	return seconds / max(n, 1), n > 0
}
