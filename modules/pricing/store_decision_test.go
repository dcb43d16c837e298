package pricing

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/pricing/policy"
)

func TestAPriceFollowsDemandAndSaysWhy(t *testing.T) {
	h := newHouse(t)
	h.rule(policy.Auto)
	h.busy(20) // far more than the usual curve expects
	d := h.decide(causeDaily)
	if d.Outcome != Changed || d.NewMinor <= 3000 || d.NewMinor > 3300 || d.NewMinor%50 != 0 || d.Gain < .005 {
		t.Fatalf("%+v", d)
	}
	for _, says := range []string{"above the forecast", "100 of 300 tickets can still be bought", "Raised to 33.00 EUR", "as far as 10 % within a day"} {
		if !strings.Contains(d.Reason, says) {
			t.Errorf("the reason does not say %q: %s", says, d.Reason)
		}
	}
	if d.Inputs.Days != 11 || d.Inputs.Level <= 0 || d.Inputs.Lowest30 != 3000 || d.Inputs.Rule.Version != 1 || d.Model != "usual booking curve, policy 2" {
		t.Errorf("%+v, %s", d.Inputs, d.Model)
	}
	if n := h.count(`SELECT count(*) FROM stream.log WHERE type = 'pricing.price_changed' AND (data->>'new_minor')::bigint = $1 AND data->>'decision' = $2`, d.NewMinor, d.ID.String()); n != 1 {
		t.Errorf("announced %d times", n)
	}
	if got := h.audit.lines[len(h.audit.lines)-1]; got != "pricing price.changed category:"+h.floor().String() {
		t.Errorf("audit: %s", got)
	}
}

func TestWhatTheGuardRailsHoldIsWrittenDownAndAnnouncedToNobody(t *testing.T) {
	h := newHouse(t)
	h.rule(policy.Auto)
	h.busy(20)
	h.shop.event.Doors = noon.Add(23 * time.Hour)
	d := h.decide(causeDaily)
	if d.Outcome != Held || d.Broke != policy.RuleQuiet || d.NewMinor != d.OldMinor || !strings.Contains(d.Reason, "doors open within 24 hours") {
		t.Errorf("%+v", d)
	}
	if n := h.count(`SELECT count(*) FROM stream.log WHERE type = 'pricing.price_changed'`); n != 0 {
		t.Errorf("announced %d times", n)
	}
}

func TestOnlyWhatIsSwitchedOnIsDecided(t *testing.T) {
	for name, spoil := range map[string]func(h *house){
		"no rule":       func(*house) {},
		"off":           func(h *house) { h.rule(policy.Off) },
		"not live":      func(h *house) { h.rule(policy.Auto); h.shop.event.Live = false },
		"not on sale":   func(h *house) { h.rule(policy.Auto); h.shop.event.SaleFrom = noon.Add(time.Hour) },
		"sale is over":  func(h *house) { h.rule(policy.Auto); h.shop.event.SaleEnd = noon },
		"all stopped":   func(h *house) { h.rule(policy.Auto); h.stop(id.Nil) },
		"event stopped": func(h *house) { h.rule(policy.Auto); h.stop(h.shop.event.ID) },
		"a concession": func(h *house) {
			r := h.rule(policy.Auto)
			r.Concession = true
			if _, err := h.SetRule(h.t.Context(), r, "ana"); err != nil {
				h.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.busy(20)
			spoil(h)
			if err := h.Decide(t.Context(), h.shop.event.ID, id.New(), Cause{Kind: causeDemandUp}); err != nil {
				t.Fatal(err)
			}
			if n := h.count(`SELECT count(*) FROM pricing.decision`); n != 0 {
				t.Errorf("%d decisions", n)
			}
		})
	}
}

func (h *house) stop(event id.ID) {
	h.t.Helper()
	if err := h.SetStop(h.t.Context(), event, true, "ana"); err != nil {
		h.t.Fatal(err)
	}
}

func TestAnOccasionIsDecidedOnceHoweverOftenItIsAsked(t *testing.T) {
	h := newHouse(t)
	h.rule(policy.Auto)
	h.busy(20)
	ask := id.New()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { _ = h.Decide(t.Context(), h.shop.event.ID, ask, Cause{Kind: causeDemandUp}) })
	}
	all.Wait()
	if n, m := h.count(`SELECT count(*) FROM pricing.decision`), h.count(`SELECT count(*) FROM stream.log WHERE type = 'pricing.price_changed'`); n != 1 || m != 1 {
		t.Errorf("%d decisions, %d announced", n, m)
	}
}

