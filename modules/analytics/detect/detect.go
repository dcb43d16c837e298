// Package detect finds changes in series of numbers, one bin at a time.
//
//   - Shift: the rate of counts went up or down and stays there (buying volume,
//     page views, posts). A two-sided Poisson CUSUM with calibrated thresholds.
//   - SpikeAndDip: one value does not fit its predecessors.
//   - ChangePoint: the distribution of values has changed for good.
//
// The last two take the parameters of Azure Stream Analytics'
// AnomalyDetection_SpikeAndDip and AnomalyDetection_ChangePoint, so that whoever
// knows those finds them; the algorithms are our own.
//
// Everything is deterministic and without I/O. A detector's state is plain data:
// Encode writes it, Decode reads it, so it survives a restart between any two bins.
package detect

import (
	"encoding/json"
	"fmt"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Direction is which way a series went.
type Direction string

// The directions.
const (
	Up   Direction = "up"
	Down Direction = "down"
)

// Alarm is a change that a detector is sure of.
type Alarm struct {
	Direction Direction
	Baseline  float64 // what was expected of a bin
	Observed  float64 // mean of the bins since the change began
	Bins      int     // since the change began, the one of the alarm included
	Score     float64 // the detector's own evidence; see each
}

// Ratio is observed to expected; 0 when nothing was expected.
func (a Alarm) Ratio() float64 {
	if a.Baseline <= 0 {
		return 0
	}
	return a.Observed / a.Baseline
}

// stateVersion is raised when a state's meaning changes: an older one then starts anew.
const stateVersion = 1

type envelope[T any] struct {
	Version int    `json:"v"`
	Kind    string `json:"k"`
	State   T      `json:"s"`
}

// Encode writes a detector's state: compact JSON, a few hundred bytes.
func Encode[T Shift | SpikeAndDip | ChangePoint](d *T) ([]byte, error) {
	b, err := json.Marshal(envelope[*T]{stateVersion, kindOf[T](), d})
	if err != nil {
		return nil, fault.E("detect.Encode", fault.Internal, "a detector's state holds what is no number", err)
	}
	return b, nil
}

// Decode reads what Encode wrote. Errors: fault.Invalid for the state of another
// kind or version, or one that is damaged: begin with a new detector then.
func Decode[T Shift | SpikeAndDip | ChangePoint](state []byte) (*T, error) {
	e := envelope[*T]{State: new(T)}
	if err := json.Unmarshal(state, &e); err != nil || e.Version != stateVersion || e.Kind != kindOf[T]() || e.State == nil {
		return nil, fault.E("detect.Decode", fault.Invalid, "the state is not of a "+kindOf[T]()+fmt.Sprintf(", version %d", stateVersion), err)
	}
	if c, ok := any(e.State).(interface{ sound() bool }); ok && !c.sound() {
		return nil, fault.E("detect.Decode", fault.Invalid, "the state of a "+kindOf[T]()+" contradicts itself", nil)
	}
	return e.State, nil
}

func kindOf[T any]() string {
	var t T
	switch any(t).(type) {
	case Shift:
		return "shift"
	case SpikeAndDip:
		return "spike_and_dip"
	}
	return "change_point"
}
