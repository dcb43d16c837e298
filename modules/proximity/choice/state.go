package choice

import (
	"encoding/json"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// stateVersion is raised when a state's meaning changes.
const stateVersion = 1

type envelope struct {
	Version int             `json:"v"`
	Policy  string          `json:"policy"`
	State   json.RawMessage `json:"state"`
}

// Encode writes a fitted policy as JSON.
func Encode(p Policy) ([]byte, error) {
	state, err := json.Marshal(p)
	if err == nil {
		state, err = json.Marshal(envelope{stateVersion, p.Name(), state})
	}
	if err != nil {
		return nil, fault.E("choice.Encode", fault.Internal, "a policy holds what is no number", err)
	}
	return state, nil
}

// Decode reads what Encode wrote. Errors: fault.Invalid for a state that is damaged, or
// of another version or policy: fit a new one then.
func Decode(state []byte) (Policy, error) {
	bad := func(err error) error {
		return fault.E("choice.Decode", fault.Invalid, "the state is not of a policy, version 1", err)
	}
	var e envelope
	if err := json.Unmarshal(state, &e); err != nil || e.Version != stateVersion {
		return nil, bad(err)
	}
	var p interface {
		Policy
		sound() bool
	}
	switch e.Policy {
	case (*Pooled)(nil).Name():
		p = &Pooled{}
	case (*LinUCB)(nil).Name():
		p = &LinUCB{}
	case (*Segments)(nil).Name():
		p = &Segments{}
	case Uniform{}.Name():
		return Uniform{}, nil
	default:
		return nil, bad(nil)
	}
	if err := json.Unmarshal(e.State, p); err != nil || !p.sound() {
		return nil, bad(err)
	}
	return p, nil
}

func (p *Pooled) sound() bool {
	size := 1 + p.Words.size() + len(p.Arms)*(1+p.Words.size())
	for _, theta := range p.Draws {
		if len(theta) != size {
			return false
		}
	}
	return len(p.Draws) > 0 && len(p.Mean) == size
}

func (l *LinUCB) sound() bool {
	n := l.Words.size() + 1
	for _, arm := range l.Arms {
		if arm == nil || len(arm.Theta) != n || len(arm.Inverse) != n*n {
			return false
		}
	}
	return true
}

func (s *Segments) sound() bool {
	for _, arms := range s.Counts {
		for _, t := range arms {
			if t.Bought < 0 || t.Sent < t.Bought || t.Sent > 1e12 {
				return false
			}
		}
	}
	return true
}
