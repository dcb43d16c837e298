package analytics

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

const (
	liveDays    = 60                  // of forecasts whose outcome is known, back from today
	liveEvents  = 8                   // fewer tell nothing
	liveHold    = 30 * 24 * time.Hour // for so long no model takes the place of one that had to come back
	liveFormers = 5                   // former models that the one in use is compared with
	blended     = "blend"
	climatology = "climatology"
)

// TrackRecord is what happened to forecasts that were really made, where it changed what is served.
type TrackRecord struct {
	At     time.Time `json:"at"`
	Until  time.Time `json:"until"`            // it stays so until then, unless a person decides otherwise
	Events int       `json:"events"`           // whose outcome is known
	Said   float64   `json:"said"`             // Brier score within 14 days of what was said
	Other  float64   `json:"other"`            // of what takes its place
	Served string    `json:"served,omitempty"` // climatology: instead of the model's own forecasts
	From   int       `json:"from,omitempty"`   // the version whose place this one took
}

// holds reports whether it still decides what is served.
func (l *TrackRecord) holds(now time.Time) bool { return l != nil && now.Before(l.Until) }

// duel is how what was said did beside what something else would have said, by event.
type duel struct{ said, other map[id.ID][]float64 }

func newDuel() duel { return duel{map[id.ID][]float64{}, map[id.ID][]float64{}} }

func (d duel) add(event id.ID, said, other float64, came bool) {
	outcome := 0.0
	if came {
		outcome = 1
	}
	d.said[event] = append(d.said[event], (said-outcome)*(said-outcome))
	d.other[event] = append(d.other[event], (other-outcome)*(other-outcome))
}

// lost is by how much, at the least that chance leaves open, the mean Brier score of what
// was said is higher than the other's; events weigh alike. Above 0 the other was better.
func (d duel) lost() (margin float64, live TrackRecord) {
	var sum, squares, n float64
	for event := range d.said {
		a, b := average(d.said[event]), average(d.other[event])
		live.Said, live.Other = live.Said+a, live.Other+b
		sum, squares, n = sum+a-b, squares+(a-b)*(a-b), n+1
	}
	if n < liveEvents {
		return math.Inf(-1), TrackRecord{}
	}
	live.Events, live.Said, live.Other = int(n), live.Said/n, live.Other/n
	mean := sum / n
	return mean - 1.64*math.Sqrt(max(squares/n-mean*mean, 0)/(n-1)), live
}

func average(x []float64) (mean float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	return mean
}

// ReviewModel compares what the models in use have really said, as far as it has come
// true or not, with what former models would have said then, and with the share of past
// events that sold out. A former model that was better by more than chance explains comes
// back; where none was, but that share was, the share is served. Both are written into the
// audit log with the reason. Whatever comes so stays for 30 days.
func (s *Service) ReviewModel(ctx context.Context) error {
	now := s.db.Now()
	inUse, err := s.activeModel(ctx)
	if err != nil || inUse == nil || inUse.Live.holds(now) {
		return err
	}
	said, err := s.saidLately(ctx)
	if err != nil || len(said) < liveEvents {
		return err
	}
	h, err := s.history(ctx)
	if err != nil {
		return err
	}
	formers, err := s.formersBefore(ctx, inUse.Version, now)
	if err != nil {
		return err
	}
	best, margin, better := TrackRecord{}, 0.0, (*ModelInfo)(nil)
	for i := range formers {
		if m, live := duelWith(&formers[i], said, h).lost(); m > margin {
			best, margin, better = live, m, &formers[i]
		}
	}
	if better != nil {
		best.From = inUse.Version
		return s.bringBack(ctx, better, best)
	}
	if m, live := duelWithShare(inUse.Model, said, h).lost(); m > 0 {
		live.Served = climatology
		return s.serveShare(ctx, inUse, live)
	}
	return nil
}

// saidLately are the forecasts by a model of whole events, whose outcome is known.
func (s *Service) saidLately(ctx context.Context) ([]Forecast, error) {
	list, err := s.judgedForecasts(ctx, s.db.Now().AddDate(0, 0, -liveDays))
	return slices.DeleteFunc(list, func(f Forecast) bool {
		return f.Model == 0 || f.Sold >= f.Capacity || f.Curve.Served != blended
	}), err
}

