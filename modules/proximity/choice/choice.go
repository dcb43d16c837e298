// Package choice picks which offer, or none, a person gets now, and judges how well that
// is done.
//
// A Policy gives each Option a probability; Decide draws one, takes the holdout into
// account, and returns a Record that holds all a later judgement needs: what could have
// been chosen, what was, with which propensity, and, once known, the reward. From such
// records policies are fitted (FitPooled, FitLinUCB, FitSegments), judged offline before
// they replace another (Evaluate, Compare), and the offers' uplift is measured (Uplift).
// Everything is deterministic: chance comes in from outside.
package choice

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Context is what is known of the moment. Empty fields mean unknown.
type Context struct {
	Zone      string  `json:"zone,omitempty"`
	Segment   string  `json:"segment,omitempty"`
	Hour      float64 `json:"hour"`      // since the doors opened
	Queue     float64 `json:"queue"`     // people in the offer's queue
	Purchases float64 `json:"purchases"` // of this person so far
	Paid      float64 `json:"paid"`      // for the ticket, minor units
}

// Kind is the form of an offer; it sets what is believed before there is data.
type Kind string

// The kinds. None is the option to send nothing; its Kind may be left empty.
const (
	None    Kind = "none"
	Percent Kind = "percent"
	Amount  Kind = "amount"
	Item    Kind = "item"
)

// Option is something that could be done now.
type Option struct {
	Offer string  `json:"offer"` // "" is none
	Kind  Kind    `json:"kind"`
	Value float64 `json:"value"`           // what the promoter earns if the person buys then, minor units
	Depth float64 `json:"depth,omitempty"` // share of the price given away
	Held  bool    `json:"held,omitempty"`  // the person is in the offer's holdout: choosing it does nothing
}

// Policy is a way to choose.
type Policy interface {
	// Name tells policies apart in the log.
	Name() string
	// Probabilities are those with which each option is chosen; they add up to 1.
	Probabilities(c Context, options []Option) []float64
}

// Record is one decision and what came of it. Options[0] is none.
type Record struct {
	At         time.Time `json:"at"`
	Policy     string    `json:"policy"`
	Context    Context   `json:"context"`
	Options    []Option  `json:"options"`
	Intended   int       `json:"intended"`   // what the policy drew
	Chosen     int       `json:"chosen"`     // what was done: none when Intended is held
	Propensity float64   `json:"propensity"` // with which Chosen is done
	Bought     bool      `json:"bought"`     // within the offer's validity
	Reward     float64   `json:"reward"`     // what the promoter earned, minor units
}

// option is the one that was done; of a damaged record, none.
func (r *Record) option() Option {
	if r.Chosen < 0 || r.Chosen >= len(r.Options) {
		return Option{}
	}
	return r.Options[r.Chosen]
}

// Holdout is whether a person never gets an offer, so that its uplift can be measured:
// one in ten, by a hash of both, so that it stays that way.
func Holdout(person, offer string) bool {
	sum := sha256.Sum256([]byte(person + "\x00" + offer))
	return binary.BigEndian.Uint64(sum[:])%10 == 0
}

// Decide draws an option: u is uniform in [0, 1). options[0] must be none.
// Errors: fault.Invalid for other options, or a policy without sensible probabilities.
func Decide(p Policy, c Context, options []Option, u float64) (Record, error) {
	const op = "choice.Decide"
	if len(options) == 0 || options[0].Offer != "" {
		return Record{}, fault.E(op, fault.Invalid, "the first option must be to send nothing", nil)
	}
	q := p.Probabilities(c, options)
	r := Record{Policy: p.Name(), Context: c, Options: options, Intended: -1}
	sum := 0.0
	for a, v := range q {
		if !(v >= 0) {
			return Record{}, fault.E(op, fault.Invalid, "the policy "+p.Name()+" gives an option no probability", nil)
		}
		if sum += v; u < sum && r.Intended < 0 {
			r.Intended = a
		}
	}
	if len(q) != len(options) || sum < 0.999 || sum > 1.001 {
		return Record{}, fault.E(op, fault.Invalid, "the probabilities of the policy "+p.Name()+" do not add up to 1", nil)
	}
	if r.Intended < 0 { // u beside a sum of 0.9999
		r.Intended = 0
	}
	if r.Chosen = r.Intended; options[r.Intended].Held {
		r.Chosen = 0
	}
	r.Propensity = done(q, options)[r.Chosen]
	return r, nil
}

// done are the probabilities of what is done: held options count as none.
func done(q []float64, options []Option) []float64 {
	out := make([]float64, len(q))
	for a, v := range q {
		if options[a].Held {
			out[0] += v
		} else {
			out[a] += v
		}
	}
	return out
}

// explore is the share of choices that a policy makes at random, so that every option
// has a propensity and other policies can be judged by the log.
const explore = 0.02

// mixed adds that chance.
func mixed(q []float64) []float64 {
	for a := range q {
		q[a] = (1-explore)*q[a] + explore/float64(len(q))
	}
	return q
}

// Uniform chooses at random.
type Uniform struct{}

// Name is "random".
func (Uniform) Name() string { return "random" }

// Probabilities are all the same.
func (Uniform) Probabilities(_ Context, options []Option) []float64 {
	q := make([]float64, len(options))
	for a := range q {
		q[a] = 1 / float64(len(q))
	}
	return q
}
