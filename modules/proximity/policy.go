package proximity

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/proximity/choice"
)

// The policies there are; one of them decides. The others learn from the same log, and
// are judged by it before they may take its place.
const (
	policyPooled   = "pooled"
	policyLinUCB   = "linucb"
	policySegments = "segments"
)

// lately is how many decisions a policy learns from, the latest ones.
const lately = 20_000

// draws is the seed of the policies' own samples: they are fitted anew so often that
// another one each time would change nothing.
const draws = 1

// fit makes a policy of a kind from what happened. Errors: fault.NotFound.
func fit(name string, history []choice.Record) (choice.Policy, error) {
	switch name {
	case policyPooled:
		return choice.FitPooled(history, draws)
	case policyLinUCB:
		return choice.FitLinUCB(history)
	case policySegments:
		return choice.FitSegments(history, draws), nil
	}
	return nil, fault.E("proximity.Policy", fault.NotFound, "there is no policy "+name, nil).WithFix("pooled, linucb or segments")
}

// policies keeps the active one as it was last read.
type policies struct {
	at     time.Time
	name   string
	active choice.Policy
}

// activePolicy is the one that decides, read once a version.
func (s *Service) activePolicy(tx *db.Tx) (choice.Policy, error) {
	name, at, err := activeName(tx.Ctx(), tx.Conn())
	if err != nil {
		return nil, err
	}
	s.maps.mu.Lock()
	have := s.maps.policy
	s.maps.mu.Unlock()
	if have.active != nil && have.name == name && have.at.Equal(at) {
		return have.active, nil
	}
	state, err := policyState(tx.Ctx(), tx.Conn(), name)
	if err != nil {
		return nil, err
	}
	p, err := choice.Decode(state)
	if len(state) == 0 || err != nil { // nothing learnt yet, or by another version
		if p, err = fit(name, nil); err != nil {
			return nil, err
		}
	}
	s.maps.mu.Lock()
	s.maps.policy = policies{at, name, p}
	s.maps.mu.Unlock()
	return p, nil
}

// Learn writes down what became of past choices, and fits the active policy to them.
func (s *Service) Learn(ctx context.Context) error {
	if err := s.reward(ctx); err != nil {
		return err
	}
	name, _, err := activeName(ctx, s.db.Pool())
	if err != nil {
		return err
	}
	fresh, err := s.unlearnt(ctx)
	if err != nil || fresh == 0 {
		return err
	}
	log, err := s.records(ctx, lately)
	if err != nil {
		return err
	}
	p, err := fit(name, log)
	if err != nil {
		return err
	}
	state, err := choice.Encode(p)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx *db.Tx) error { return writeLearnt(tx, name, state) })
}

// PolicyReport is what is known of a policy: what it would have earned a decision, judged
// by decisions that it was not fitted to.
type PolicyReport struct {
	Name    string          `json:"name"`
	Active  bool            `json:"active"`
	Value   *choice.Value   `json:"value,omitempty"`   // nil: too little data
	Verdict *choice.Verdict `json:"verdict,omitempty"` // against the active one
	Problem string          `json:"problem,omitempty"`
}

// Policies judges every policy offline: each is fitted to the earlier half of the log, and
// judged by the later one.
func (s *Service) Policies(ctx context.Context) ([]PolicyReport, error) {
	active, _, err := activeName(ctx, s.db.Pool())
	if err != nil {
		return nil, err
	}
	log, err := s.records(ctx, lately)
	if err != nil {
		return nil, err
	}
	slices.Reverse(log) // the earliest first
	past, later := log[:len(log)/2], log[len(log)/2:]
	current, err := fit(active, past)
	if err != nil {
		return nil, err
	}
	var all []PolicyReport
	for _, name := range []string{policyPooled, policyLinUCB, policySegments} {
		r := PolicyReport{Name: name, Active: name == active}
		p, err := fit(name, past)
		if err != nil {
			return nil, err
		}
		if v, err := choice.Evaluate(p, later); err != nil {
			r.Problem = fault.Message(err)
		} else {
			r.Value = &v
		}
		if verdict, err := choice.Compare(current, p, later); err == nil && !r.Active {
			r.Verdict = &verdict
		}
		all = append(all, r)
	}
	return all, nil
}

// ChoosePolicy puts another policy in the place of the active one. Unless force is set it
// must have been found better by the log. Errors: fault.NotFound, fault.Conflict.
func (s *Service) ChoosePolicy(ctx context.Context, name string, force bool) error {
	all, err := s.Policies(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(r PolicyReport) bool { return r.Name == name })
	if i < 0 {
		return fault.E("proximity.ChoosePolicy", fault.NotFound, "there is no policy "+name, nil).WithFix("pooled, linucb or segments")
	}
	r := all[i]
	if r.Active {
		return nil
	}
	if !force && (r.Verdict == nil || !r.Verdict.Better) {
		return fault.E("proximity.ChoosePolicy", fault.Conflict, r.words(), nil).WithFix("wait for more decisions, or force it")
	}
	return s.db.InTx(ctx, func(tx *db.Tx) error { return activate(tx, name) })
}

// words tell a report in a sentence.
func (r PolicyReport) words() string {
	switch {
	case r.Problem != "":
		return "There are too few decisions to judge " + r.Name + " by."
	case r.Active && r.Value != nil:
		return fmt.Sprintf("It earns about %.0f a decision (95 %% interval %.0f to %.0f), judged by %d decisions.", r.Value.DR, r.Value.Low, r.Value.High, r.Value.Decisions)
	case r.Verdict == nil:
		return "It cannot be compared yet."
	case r.Verdict.Better:
		return fmt.Sprintf("It would earn %.0f more a decision (95 %% interval %.0f to %.0f).", r.Verdict.Gain, r.Verdict.Low, r.Verdict.High)
	}
	return fmt.Sprintf("It is not shown to be better: %+.0f a decision (95 %% interval %+.0f to %+.0f).", r.Verdict.Gain, r.Verdict.Low, r.Verdict.High)
}

// policyView is what the page of offers says of the policies.
type policyView struct {
	Active string
	Rows   []policyRow
}

type policyRow struct {
	Name, Words    string
	Active, Better bool
}

func (s *Service) policyView(ctx context.Context) (policyView, error) {
	all, err := s.Policies(ctx)
	if err != nil {
		return policyView{}, err
	}
	var v policyView
	for _, r := range all {
		if r.Active {
			v.Active = r.Name
		}
		v.Rows = append(v.Rows, policyRow{r.Name, r.words(), r.Active, r.Verdict != nil && r.Verdict.Better})
	}
	return v, nil
}
