package pricing

import (
	"context"
	"math"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// Decide looks at every price of an event that may move. ask names the occasion: a
// category is decided once for each. Errors: fault.NotFound, fault.Transient.
func (s *Service) Decide(ctx context.Context, event, ask id.ID, cause Cause) error {
	e, err := s.shop.Listing(ctx, event)
	if err != nil {
		return err
	}
	now := s.db.Now()
	if !e.Live || now.Before(e.SaleFrom) || !now.Before(e.SaleEnd) {
		return nil // no price of it is asked of anybody now
	}
	rules, err := s.rulesOf(ctx, event)
	if err != nil {
		return err
	}
	sold, err := s.soldByDay(ctx, event)
	if err != nil {
		return err
	}
	for _, r := range rules {
		if r.Mode == policy.Off || r.Concession || e.Category(r.Category) == nil {
			continue
		}
		q, err := s.ask(ctx, e, r, sold)
		if err != nil {
			return err
		}
		if err := s.decideOne(ctx, &q, ask, cause); err != nil {
			return err
		}
	}
	return nil
}

// Cause is why a decision is made, and what there is to say about it.
type Cause struct {
	Kind  string `json:"kind"`
	Words string `json:"words,omitempty"`
}

func (s *Service) decideOne(ctx context.Context, q *question, ask id.ID, cause Cause) error {
	q.moment.Trigger = triggers[cause.Kind]
	belief := policy.Learn(q.days)
	limits := q.rule.limits()
	choice := policy.Choose(limits, q.moment, q.category.Free, policy.OutlookOf(q.ahead), belief)
	verdict := policy.Guard(limits, q.moment, choice.Price, choice.Gain)
	d := q.decision(ask, cause, choice, verdict, belief)
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		again, err := s.hold(tx, q, ask)
		if err != nil || again {
			return err
		}
		if err := noteForeseen(tx, foreseenRow{q.category.ID, q.today, q.foreseen, q.model}); err != nil {
			return err
		}
		return s.write(tx, d)
	})
}

// hold makes sure that what was asked is still so, and keeps it so until tx ends.
// again is true when the occasion was decided before, or a kill switch is thrown.
// Errors: fault.Transient when something has changed since: ask anew.
func (s *Service) hold(tx *db.Tx, q *question, ask id.ID) (again bool, err error) {
	const op = "pricing.hold"
	stop, err := stopped(tx, q.event.ID)
	if err != nil || stop {
		return true, err
	}
	r, err := lockRule(tx, q.rule.Category)
	if err != nil {
		return false, err
	}
	if r.Version != q.rule.Version {
		return false, fault.E(op, fault.Transient, "the limits were changed meanwhile", nil)
	}
	if again, err = decided(tx, ask, q.rule.Category); err != nil || again {
		return again, err
	}
	last, err := lastChange(tx, q.rule.Category)
	if err != nil {
		return false, err
	}
	// A change that sales has not heard of yet; one it did not take it never will.
	if last.At.After(q.inForceSince()) && last.NewMinor != q.moment.Price && q.moment.Now.Sub(last.At) < onItsWay {
		return false, fault.E(op, fault.Transient, "a price is on its way to the shop", nil).After(time.Second)
	}
	return false, nil
}

// onItsWay is how long sales may take to set a price.
const onItsWay = 10 * time.Minute

func (q *question) inForceSince() time.Time {
	if len(q.prices) == 0 {
		return time.Time{}
	}
	return q.prices[len(q.prices)-1].At
}

// decision writes down what was decided. What the guard-rails hold back stays as it is.
func (q *question) decision(ask id.ID, cause Cause, c policy.Choice, v policy.Verdict, b policy.Belief) *Decision {
	d := &Decision{ID: id.New(), Ask: ask, Event: q.event.ID, Category: q.category.ID, At: q.moment.Now, Cause: cause.Kind, Model: q.model,
		OldMinor: q.moment.Price, NewMinor: c.Price, Currency: q.event.Currency, Gain: c.Gain, Outcome: Changed, Broke: v.Broke,
		Inputs: Inputs{Left: q.category.Free, Capacity: q.category.Capacity, Forecast: policy.OutlookOf(q.ahead).Sum, Demand: c.Demand, Days: b.Days,
			Level: b.Mean.A, LevelSD: math.Sqrt(b.VarA), Sensitivity: b.Mean.B, SensSD: math.Sqrt(b.VarB), Sales: c.Sales, Takings: c.Takings,
			AtOnce: c.AtOnce, Trigger: q.moment.Trigger, Lowest30: policy.Lowest30(q.moment), Rule: q.rule}}
	switch {
	case v.Broke == policy.RuleApproval:
		d.Outcome = Proposed
	case !v.Allowed:
		d.Outcome, d.NewMinor = Held, d.OldMinor
	}
	d.Reason = q.reason(cause, c, d)
	return d
}

// write keeps a decision and announces a change, in one transaction.
func (s *Service) write(tx *db.Tx, d *Decision) error {
	if err := insertDecision(tx, d); err != nil {
		return err
	}
	if d.Outcome != Changed {
		return nil
	}
	err := tx.Emit(facts.PriceChanged{Event: d.Event, Category: d.Category, Decision: d.ID, OldMinor: d.OldMinor, NewMinor: d.NewMinor,
		Currency: d.Currency, Reason: d.Reason, Approver: d.Approver, At: tx.Now()})
	if err != nil {
		return err
	}
	if s.cfg.Followers {
		if err := tx.Enqueue(tellJob(d.ID, tx.Now().Add(s.cfg.TellAfter))); err != nil {
			return err
		}
	}
	actor := d.Approver
	if actor == "" {
		actor = "pricing"
	}
	return s.audit.Note(tx, actor, "price.changed", "category:"+d.Category.String(), map[string]any{
		"decision": d.ID.String(), "old": d.OldMinor, "new": d.NewMinor, "currency": d.Currency, "cause": d.Cause, "reason": d.Reason})
}
