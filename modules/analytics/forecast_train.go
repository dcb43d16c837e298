package analytics

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/db"
)

const (
	within       = 14  // days: the near horizon
	testedEvents = 200 // the latest ones are backtested
	rivalEvents  = 30  // the latest ones, on which a new model is compared with the one in use
	fewRivals    = 5   // fewer tell nothing
	byItself     = "Usher"
)

// testedAt are the days before an event that backtests forecast from.
var testedAt = []int{7, 14, 30}

// Train trains a model on all that is known, tests it, and uses it from now on unless it
// is worse than the one in use. It returns what became of it.
//
// The test: on the latest events sold here that both have learned from, its Brier score
// must not be higher than that of the one in use by more than chance explains. What is
// kept as its backtest is that of the method on the latest 200 events, each forecast from
// what was over before.
func (s *Service) Train(ctx context.Context, reason string) (*ModelInfo, error) {
	h, err := s.history(ctx)
	if err != nil {
		return nil, err
	}
	calendar := h.calendar()
	model, err := forecast.TrainWith(h.over, h.onSale, calendar)
	if err != nil {
		return nil, err
	}
	report, err := forecast.Backtest(lastEvents(h.over, testedEvents), forecast.Options{At: testedAt, Within: within, Folds: 3, Once: true, Now: s.db.Now})
	if err != nil {
		return nil, err
	}
	m := ModelInfo{State: modelActive, Reason: reason, Events: model.Events, Days: model.Days, Model: model, Report: report, PromotedBy: byItself}
	if model.Events > 0 {
		from, to := model.From.Time(), model.To.Time()
		m.From, m.To = &from, &to
	}
	if m.State, m.Verdict, m.Live, err = s.compare(ctx, model, h, calendar); err != nil {
		return nil, err
	}
	now := s.db.Now()
	if m.State == modelActive {
		m.PromotedAt = &now
	} else {
		m.PromotedBy = ""
	}
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		if m.Version, err = insertModel(tx, m); err != nil {
			return err
		}
		if err := forgetModels(tx); err != nil {
			return err
		}
		return tx.Enqueue(foreseeAllJob())
	})
	m.TrainedAt = now
	return &m, err
}

// compare decides whether a new model may take the place of the one in use. live is what
// it takes over from that one: that its forecasts are not served for now.
func (s *Service) compare(ctx context.Context, fresh *forecast.Model, h *history, calendar *forecast.Calendar) (state, verdict string, live *TrackRecord, err error) {
	champion, err := s.activeModel(ctx)
	if err != nil {
		return "", "", nil, err
	}
	if champion == nil {
		return modelActive, "the first one", nil, nil
	}
	if champion.Live.holds(s.db.Now()) {
		if champion.Live.From > 0 {
			return modelRejected, fmt.Sprintf("version %d had to come back, and stays until %s; an admin may use this one before", champion.Version, champion.Live.Until.Format("2 Jan 2006")), nil, nil
		}
		live = champion.Live
	}
	mean, deviation, n := worse(fresh, champion.Model, h.knownTo(champion.Model), calendar)
	switch {
	case n < fewRivals:
		return modelActive, "too few events to compare it with version " + fmt.Sprint(champion.Version), live, nil
	case mean-1.64*deviation > 0:
		return modelRejected, fmt.Sprintf("worse than version %d, which stays: its Brier score on the latest %d events is %.3f higher (± %.3f)", champion.Version, n, mean, deviation), live, nil
	}
	return modelActive, fmt.Sprintf("not worse than version %d on the latest %d events: its Brier score differs by %+.3f (± %.3f)", champion.Version, n, mean, deviation), live, nil
}

// knownTo are the latest events that a model has learned from: those sold here, or where
// there are few the imported ones too.
func (h *history) knownTo(m *forecast.Model) []*forecast.Event {
	var here, all []*forecast.Event
	for i, e := range h.over {
		if e.Date > m.To {
			continue
		}
		all = append(all, e)
		if i < h.here {
			here = append(here, e)
		}
	}
	if len(here) >= fewRivals {
		all = here
	}
	return lastEvents(all, rivalEvents)
}

// worse is by how much the Brier score of a is higher than that of b, on average over
// the events that can be forecast, with the standard error of it.
func worse(a, b *forecast.Model, events []*forecast.Event, calendar *forecast.Calendar) (mean, deviation float64, n int) {
	var sum, squares float64
	for _, e := range events {
		loss, forecasts := 0.0, 0.0
		for _, d := range testedAt {
			at := e.Date - forecast.Day(d)
			if at < e.OnSale || e.SoldBy(at) >= e.Capacity {
				continue
			}
			outcome := 0.0
			if e.SoldBy(e.Date) >= e.Capacity {
				outcome = 1
			}
			pa, pb := a.Outlook(e, at, calendar).SoldOut(d), b.Outlook(e, at, calendar).SoldOut(d)
			loss += (pa-outcome)*(pa-outcome) - (pb-outcome)*(pb-outcome)
			forecasts++
		}
		if forecasts > 0 {
			sum, squares = sum+loss/forecasts, squares+loss/forecasts*loss/forecasts
			n++
		}
	}
	if n < 2 {
		return 0, 0, n
	}
	mean = sum / float64(n)
	return mean, math.Sqrt(max(squares/float64(n)-mean*mean, 0) / float64(n-1)), n
}

// lastEvents are the last n events by date.
func lastEvents(over []*forecast.Event, n int) []*forecast.Event {
	sorted := append([]*forecast.Event{}, over...)
	sortByDate(sorted)
	return sorted[max(len(sorted)-n, 0):]
}

// Promote makes a person's choice of a model the one in use.
func (s *Service) Promote(ctx context.Context, version int, by string) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		verdict := "chosen by " + by + " on " + tx.Now().Format(time.DateOnly)
		if err := promoteModel(tx, version, by, verdict); err != nil {
			return err
		}
		if err := tx.Enqueue(foreseeAllJob()); err != nil {
			return err
		}
		return s.note(tx, by, "model.promoted", version, map[string]any{"reason": verdict})
	})
}
