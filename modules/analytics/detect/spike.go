package detect

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Mode says which anomalies a SpikeAndDip reports.
type Mode string

// The modes, by the names of the reference.
const (
	Spikes        Mode = "spikes"
	Dips          Mode = "dips"
	SpikesAndDips Mode = "spikesanddips"
)

// SpikeAndDip tells which single values do not fit their predecessors.
//
// A value's distance from the history's median, in robust standard deviations, is
// compared with Student's t of n − 1 degrees of freedom. It is an anomaly when its
// p-value is below 1 − Confidence/100: in peace, that share of normal values. The
// history holds anomalies too; a median does not mind them.
//
// Confidence, HistorySize and Mode are those of Azure Stream Analytics'
// AnomalyDetection_SpikeAndDip, and the alarm's Score is its Score, the p-value.
// Source: the modified z-score of B. Iglewicz and D. Hoaglin, How to Detect and
// Handle Outliers (1993).
type SpikeAndDip struct {
	Confidence  float64 `json:"c"` // percent, 1 … 100; 100 never alarms
	HistorySize int     `json:"n"` // values
	Mode        Mode    `json:"m"`
	History     past    `json:"h"`
}

// NewSpikeAndDip makes a detector without a past; parameters outside their ranges
// are brought into them, another mode is SpikesAndDips.
func NewSpikeAndDip(confidence float64, historySize int, mode Mode) *SpikeAndDip {
	confidence, historySize = bounded(confidence, historySize)
	if mode != Spikes && mode != Dips {
		mode = SpikesAndDips
	}
	return &SpikeAndDip{Confidence: confidence, HistorySize: historySize, Mode: mode}
}

// Ready reports whether there is enough history to judge by.
func (d *SpikeAndDip) Ready() bool { return len(d.History) >= leastValues }

// Expected is the history's median; 0 without any.
func (d *SpikeAndDip) Expected() float64 {
	if len(d.History) == 0 {
		return 0
	}
	median, _ := d.History.centre()
	return median
}

// Update takes the next value. One that is no number is passed over.
func (d *SpikeAndDip) Update(x float64) (Alarm, bool) {
	if !finite(x) {
		return Alarm{}, false
	}
	defer func() { d.History.push(x, d.HistorySize) }()
	if !d.Ready() {
		return Alarm{}, false
	}
	median, scale := d.History.centre()
	a := Alarm{Direction: Up, Baseline: median, Observed: x, Bins: 1, Score: 1}
	if x < median {
		a.Direction = Down
	}
	if a.Direction == Up && d.Mode == Dips || a.Direction == Down && d.Mode == Spikes || x == median {
		return Alarm{}, false
	}
	a.Score = 0 // of a value unlike a history in which all are equal
	if scale > 0 {
		a.Score = tail(math.Abs(x-median)/scale, float64(len(d.History)-1))
		if d.Mode == SpikesAndDips {
			a.Score *= 2
		}
	}
	return a, a.Score < 1-d.Confidence/100
}

// tail is P(T > t) of Student's t, t ≥ 0.
// Source: half the regularised incomplete beta I(ν/(ν+t²); ν/2, ½).
func tail(t, freedom float64) float64 {
	return mathext.RegIncBeta(freedom/2, 0.5, freedom/(freedom+t*t)) / 2
}

func (d *SpikeAndDip) sound() bool {
	return d.HistorySize >= leastValues && d.HistorySize <= maxSize && len(d.History) <= d.HistorySize && d.Confidence >= 1 && d.Confidence <= 100
}
