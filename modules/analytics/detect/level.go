package detect

// level is what is known of a series in peace: its rate for a seasonal phase of 1,
// and its dispersion.
//
// Both are weighted means over past bins. The weights fall off so that the effective
// number of bins (Kish's (Σw)²/Σw²) grows with the history up to Shift.History and
// stays there: bin k from the start gets the weight 1/k until the weight of a mean
// with a constant gain g has the variance g/(2−g) = 1/History.
type level struct {
	Sum      float64 `json:"x"` // weighted mean of counts
	Exposure float64 `json:"e"` // weighted mean of phases
	Pearson  float64 `json:"p"` // weighted mean of (count − expected)² / expected
	Gain     float64 `json:"g"` // weight of the newest bin; 0: none yet
	Variance float64 `json:"w"` // Σw² of weights that add up to 1; 1/Variance bins are behind the means
}

// bins is the effective number of bins behind the estimates.
func (l *level) bins() float64 {
	if l.Variance <= 0 {
		return 0
	}
	return 1 / l.Variance
}

// rate is the expected count at phase 1.
func (l *level) rate() float64 {
	if l.Exposure <= 0 {
		return 0
	}
	return max(l.Sum/l.Exposure, minRate)
}

// dispersion is variance to mean; 1 for a Poisson series.
func (l *level) dispersion() float64 {
	if l.Pearson > dispersionFrom {
		return l.Pearson
	}
	return 1
}

const (
	dispersionFrom = 1.2  // below, a series counts as Poisson
	minRate        = 0.05 // a baseline of nothing would make the first count infinitely surprising
)

// learn takes one bin into the estimates. The bin's surprise is measured against the
// estimates before it, so that a young level does not fit itself.
func (l *level) learn(count, phase, history float64) {
	if l.Gain == 0 {
		*l = level{Sum: count, Exposure: phase, Pearson: 1, Gain: 1, Variance: 1}
		return
	}
	expected := l.rate() * phase
	l.Gain = max(l.Gain/(1+l.Gain), 2/(history+1))
	g := l.Gain
	// The estimate's own error belongs to the surprise: its variance is expected · Σw².
	surprise := (count - expected) * (count - expected) / (expected * (1 + l.Variance))
	l.Sum += g * (count - l.Sum)
	l.Exposure += g * (phase - l.Exposure)
	l.Pearson += g * (surprise - l.Pearson)
	l.Variance = (1-g)*(1-g)*l.Variance + g*g
}
