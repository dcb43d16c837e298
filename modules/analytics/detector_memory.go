package analytics

import (
	"encoding/json"
	"time"

	"github.com/usherhq/usher/modules/analytics/detect"
)

// memory is what a series is remembered by: one detector's state, its season, the
// hour that is being added up, and the latest bins for the chart.
type memory struct {
	State    json.RawMessage `json:"state,omitempty"` // see detect.Encode
	Season   detect.Season   `json:"season,omitzero"`
	Hour     detect.Hour     `json:"hour,omitzero"`
	Observed []float32       `json:"observed"` // the latest bins, the oldest first; those without enough posts are left out
	Expected []float32       `json:"expected"`
	Ends     []int64         `json:"ends"` // Unix seconds
}

const (
	chartBins     = 120
	postsForAMean = 20 // fewer posts make no mean
)

// verdict is what judging one bin of a series led to.
type verdict struct {
	Observed, Expected float64
	Counted            bool // false: too few posts to say anything
	Ready              bool
	Alarm              detect.Alarm
	Alarmed            bool
	HourDone           *detect.Hour // an hour that is complete
}

// judge takes a series' next bin.
func (m *memory) judge(w *watched, ends time.Time, b binCount) (v verdict, err error) {
	v.Observed, v.Counted = float64(b.N), true
	if w.Method == methodSentiment {
		if v.Counted = b.N >= postsForAMean; v.Counted {
			v.Observed = b.Total / float64(b.N)
		}
	}
	switch w.Method {
	case methodShift:
		err = m.judgeShift(w, ends, &v)
	case methodSpike:
		err = judgeWith(m, &v, func() *detect.SpikeAndDip {
			return detect.NewSpikeAndDip(w.Confidence, w.HistorySize, detect.Mode(w.Mode))
		}, func(d *detect.SpikeAndDip) bool {
			return d.Confidence == w.Confidence && d.HistorySize == w.HistorySize && d.Mode == detect.Mode(w.Mode)
		})
	default:
		err = judgeWith(m, &v, func() *detect.ChangePoint { return detect.NewChangePoint(w.Confidence, w.HistorySize) },
			func(d *detect.ChangePoint) bool {
				return d.Confidence == w.Confidence && d.HistorySize == w.HistorySize
			})
	}
	if v.Counted && err == nil {
		m.remember(ends, v)
	}
	return v, err
}

// judgeShift also learns the season, hour by hour.
func (m *memory) judgeShift(w *watched, ends time.Time, v *verdict) (err error) {
	d, err := detect.Decode[detect.Shift](m.State)
	if err != nil || int(d.History) != w.HistorySize {
		d = detect.NewShift(w.HistorySize)
	}
	phase := m.Season.At(ends)
	v.Expected = d.Expected(phase)
	v.Alarm, v.Alarmed = d.Update(v.Observed, phase)
	v.Ready = d.Ready()
	v.HourDone = m.addHour(ends, v.Observed)
	m.State, err = detect.Encode(d)
	return err
}

// addHour adds a bin to its hour and gives the hour before when that is over.
func (m *memory) addHour(ends time.Time, count float64) (done *detect.Hour) {
	start := ends.Add(-time.Microsecond).Truncate(time.Hour)
	if !m.Hour.Start.Equal(start) {
		if m.Hour.Bins > 0 {
			over := m.Hour
			done = &over
		}
		m.Hour = detect.Hour{Start: start}
	}
	m.Hour.Total += count
	m.Hour.Bins++
	return done
}

// judge is a detector of values.
type judge[T any] interface {
	*T
	Update(float64) (detect.Alarm, bool)
	Expected() float64
	Ready() bool
}

// judgeWith runs a detector of values; one whose parameters were changed begins anew.
func judgeWith[T detect.SpikeAndDip | detect.ChangePoint, D judge[T]](m *memory, v *verdict, fresh func() *T, fits func(*T) bool) error {
	d, err := detect.Decode[T](m.State)
	if err != nil || !fits(d) {
		d = fresh()
	}
	v.Expected, v.Ready = D(d).Expected(), D(d).Ready()
	if !v.Counted {
		return nil
	}
	v.Alarm, v.Alarmed = D(d).Update(v.Observed)
	v.Ready = D(d).Ready()
	m.State, err = detect.Encode(d)
	return err
}

// remember keeps the bin for the chart.
func (m *memory) remember(ends time.Time, v verdict) {
	m.Observed = lastOf(append(m.Observed, float32(v.Observed)))
	m.Expected = lastOf(append(m.Expected, float32(v.Expected)))
	m.Ends = lastOf(append(m.Ends, ends.Unix()))
}

func lastOf[T any](s []T) []T { return s[max(len(s)-chartBins, 0):] }