// formersBefore are former models, the newest of them some time older than now, so that
// outcomes of forecasts made since are known. Errors: fault.Transient.
func (s *Service) formersBefore(ctx context.Context, version int, now time.Time) (out []ModelInfo, err error) {
	list, err := s.models(ctx, modelsKept)
	if err != nil {
		return nil, err
	}
	last := now
	for _, m := range list { // the newest first, each a week before the last
		if m.State != modelFormer || m.Version >= version || last.Sub(m.TrainedAt) < 7*24*time.Hour || len(out) == liveFormers {
			continue
		}
		full, err := s.modelOf(ctx, m.Version)
		if err != nil {
			return nil, err
		}
		if full.Model.Version == forecast.ModelVersion {
			out, last = append(out, *full), m.TrainedAt
		}
	}
	return out, nil
}

// duelWith compares forecasts made after a former model was trained, by later ones, with its own.
func duelWith(m *ModelInfo, said []Forecast, h *history) duel {
	d, calendar := newDuel(), h.calendar()
	for _, f := range said {
		if e := h.eventOf(f.Event); e != nil && f.Model > m.Version && f.MadeAt.After(m.TrainedAt) {
			o := m.Model.Outlook(e, forecast.DayOf(f.At), calendar)
			d.add(f.Event, f.Within, o.SoldOut(within), *f.OutcomeWithin)
		}
	}
	return d
}

// duelWithShare compares forecasts with the share of past events that sold out.
func duelWithShare(m *forecast.Model, said []Forecast, h *history) duel {
	d, calendar := newDuel(), h.calendar()
	for _, f := range said {
		if e := h.eventOf(f.Event); e != nil {
			o := m.Outlook(e, forecast.DayOf(f.At), calendar)
			d.add(f.Event, f.Within, o.ByClimatology(within), *f.OutcomeWithin)
		}
	}
	return d
}

func (h *history) eventOf(event id.ID) *forecast.Event {
	if i := slices.IndexFunc(h.sales, func(e *saleEvent) bool { return e.ID == event }); i >= 0 {
		return h.sales[i].Whole
	}
	return nil
}

// bringBack makes a former model the one in use; those after it are not used any more.
func (s *Service) bringBack(ctx context.Context, m *ModelInfo, live TrackRecord) error {
	verdict := fmt.Sprintf("back in the place of version %d, which was worse on what happened: Brier score %.3f against %.3f on %d events", live.From, live.Said, live.Other, live.Events)
	return s.settleLive(ctx, m.Version, live, verdict, "model.rolled_back", func(tx *db.Tx) error {
		if err := promoteModel(tx, m.Version, byItself, verdict); err != nil {
			return err
		}
		return rejectAfter(tx, m.Version, fmt.Sprintf("worse than version %d on what happened", m.Version))
	})
}

// serveShare has the share of past events that sold out served instead of a model's forecasts.
func (s *Service) serveShare(ctx context.Context, m *ModelInfo, live TrackRecord) error {
	verdict := fmt.Sprintf("the share of past events that sold out is served: on %d events its Brier score was %.3f, that of what was said %.3f", live.Events, live.Other, live.Said)
	return s.settleLive(ctx, m.Version, live, verdict, "model.set_aside", func(tx *db.Tx) error { return promoteModel(tx, m.Version, byItself, verdict) })
}

// settleLive changes what is served, keeps why, has everything forecast anew, and writes it into
// the audit log.
func (s *Service) settleLive(ctx context.Context, version int, live TrackRecord, verdict, action string, change func(tx *db.Tx) error) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		live.At, live.Until = tx.Now(), tx.Now().Add(liveHold)
		if err := change(tx); err != nil {
			return err
		}
		if err := keepLive(tx, version, &live); err != nil {
			return err
		}
		if err := tx.Enqueue(foreseeAllJob()); err != nil {
			return err
		}
		return s.note(tx, byItself, action, version, map[string]any{"reason": verdict, "from": live.From, "events": live.Events, "said": live.Said, "other": live.Other})
	})
}

// note writes a line about a model into the audit log.
func (s *Service) note(tx *db.Tx, actor, action string, version int, detail map[string]any) error {
	if s.audit == nil {
		return nil
	}
	return s.audit.Note(tx, actor, action, fmt.Sprintf("model:%d", version), detail)
}
