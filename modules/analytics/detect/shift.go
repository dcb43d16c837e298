package detect

import "math"

// Shift tells when the rate of a count has risen or fallen.
//
// Two CUSUMs of Poisson log-likelihood ratios run side by side:
//
//	S⁺ ← max(0, S⁺ + x·ln r⁺ − λ₀(r⁺ − 1)),   S⁻ ← max(0, S⁻ + x·ln r⁻ + λ₀(1 − r⁻))
//
// with r = 1.4 and 0.6, or 1.2 and 0.8 where λ₀ ≥ 100. λ₀ is the bin's seasonal phase
// times the level that the detector estimates itself; an over-dispersed series
// (φ > 1.2) has x and λ₀ divided by φ. An alarm is S ≥ h(λ₀, bins behind the estimate):
// thresholds_table.go, calibrated so that a series in peace alarms at most once in
// 1,440 bins although its baseline is estimated.
//
// A bin enters the baseline only when it is `lag` bins old, so that a shift does not
// teach the baseline to expect it. After an alarm the level is estimated anew from
// the bins since the change began, and the detector is mute for 10 bins.
//
// Source: J. M. Lucas, Counted Data CUSUM's, Technometrics 27 (1985); G. Moustakides,
// Optimal Stopping Times for Detecting Changes in Distributions, Ann. Stat. 14 (1986).
type Shift struct {
	History float64   `json:"n"` // bins the baseline remembers, effectively
	Level   level     `json:"l"`
	Up      cusum     `json:"u"`
	Down    cusum     `json:"d"`
	Mute    int       `json:"m,omitempty"` // bins to stay silent
	Recent  []binSeen `json:"r,omitempty"` // not yet in the baseline, the oldest first
}

// cusum is one side's evidence.
type cusum struct {
	S    float64 `json:"s"`
	Bins int     `json:"b"` // since S was zero
}

type binSeen struct {
	Count float64 `json:"c"`
	Phase float64 `json:"p"`
}

const (
	lag       = 15 // bins before a bin enters the baseline
	muteBins  = 10 // after an alarm
	warmUp    = 12 // bins behind the baseline before the first alarm
	largeRate = 100.0

	// DefaultHistory is how many bins the baseline of a Shift remembers: eight hours of minutes.
	DefaultHistory = 480
	minHistory     = 30
)

// sides are the ratios that the CUSUMs look for, with their logarithms.
var sides = [2]struct{ up, down, lnUp, lnDown float64 }{
	{1.4, 0.6, math.Log(1.4), math.Log(0.6)},
	{1.2, 0.8, math.Log(1.2), math.Log(0.8)},
}

// NewShift makes a detector without a past. history is in bins, ≥ 30; 0: DefaultHistory.
func NewShift(history int) *Shift {
	if history == 0 {
		history = DefaultHistory
	}
	return &Shift{History: float64(max(history, minHistory))}
}

// Expected is the count that a bin of the given phase should have; 0 before the
// detector knows.
func (s *Shift) Expected(phase float64) float64 { return s.Level.rate() * sane(phase) }

// Ready reports whether the baseline is good enough to alarm.
func (s *Shift) Ready() bool { return s.Mute == 0 && s.Level.bins() >= warmUp }

// Learn takes a bin of history into the baseline without judging it.
func (s *Shift) Learn(count, phase float64) {
	s.Level.learn(max(count, 0), sane(phase), s.History)
}

// Update takes the next bin: its count, ≥ 0, and its seasonal phase, 1 on average.
// The alarm's Score is S.
func (s *Shift) Update(count, phase float64) (Alarm, bool) {
	count, phase = max(count, 0), sane(phase)
	if s.Mute > 0 || s.Level.bins() < warmUp {
		s.Mute = max(s.Mute-1, 0)
		s.Learn(count, phase)
		return Alarm{}, false
	}
	rate := s.weigh(count, phase, s.Level.rate()*phase/s.Level.dispersion() >= largeRate)
	h := threshold(rate, s.Level.bins())
	switch {
	case s.Up.S >= h && s.Up.S >= s.Down.S:
		return s.alarm(Up, s.Up), true
	case s.Down.S >= h:
		return s.alarm(Down, s.Down), true
	}
	return Alarm{}, false
}

// weigh takes a bin into both CUSUMs and returns the rate it was compared with.
func (s *Shift) weigh(count, phase float64, large bool) float64 {
	s.push(count, phase)
	phi := s.Level.dispersion()
	x, rate := count/phi, s.Level.rate()*phase/phi
	side := &sides[0]
	if large {
		side = &sides[1]
	}
	s.Up.add(x*side.lnUp - rate*(side.up-1))
	s.Down.add(x*side.lnDown + rate*(1-side.down))
	return rate
}

func (c *cusum) add(z float64) {
	c.S += z
	c.Bins++
	if c.S <= 0 {
		*c = cusum{}
	}
}

// push remembers a bin and lets the oldest into the baseline when there are too many.
func (s *Shift) push(count, phase float64) {
	if len(s.Recent) == lag {
		old := s.Recent[0]
		copy(s.Recent, s.Recent[1:])
		s.Recent = s.Recent[:lag-1]
		s.Level.learn(old.Count, old.Phase, s.History)
	}
	if s.Recent == nil {
		s.Recent = make([]binSeen, 0, lag)
	}
	s.Recent = append(s.Recent, binSeen{count, phase})
}

// alarm describes the change and begins anew on the level it led to.
func (s *Shift) alarm(to Direction, c cusum) Alarm {
	since := s.Recent[max(len(s.Recent)-c.Bins, 0):]
	fresh := level{}
	var counts, phases float64
	for _, b := range since {
		fresh.learn(b.Count, b.Phase, s.History)
		counts, phases = counts+b.Count, phases+b.Phase
	}
	fresh.Pearson = s.Level.Pearson
	mean := phases / float64(len(since))
	a := Alarm{Direction: to, Baseline: s.Level.rate() * mean, Observed: counts / float64(len(since)), Bins: c.Bins, Score: c.S}
	s.Level, s.Up, s.Down, s.Recent, s.Mute = fresh, cusum{}, cusum{}, s.Recent[:0], muteBins
	return a
}

// sane keeps a phase positive.
func sane(phase float64) float64 {
	if !(phase > minPhase) { // NaN too
		return minPhase
	}
	return min(phase, maxPhase)
}

const minPhase, maxPhase = 0.01, 100

func (s *Shift) sound() bool {
	return s.History >= minHistory && len(s.Recent) <= lag && s.Mute >= 0 && s.Level.Variance >= 0 && s.Level.Gain >= 0
}
