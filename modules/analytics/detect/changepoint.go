package detect

import "math"

// ChangePoint tells when the values of a series have changed for good, whatever
// their distribution.
//
// Each value gets a conformal p-value: the rank of its distance from the median
// among the distances of the reference, which is the history without its newest
// quarter, so that a change does not become normal while it is still being
// judged. Small p-values are bet upon: S = max(0, S + ln b(p)), b(p) = ε·p^(ε−1)
// with ε = 0.3. As a fair bet gains nothing in peace, exp(S) is an e-detector, and
// its mean time to reach a level is at least that level. The alarm is at
// exp(S) = HistorySize / (1 − Confidence/100), so that a share of at most
// 1 − Confidence/100 of histories in peace sees one. Then it begins anew with the
// values since the change.
//
// Confidence and HistorySize are those of Azure Stream Analytics'
// AnomalyDetection_ChangePoint; the alarm's Score is S.
// Source: V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World
// (2005), exchangeability martingales; J. Shin, A. Ramdas, A. Rinaldo, E-detectors,
// New England J. of Statistics in Data Science 2 (2024).
type ChangePoint struct {
	Confidence  float64 `json:"c"` // percent, 1 … 100; 100 never alarms
	HistorySize int     `json:"n"` // values
	History     past    `json:"h"`
	Evidence    cusum   `json:"s"`
}

// bet is ε: the smaller, the more is bet on a few very strange values.
const bet = 0.3

// NewChangePoint makes a detector without a past; parameters outside their ranges
// are brought into them.
func NewChangePoint(confidence float64, historySize int) *ChangePoint {
	confidence, historySize = bounded(confidence, historySize)
	return &ChangePoint{Confidence: confidence, HistorySize: historySize}
}

// Ready reports whether there is enough history to judge by.
func (d *ChangePoint) Ready() bool { return len(d.reference()) >= leastValues }

// Expected is the reference's median; 0 without any.
func (d *ChangePoint) Expected() float64 {
	if len(d.reference()) == 0 {
		return 0
	}
	median, _ := d.reference().centre()
	return median
}

// reference is the history without its newest quarter, once there is enough of it.
func (d *ChangePoint) reference() past {
	newest := min(d.HistorySize/4, max(len(d.History)-leastValues, 0))
	return d.History[:len(d.History)-newest]
}

// Update takes the next value. One that is no number is passed over.
func (d *ChangePoint) Update(x float64) (Alarm, bool) {
	if !finite(x) {
		return Alarm{}, false
	}
	reference := d.reference()
	if len(reference) < leastValues {
		d.History.push(x, d.HistorySize)
		return Alarm{}, false
	}
	median, _ := reference.centre()
	p := strangeness(reference, median, x)
	d.History.push(x, d.HistorySize)
	d.Evidence.add(math.Log(bet) + (bet-1)*math.Log(p))
	if math.Exp(d.Evidence.S)*(1-d.Confidence/100) < float64(d.HistorySize) {
		return Alarm{}, false
	}
	since := d.History[max(len(d.History)-d.Evidence.Bins, 0):]
	now, _ := since.centre()
	a := Alarm{Direction: Up, Baseline: median, Observed: now, Bins: d.Evidence.Bins, Score: d.Evidence.S}
	if now < median {
		a.Direction = Down
	}
	d.History, d.Evidence = append(past(nil), since...), cusum{}
	return a, true
}

// strangeness is the conformal p-value of x: the share of the reference at least as
// far from its median, x itself included. A tie counts half, so that p is ½ on
// average in peace without a die to cast.
func strangeness(reference past, median, x float64) float64 {
	far := math.Abs(x - median)
	p := 0.5
	for _, y := range reference {
		switch d := math.Abs(y - median); {
		case d > far:
			p++
		case d == far:
			p += 0.5
		}
	}
	return p / float64(len(reference)+1)
}

func (d *ChangePoint) sound() bool {
	return d.HistorySize >= leastValues && d.HistorySize <= maxSize && len(d.History) <= d.HistorySize && d.Confidence >= 1 && d.Confidence <= 100
}
