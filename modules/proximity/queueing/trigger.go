package queueing

import "time"

// Trigger tells when a queue has become long (or, with Below, short), once and not at
// every wobble: it fires after two bins in a row beyond Level, is over when the queue is
// back at 0.7 of it (Below: at Level / 0.7), and does not fire again within ten minutes.
type Trigger struct {
	Level float64 `json:"level"` // people
	Below bool    `json:"below,omitempty"`

	Bins  int       `json:"bins,omitempty"` // beyond Level, in a row
	On    bool      `json:"on,omitempty"`
	Fired time.Time `json:"fired,omitzero"`
}

// Signal is a change of a Trigger.
type Signal string

// The signals. None is no change.
const (
	None    Signal = ""
	Raised  Signal = "raised"
	Cleared Signal = "cleared"
)

const (
	binsToRaise = 2
	clearShare  = 0.7
	// CoolDown is how long a Trigger is silent after it fired.
	CoolDown = 10 * time.Minute
)

// Update takes the next estimate. One without data neither raises nor clears.
func (t *Trigger) Update(e Estimate) Signal {
	if e.Status != Known {
		t.Bins = 0
		return None
	}
	beyond, back := e.People >= t.Level, e.People <= clearShare*t.Level
	if t.Below {
		beyond, back = e.People <= t.Level, e.People >= t.Level/clearShare
	}
	if !beyond {
		t.Bins = 0
	} else if t.Bins < binsToRaise {
		t.Bins++
	}
	switch {
	case t.On && back:
		t.On = false
		return Cleared
	case !t.On && t.Bins == binsToRaise && (t.Fired.IsZero() || e.At.Sub(t.Fired) >= CoolDown):
		t.On, t.Fired = true, e.At
		return Raised
	}
	return None
}