func TestNothingIsDecidedWhileAPriceIsOnItsWay(t *testing.T) {
	h := newHouse(t)
	h.rule(policy.Auto)
	h.busy(20)
	first := h.decide(causeDemandUp)
	err := h.Decide(t.Context(), h.shop.event.ID, id.New(), Cause{Kind: causeDemandUp})
	if !fault.Is(err, fault.Transient) {
		t.Errorf("sales has not set %d yet: %v", first.NewMinor, err)
	}
	h.clock.Advance(time.Minute)
	h.shop.set(h.floor(), first.NewMinor, h.clock.Now())
	if d := h.decide(causeDemandUp); d.ID == first.ID || d.OldMinor != first.NewMinor || d.Outcome != Held {
		t.Errorf("%+v: a day's 10 %% are used up", d)
	}
	if d := h.decide(causeDaily); d.Broke != policy.RuleSoon {
		t.Errorf("%+v: without a trigger the hour holds", d)
	}
}

func TestAProposalWaitsForAnswers(t *testing.T) {
	h := newHouse(t)
	h.rule(policy.Approve)
	h.busy(20)
	p := h.decide(causeDaily)
	open, err := h.Open(t.Context())
	if err != nil || p.Outcome != Proposed || len(open) != 1 || open[0].ID != p.ID || !strings.Contains(p.Reason, "Proposed to raise") {
		t.Fatalf("%+v, %d open, %v", p, len(open), err)
	}
	if n := h.count(`SELECT count(*) FROM stream.log WHERE type = 'pricing.price_changed'`); n != 0 {
		t.Errorf("announced before anybody agreed")
	}
	h.clock.Advance(time.Hour)
	d, err := h.Agree(t.Context(), p.ID, "ana")
	if err != nil || d.Outcome != Changed || d.NewMinor != p.NewMinor || d.Approver != "ana" || *d.Of != p.ID {
		t.Fatalf("%+v, %v", d, err)
	}
	if n := h.count(`SELECT count(*) FROM stream.log WHERE type = 'pricing.price_changed' AND data->>'approver' = 'ana'`); n != 1 {
		t.Errorf("announced %d times", n)
	}
	if open, err := h.Open(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("still open: %+v, %v", open, err)
	}
	for name, again := range map[string]func() error{
		"agreeing twice":  func() error { _, err := h.Agree(t.Context(), p.ID, "ana"); return err },
		"refusing it too": func() error { return h.Refuse(t.Context(), p.ID, "ana") },
	} {
		if err := again(); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAProposalIsGuardedAgainWhenAgreedTo(t *testing.T) {
	for name, spoil := range map[string]func(h *house){
		"another price since": func(h *house) { h.shop.set(h.floor(), 3100, h.clock.Now()) },
		"a kill switch":       func(h *house) { h.stop(id.Nil) },
		"the quiet time":      func(h *house) { h.shop.event.Doors = h.clock.Now().Add(time.Hour) },
		"a newer proposal":    func(h *house) { h.decide(causeDaily) },
		"it is a day old":     func(h *house) { h.clock.Advance(25 * time.Hour) },
		"a lower ceiling since": func(h *house) {
			r, _ := h.RuleOf(h.t.Context(), h.floor())
			r.CeilingMinor = 3100
			_, _ = h.SetRule(h.t.Context(), r, "ana")
		},
		"nobody buys any more": func(h *house) { h.shop.sold = nil; h.shop.event.Categories[0].Free = 300 },
		"refused":              func(h *house) { _ = h.Refuse(h.t.Context(), h.latest().ID, "ben") },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.rule(policy.Approve)
			h.busy(20)
			p := h.decide(causeDaily)
			h.clock.Advance(time.Minute)
			spoil(h)
			if _, err := h.Agree(t.Context(), p.ID, "ana"); !fault.Is(err, fault.Conflict) {
				t.Errorf("%v", err)
			}
			if n := h.count(`SELECT count(*) FROM stream.log WHERE type = 'pricing.price_changed'`); n != 0 {
				t.Errorf("announced %d times", n)
			}
		})
	}
}

