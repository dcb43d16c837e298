package analytics

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/db"
)

// auditSpy is identity: it keeps what was noted.
type auditSpy struct{ lines []string }

func (a *auditSpy) Note(_ *db.Tx, actor, action, object string, detail map[string]any) error {
	a.lines = append(a.lines, actor+" "+action+" "+object+": "+detail["reason"].(string))
	return nil
}

// liveRig trains a model, has another one follow it after a week, and lets forecasts be
// made until their outcome is known. halls times as large are those of the events to come.
func liveRig(t *testing.T, halls int, change func(m *forecast.Model)) (r *forecastRig, notes *auditSpy) {
	t.Helper()
	r = newForecastRig(t, 20, 18)
	for _, e := range r.upcoming() {
		e.Capacity *= halls
	}
	notes = &auditSpy{}
	r.audit = notes
	first := r.train()
	r.clock.Advance(7 * 24 * time.Hour)
	next := *first
	copied := *first.Model
	copied.Coef = slices.Clone(copied.Coef)
	change(&copied)
	next.Model, next.Reason, next.State = &copied, "daily", modelActive
	r.must(r.db.InTx(t.Context(), func(tx *db.Tx) error { _, err := insertModel(tx, next); return err }))
	for range 8 {
		r.must(r.Foresee(t.Context(), nil))
		r.clock.Advance(4 * 24 * time.Hour)
	}
	r.must(r.JudgeForecasts(t.Context()))
	return r, notes
}

func (r *forecastRig) inUse() *ModelInfo {
	r.t.Helper()
	m, err := r.activeModel(r.t.Context())
	r.must(err)
	return m
}

// hopeful makes a model that says of everything that it sells out, whatever an event's own
// bookings tell.
func hopeful(m *forecast.Model) { m.Coef[0], m.Effect.A = m.Coef[0]+1.5, 1e5 }

// A model that was not known to be bad when it came into use goes when what it says does
// not come true.
func TestAModelThatTurnsOutWorseIsTakenBack(t *testing.T) {
	r, notes := liveRig(t, 1, hopeful)
	r.must(r.ReviewModel(t.Context()))
	m := r.inUse()
	if m.Version != 1 || m.PromotedBy != byItself || !strings.HasPrefix(m.Verdict, "back in the place of version 2, which was worse on what happened: Brier score ") ||
		m.Live == nil || m.Live.From != 2 || m.Live.Said <= m.Live.Other || m.Live.Events < liveEvents {
		t.Fatalf("in use is version %d: %s, %+v", m.Version, m.Verdict, m.Live)
	}
	bad, err := r.modelOf(t.Context(), 2)
	r.must(err)
	if bad.State != modelRejected {
		t.Errorf("version 2 is %s", bad.State)
	}
	if want := "Usher model.rolled_back model:1: back in the place of version 2"; len(notes.lines) != 1 || !strings.HasPrefix(notes.lines[0], want) {
		t.Errorf("noted %q, want %q", notes.lines, want)
	}
	t.Log(m.Verdict)

	// What was trained meanwhile may have learned the same nonsense: it waits.
	if again := r.train(); again.State != modelRejected || !strings.HasPrefix(again.Verdict, "version 1 had to come back, and stays until ") {
		t.Errorf("the next one is %s: %s", again.State, again.Verdict)
	}
	r.must(r.ReviewModel(t.Context()))
	if len(notes.lines) != 1 {
		t.Errorf("noted again: %q", notes.lines)
	}
	r.clock.Advance(liveHold)
	if later := r.train(); later.State != modelActive {
		t.Errorf("a month later the next one is %s: %s", later.State, later.Verdict)
	}
}

func TestAModelThatKeepsItsPromiseStays(t *testing.T) {
	r, notes := liveRig(t, 1, func(m *forecast.Model) { m.Coef[0] += .01 })
	r.must(r.ReviewModel(t.Context()))
	if m := r.inUse(); m.Version != 2 || m.Live != nil || len(notes.lines) != 0 {
		t.Errorf("in use is version %d: %s; noted %q", m.Version, m.Verdict, notes.lines)
	}
	r.must(r.Promote(t.Context(), 1, "eva"))
	if want := "eva model.promoted model:1: chosen by eva on "; len(notes.lines) != 1 || !strings.HasPrefix(notes.lines[0], want) {
		t.Errorf("noted %q, want %q", notes.lines, want)
	}
}

// Without a former model to go back to, the share of past events that sold out is served.
func TestTheShareOfPastEventsIsServedWhereItIsBetter(t *testing.T) {
	r, notes := liveRig(t, 3, func(m *forecast.Model) { hopeful(m); hopeful(m) })
	_, err := r.db.Pool().Exec(t.Context(), `DELETE FROM analytics.model WHERE version = 1`)
	r.must(err)
	r.must(r.ReviewModel(t.Context()))
	m := r.inUse()
	if m.Version != 2 || m.Live == nil || m.Live.Served != climatology || len(notes.lines) != 1 || !strings.HasPrefix(notes.lines[0], "Usher model.set_aside model:2: the share of past events") {
		t.Fatalf("in use is version %d: %s, %+v; noted %q", m.Version, m.Verdict, m.Live, notes.lines)
	}
	eye, err := r.seer(t.Context(), nil)
	r.must(err)
	if eye.served != climatology {
		t.Errorf("%s is served", eye.served)
	}
	next := r.train() // takes it over, until the month is over
	if next.State == modelActive && next.Live == nil {
		t.Errorf("the next one forgets it: %+v", next)
	}
	r.clock.Advance(liveHold)
	if eye, err = r.seer(t.Context(), nil); err != nil || eye.served == climatology && r.inUse().Report.Served != climatology {
		t.Errorf("a month later %s is served", eye.served)
	}
}
