package pricing

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// proposalAge is how long a proposal can be agreed to.
const proposalAge = 24 * time.Hour

// Agree lets a proposal become a price, if every guard-rail still lets it. It passes
// through them again: much may have happened since. Errors: fault.NotFound,
// fault.Conflict saying why it no longer can.
func (s *Service) Agree(ctx context.Context, proposal id.ID, actor string) (Decision, error) {
	p, q, err := s.proposed(ctx, proposal)
	if err != nil {
		return Decision{}, err
	}
	q.moment.Agreed, q.moment.Trigger = true, true
	belief, limits, outlook := policy.Learn(q.days), q.rule.limits(), policy.OutlookOf(q.ahead)
	w := policy.WhatIf(limits, q.moment, p.NewMinor, q.category.Free, outlook, belief)
	verdict := policy.Guard(limits, q.moment, p.NewMinor, w.Gain)
	if !verdict.Allowed {
		return Decision{}, fault.E("pricing.Agree", fault.Conflict, "the price stays: "+heldWords(verdict.Broke, &q, w.Gain), nil).WithFix("wait for the next proposal, or set the price by hand")
	}
	now := policy.Choose(limits, q.moment, q.category.Free, outlook, belief)
	choice := policy.Choice{Price: p.NewMinor, Gain: w.Gain, Sales: w.Sales, Takings: w.Takings, AtOnce: now.AtOnce, Demand: now.Demand}
	d := q.decision(p.ID, Cause{Kind: causeAgreement}, choice, verdict, belief)
	d.Approver, d.Of = actor, &p.ID
	return *d, s.db.InTx(ctx, func(tx *db.Tx) error {
		// The switches before the rule, as in every decision: no two wait for each other.
		if stop, err := stopped(tx, q.event.ID); err != nil || stop {
			return orStopped(err)
		}
		if err := s.open(tx, p); err != nil {
			return err
		}
		if again, err := s.hold(tx, &q, p.ID); err != nil || again {
			return orStopped(err)
		}
		return s.write(tx, d)
	})
}

func orStopped(err error) error {
	if err != nil {
		return err
	}
	return fault.E("pricing.Agree", fault.Conflict, "prices are stopped", nil).WithFix("lift the kill switch first")
}

// Refuse closes a proposal. Errors: fault.NotFound, fault.Conflict when it is not open.
func (s *Service) Refuse(ctx context.Context, proposal id.ID, actor string) error {
	p, err := s.Decision(ctx, proposal)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		if err := s.open(tx, p); err != nil {
			return err
		}
		if err := insertRefusal(tx, p.ID, actor); err != nil {
			return err
		}
		return s.audit.Note(tx, actor, "price.refused", "category:"+p.Category.String(), map[string]any{"decision": p.ID.String(), "old": p.OldMinor, "new": p.NewMinor})
	})
}

// proposed finds a proposal and asks anew what it was made from.
func (s *Service) proposed(ctx context.Context, proposal id.ID) (p Decision, q question, err error) {
	if p, err = s.Decision(ctx, proposal); err != nil {
		return p, q, err
	}
	e, err := s.shop.Listing(ctx, p.Event)
	if err != nil {
		return p, q, err
	}
	r, err := s.findRule(ctx, p.Category)
	if err != nil {
		return p, q, err
	}
	sold, err := s.soldByDay(ctx, p.Event)
	if err != nil {
		return p, q, err
	}
	if q, err = s.ask(ctx, e, r, sold); err != nil {
		return p, q, err
	}
	if q.moment.Price != p.OldMinor {
		err = fault.E("pricing.Agree", fault.Conflict, "the price has changed since it was proposed", nil).WithFix("wait for the next proposal")
	}
	return p, q, err
}

// open makes sure that nobody has answered a proposal, and nobody can until tx ends.
func (s *Service) open(tx *db.Tx, p Decision) error {
	const op = "pricing.open"
	if p.Outcome != Proposed {
		return fault.E(op, fault.Conflict, "it is no proposal", nil)
	}
	newest, answered, err := lockProposal(tx, p.ID, p.Category)
	switch {
	case err != nil:
		return err
	case answered:
		return fault.E(op, fault.Conflict, "it has been answered already", nil)
	case !newest || tx.Now().Sub(p.At) > proposalAge:
		return fault.E(op, fault.Conflict, "a newer decision has taken its place", nil).WithFix("answer the latest proposal")
	}
	return nil
}