func TestDecisionsAreKeptAsTheyWereWritten(t *testing.T) {
	h := newHouse(t)
	h.rule(policy.Auto)
	d := h.decide(causeDaily)
	for _, sql := range []string{`UPDATE pricing.decision SET reason = 'x' WHERE id = $1`, `DELETE FROM pricing.decision WHERE id = $1`} {
		if _, err := h.db.Pool().Exec(t.Context(), sql, d.ID); err == nil {
			t.Errorf("%s: was possible", sql)
		}
	}
}

func TestARuleIsCheckedAndChangedByOneAtATime(t *testing.T) {
	h := newHouse(t)
	r := h.rule(policy.Auto)
	if r.ListMinor != 3000 || r.FloorMinor != 2100 || r.CeilingMinor != 4500 || r.RoundingMinor != 50 || r.Version != 1 {
		t.Errorf("%+v", r)
	}
	stale := r
	stale.Version = 0
	if _, err := h.SetRule(t.Context(), stale, "ben"); !fault.Is(err, fault.Conflict) {
		t.Errorf("an older version: %v", err)
	}
	bad := Rule{Category: h.floor(), ListMinor: 0, FloorMinor: 5, CeilingMinor: 4, RoundingMinor: 1, Daily: .9, MinGain: -1, EveryMinutes: -1, QuietMinutes: 1e9, Mode: "x"}
	_, err := h.SetRule(t.Context(), bad, "ana")
	if !fault.Is(err, fault.Invalid) || strings.Count(err.Error(), ";") < 5 {
		t.Errorf("%v", err)
	}
	if _, err := h.SetRule(t.Context(), Rule{Category: id.New()}, "ana"); !fault.Is(err, fault.NotFound) {
		t.Errorf("no category: %v", err)
	}
}

func TestAKillSwitchWaitsForDecisionsUnderWay(t *testing.T) {
	h := newHouse(t)
	held, thrown := make(chan bool), make(chan error, 1)
	go func() { <-held; thrown <- h.SetStop(t.Context(), id.Nil, true, "ana") }()
	err := h.db.InTx(t.Context(), func(tx *db.Tx) error {
		if _, err := stopped(tx, h.shop.event.ID); err != nil {
			return err
		}
		close(held)
		for h.count(`SELECT count(*) FROM pg_locks WHERE NOT granted`) == 0 {
			if len(thrown) > 0 {
				t.Error("the switch was thrown in the middle of a decision")
				return nil
			}
		}
		return nil
	})
	if err != nil || <-thrown != nil {
		t.Fatal(err)
	}
	_ = h.db.InTx(t.Context(), func(tx *db.Tx) error {
		if stop, err := stopped(tx, id.New()); err != nil || !stop {
			t.Errorf("not stopped: %v", err)
		}
		return nil
	})
}

// seer forecasts so many tickets a day, from today on.
type seer struct {
	h     *house
	daily float64
}

func (f seer) DailyDemand(_ context.Context, _ id.ID, from, until time.Time) (out []float64, version string, err error) {
	if f.daily == 0 {
		return nil, "", fault.E("seer", fault.NotFound, "it cannot say", nil)
	}
	for day := from; !day.After(until); day = day.AddDate(0, 0, 1) {
		tickets := f.daily
		if day.Before(dateIn(f.h.clock.Now(), time.UTC)) {
			tickets = 0
		}
		out = append(out, tickets)
	}
	return out, "forecast 7", nil
}

func TestTheLearnerGoesByWhatWasForecastForEachDay(t *testing.T) {
	h := newHouse(t)
	h.forecasts = &seer{h, 10}
	h.rule(policy.Auto)
	first := h.decide(causeDaily)
	if first.Model != "forecast 7, policy 2" || first.Inputs.Days != 1 {
		t.Fatalf("%+v, %s: of today alone is a forecast known", first.Inputs, first.Model)
	}
	for range 5 { // twice what was forecast
		h.shop.sold = append(h.shop.sold, sale{h.floor(), dateIn(h.clock.Now(), time.UTC), 20})
		h.clock.Advance(24 * time.Hour)
		h.decide(causeByHand)
		h.shop.set(h.floor(), h.latest().NewMinor, h.clock.Now())
	}
	if in := h.latest().Inputs; in.Days != 6 || in.Level < .3 {
		t.Errorf("%+v", in)
	}
	h.forecasts = &seer{h, 0}
	h.clock.Advance(24 * time.Hour)
	if d := h.decide(causeDaily); d.Model != "usual booking curve, policy 2" {
		t.Errorf("%s: the forecast could not say", d.Model)
	}
}
