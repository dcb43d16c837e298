package queueing

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Estimator holds what one stall's queue looked like. The zero value is ready.
//
// Two views are blended by the inverse of their variances:
//
//	N_A = max(0, n/p̂ − X·(δ_exit − δ_enter)), smoothed with weight 0.35
//	N_B = X · mean of the last 5 stays, none older than 15 min  (Little's law)
//
// n devices, p̂ the share of visitors with the app, X the till's completions over 300 s,
// δ the delays with which the zone notices an exit and an enter. The wait is N / X, or,
// without sales, the stay of the last who entered service.
//
// Source: J. D. C. Little, A Proof for the Queuing Formula L = λW, Oper. Res. 9 (1961);
// R. Ibrahim and W. Whitt, Real-Time Delay Estimation Based on Delay History, M&SOM 11 (2009).
type Estimator struct {
	Smoothed float64 `json:"a"` // N_A
	Begun    bool    `json:"b"`
	Stays    []Stay  `json:"s,omitempty"` // the last ones, by when they ended
}

const (
	weight     = 0.35
	exitDelay  = 11 * time.Second // an exit of a queue's zone is noticed after 10 s of silence
	enterDelay = 2 * time.Second
	mostStays  = 5
	stayAge    = 15 * time.Minute
	fewDevices = 3
	fewSales   = 5
	z80        = 1.2816 // the normal quantile at 0.9

	// What the views err by beyond chance, fitted on simulated stalls (see the docs).
	memory = 0.7  // of the chance of (1−p)/p, what smoothing leaves
	driftA = 0.19 // share of N_A: the lag of smoothing, devices asleep
	driftB = 0.5  // share of N_B: a stay tells of the queue when it began
	stayCV = 0.35 // coefficient of variation of stays, as a prior worth two of them
)

// view is one estimate of people. Its variance, were there n, is single·n + relative·n² + ½.
type view struct {
	people, single, relative float64
	known                    bool
}

func (v view) variance(n float64) float64 { return v.single*n + v.relative*n*n + 0.5 }

// Update takes what is known now. Minutes come in the order of time.
func (e *Estimator) Update(m Minute) Estimate {
	e.keep(m)
	rate := float64(max(m.Sales, 0)) / SalesWindow.Minutes()
	if m.NoTill {
		rate = 0
	}
	share := float64(m.Seen+1) / float64(max(m.Scanned, m.Seen)+2)
	out := Estimate{At: m.At, Status: InsufficientData, Served: rate}
	a := e.fromDevices(m, share, rate)
	if m.Devices < fewDevices && (m.Sales < fewSales || m.NoTill) {
		return out
	}
	b := e.fromStays(rate, m)
	people, variance := blend(a, b)
	out.Status, out.People = Known, people
	out.Low, out.High = interval(people, variance)
	e.wait(&out, variance, rate, m)
	return out
}

// keep remembers the stays that ended last.
func (e *Estimator) keep(m Minute) {
	for _, s := range m.Stays {
		if s.Left.After(s.Joined) {
			e.Stays = append(e.Stays, s)
		}
	}
	slices.SortStableFunc(e.Stays, func(a, b Stay) int { return cmp.Compare(a.Left.UnixNano(), b.Left.UnixNano()) })
	e.Stays = slices.DeleteFunc(e.Stays, func(s Stay) bool { return m.At.Sub(s.Left) > stayAge })
	if over := len(e.Stays) - mostStays; over > 0 {
		e.Stays = slices.Delete(e.Stays, 0, over)
	}
}

// fromDevices is N_A. Its variance: each visitor carries the app with chance p, so
// n/p̂ varies by N(1−p)/p, and p̂ itself is a share of the tickets scanned.
func (e *Estimator) fromDevices(m Minute, p, rate float64) view {
	raw := max(0, float64(m.Devices)/p-rate*(exitDelay-enterDelay).Minutes())
	if !e.Begun {
		e.Smoothed, e.Begun = raw, true
	}
	e.Smoothed += weight * (raw - e.Smoothed)
	unsure := (1 - p) / (p * float64(max(m.Scanned, m.Seen)+2)) // relative variance of p̂
	return view{e.Smoothed, memory * (1 - p) / p, driftA*driftA + unsure, true}
}

// fromStays is N_B; not known without sales or stays.
func (e *Estimator) fromStays(rate float64, m Minute) view {
	if rate == 0 || len(e.Stays) == 0 {
		return view{}
	}
	stay, variation := e.meanStay()
	n := rate * stay.Minutes()
	return view{n, 0, 0.5/float64(m.Sales) + variation/float64(len(e.Stays)) + driftB*driftB, true}
}

// meanStay is the mean, and the squared coefficient of variation, of the stays kept.
func (e *Estimator) meanStay() (stay time.Duration, variation float64) {
	var sum, square float64
	k := float64(len(e.Stays))
	for _, s := range e.Stays {
		sum += s.Left.Sub(s.Joined).Minutes()
	}
	mean := sum / k
	for _, s := range e.Stays {
		d := s.Left.Sub(s.Joined).Minutes() - mean
		square += d * d
	}
	variation = (2*stayCV*stayCV + square/(mean*mean)) / (1 + k)
	return time.Duration(mean * float64(time.Minute)), variation
}

// blend weighs both views by the inverse of their variances, each as it would be with as
// many people as both say together; with its own estimate the lower view would weigh more.
func blend(a, b view) (people, variance float64) {
	if !b.known {
		return a.people, a.variance(max(a.people, 1))
	}
	n := max((a.people+b.people)/2, 1)
	wa, wb := 1/a.variance(n), 1/b.variance(n)
	return (wa*a.people + wb*b.people) / (wa + wb), 1 / (wa + wb)
}

// interval is the 80 % interval, on the scale of square roots, where counts are even.
func interval(people, variance float64) (low, high float64) {
	root := math.Sqrt(people)
	half := z80 * math.Sqrt(variance) / 2 / max(root, 1)
	low = max(root-half, 0)
	return low * low, (root + half) * (root + half)
}

// wait adds N / X, or the stay of the last to enter service.
func (e *Estimator) wait(out *Estimate, variance, rate float64, m Minute) {
	minutes := func(x float64) time.Duration {
		return time.Duration(min(x, 24*60) * float64(time.Minute)).Round(time.Second)
	}
	switch {
	case rate > 0:
		relative := math.Sqrt(variance/max(out.People*out.People, 1) + 0.3/float64(m.Sales))
		w := out.People / rate
		spread := math.Exp(z80 * min(relative, 2))
		out.Waits, out.Wait, out.WaitLow, out.WaitTop = true, minutes(w), minutes(w/spread), minutes(w*spread)
	case len(e.Stays) > 0:
		last := e.Stays[len(e.Stays)-1]
		w := last.Left.Sub(last.Joined).Minutes()
		_, variation := e.meanStay()
		spread := math.Exp(z80 * min(math.Sqrt(variation+driftB*driftB), 2))
		out.Waits, out.Wait, out.WaitLow, out.WaitTop = true, minutes(w), minutes(w/spread), minutes(w*spread)
	}
}
