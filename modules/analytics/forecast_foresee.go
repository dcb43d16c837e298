package analytics

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

func noForecast() error {
	return fault.E("analytics.Forecast", fault.NotFound, "there is no forecast of it", nil).WithFix("forecasts are made of events that are published and not over")
}

func sortByDate(events []*forecast.Event) {
	slices.SortStableFunc(events, func(a, b *forecast.Event) int { return cmp.Compare(a.Date, b.Date) })
}

// seer forecasts with the model in use; without one, with the priors.
type seer struct {
	model    *forecast.Model
	version  int
	served   string
	calendar *forecast.Calendar
}

func (s *Service) seer(ctx context.Context, calendar *forecast.Calendar) (seer, error) {
	m, err := s.activeModel(ctx)
	if err != nil {
		return seer{}, err
	}
	if m == nil {
		prior, err := forecast.Train(nil, nil)
		return seer{prior, 0, forecast.Methods[0], calendar}, err
	}
	served := forecast.Methods[0]
	if m.Report != nil && m.Report.Served != "" {
		served = m.Report.Served
	}
	if m.Live.holds(s.db.Now()) && m.Live.Served != "" {
		served = m.Live.Served
	}
	return seer{m.Model, m.Version, served, calendar}, nil
}

// Foresee makes the forecasts of events anew: of those that are named, as facts do, or of
// all that are not over.
func (s *Service) Foresee(ctx context.Context, names []string) error {
	h, err := s.present(ctx)
	if err != nil {
		return err
	}
	eye, err := s.seer(ctx, h.calendar())
	if err != nil {
		return err
	}
	for _, e := range h.sales {
		if e.over() || names != nil && !slices.ContainsFunc(e.Names, func(name string) bool { return slices.Contains(names, name) }) {
			continue
		}
		err := s.db.InTx(ctx, func(tx *db.Tx) error {
			for _, f := range eye.foresee(e) {
				if err := saveForecast(tx, f); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// foresee forecasts an event and each of its categories.
func (y seer) foresee(e *saleEvent) []Forecast {
	var out []Forecast
	if e.Capacity > 0 {
		out = append(out, y.one(e, id.Nil, e.Whole, e.Sold))
	}
	for _, c := range e.Categories {
		if c.Capacity > 0 {
			out = append(out, y.one(e, c.ID, c.Event, c.Sold))
		}
	}
	return out
}

// one forecasts from the end of yesterday. now is what is sold by now: an event that has
// sold out today is sold out.
func (y seer) one(e *saleEvent, category id.ID, what *forecast.Event, now int) Forecast {
	at := e.Today - 1
	o := y.model.Outlook(what, at, y.calendar)
	gone := now >= what.Capacity
	p := func(h int) float64 {
		switch {
		case gone:
			return 1
		case y.served == "climatology":
			return o.ByClimatology(h)
		}
		return o.SoldOut(h)
	}
	f := Forecast{
		Event: e.ID, Category: category, At: at.Time(), Model: y.version, Date: what.Date.Time(), Capacity: what.Capacity, Sold: o.Sold,
		Expected: o.Expected(o.Days), Within: p(within), Final: p(o.Days), Curve: Curve{Served: y.served},
	}
	f.Low, f.High = o.Interval(o.Days, .8)
	if gone {
		f.Expected, f.Low, f.High = float64(what.Capacity), what.Capacity, what.Capacity
	}
	for h := 1; h <= o.Days; h++ {
		low, high := o.Interval(h, .8)
		expected := o.Expected(h)
		if gone {
			low, high, expected = what.Capacity, what.Capacity, float64(what.Capacity)
		}
		f.Curve.Expected = append(f.Curve.Expected, expected)
		f.Curve.Low, f.Curve.High = append(f.Curve.Low, low), append(f.Curve.High, high)
		f.Curve.SoldOut = append(f.Curve.SoldOut, p(h))
	}
	return f
}

// DailyDemand is how many tickets of a category people would want on each date of the
// venue's clock from from to until (both included, midnight UTC of the date), at its list
// price and if nothing ran out, as the model sees it now; version names the model. Days
// that are over, and after the event, have 0. Errors: fault.NotFound when it cannot say.
func (s *Service) DailyDemand(ctx context.Context, category id.ID, from, until time.Time) (tickets []float64, version string, err error) {
	first, last := forecast.DayOf(from), forecast.DayOf(until)
	if last < first || last-first > 1500 {
		return nil, "", fault.E("analytics.DailyDemand", fault.Invalid, fmt.Sprintf("%v to %v is no range of days", first, last), nil)
	}
	h, err := s.present(ctx)
	if err != nil {
		return nil, "", err
	}
	eye, err := s.seer(ctx, h.calendar())
	if err != nil {
		return nil, "", err
	}
	for _, e := range h.sales {
		for _, c := range e.Categories {
			if c.ID != category || c.Capacity <= 0 {
				continue
			}
			return eye.demand(e, c, first, last), fmt.Sprintf("forecast %d", eye.version), nil
		}
	}
	return nil, "", noForecast()
}

// demand takes the price out: bookings so far were at the prices of then, what is to come
// is at the list price.
func (y seer) demand(e *saleEvent, c saleCategory, first, last forecast.Day) []float64 {
	at := e.Today - 1
	daily := y.model.OutlookAt(c.Event, at, c.Event.ListPrice, y.calendar).Daily
	out := make([]float64, last-first+1)
	for i := range out {
		if k := int(first) + i - int(at) - 1; k >= 0 && k < len(daily) {
			out[i] = daily[k]
		}
	}
	return out
}

// JudgeForecasts notes what became of forecasts whose time has come.
func (s *Service) JudgeForecasts(ctx context.Context) error {
	all, err := s.salesSince(ctx, s.db.Now().AddDate(-1, 0, 0))
	if err != nil {
		return err
	}
	known := map[[2]id.ID]*forecast.Event{}
	for _, e := range all {
		known[[2]id.ID{e.ID, id.Nil}] = e.Whole
		for _, c := range e.Categories {
			known[[2]id.ID{e.ID, c.ID}] = c.Event
		}
	}
	today := forecast.DayOf(s.db.Now()) - 1 // wherever the venue is, yesterday is over
	open, err := s.openForecasts(ctx, today)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		for _, f := range open {
			if e := known[[2]id.ID{f.Event, f.Category}]; e != nil {
				f.judge(e, today)
				if err := noteOutcome(tx, f); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// judge compares with what happened up to a day.
func (f *Forecast) judge(e *forecast.Event, today forecast.Day) {
	at := forecast.DayOf(f.At)
	day, soldOut := e.SoldOut()
	if near := min(at+within, e.Date); near < today {
		yes := soldOut && day <= near
		f.OutcomeWithin = &yes
	}
	if e.Date < today {
		n := e.SoldBy(e.Date)
		f.OutcomeFinal, f.FinalSold = &soldOut, &n
	}
}
