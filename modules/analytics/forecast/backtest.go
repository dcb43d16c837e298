package forecast

import (
	"slices"
	"time"
)

// Methods are the forecasters that a backtest compares, the one usually served first.
var Methods = []string{"blend", "model", "pick-up", "run-rate", "climatology"}

// by is a method's probability of being sold out h days later.
func (o *Outlook) by(method string, h int) float64 {
	switch method {
	case "model":
		return o.ByModel(h)
	case "pick-up":
		return o.ByPickup(h)
	case "run-rate":
		return o.ByRunRate(h)
	case "climatology":
		return o.ByClimatology(h)
	}
	return o.SoldOut(h)
}

// Options say what a backtest forecasts from what.
type Options struct {
	At     []int            // days before the event, such as 7, 14, 30, 60
	Within int              // the near horizon, days
	Before Day              // train on what was over by then, forecast the events since; 0: Folds
	Folds  int              // blocks in the order of time, each forecast from what was over before
	Once   bool             // one model a block, from what was over before its earliest forecast: quicker, and no luckier
	Now    func() time.Time // to measure the time of fitting; nil: not measured
	Step   func(done, of int)
}

// Report is what a backtest found.
type Report struct {
	Events     int           `json:"events"`    // forecast
	Forecasts  int           `json:"forecasts"` // one for each event and number of days before, unless sold out by then
	Within     int           `json:"within"`    // days
	At         []int         `json:"at"`        // days before the event
	Trained    int           `json:"trained"`   // most events that a model was trained on
	Fits       int           `json:"fits"`
	FitSeconds float64       `json:"fit_seconds"` // of all fits
	Methods    []MethodScore `json:"methods"`
	Served     string        `json:"served"` // blend, or climatology where the blend loses to it
	WhyServed  string        `json:"why_served"`
	said       map[string]*[2][]Said
	covered    map[string]*[2][]float64
}

// MethodScore is how good one method was.
type MethodScore struct {
	Method         string   `json:"method"`
	Within         Score    `json:"within"`
	Final          Score    `json:"by_event"`
	WithinCoverage *float64 `json:"within_coverage"` // of the 80 % interval; null: the method has none
	FinalCoverage  *float64 `json:"by_event_coverage"`
}

// Backtest forecasts past events as they would have been forecast then. A forecast sees
// only events that were over before the day it is made on, and of its own event only
// that day's past. Errors: those of Train.
func Backtest(events []*Event, o Options) (*Report, error) {
	events = slices.SortedFunc(slices.Values(events), func(a, b *Event) int { return int(a.Date - b.Date) })
	calendar := NewCalendar(events)
	r := NewReport(o.Within)
	r.At = o.At
	blocks := o.blocks(events)
	for i, block := range blocks {
		var m *Model
		var err error
		for k, d := range o.At {
			if m == nil || !o.Once {
				if m, err = r.fit(events, block[0], d, calendar, o); err != nil {
					return nil, err
				}
			}
			for _, e := range block {
				r.Forecast(m, e, d, calendar)
			}
			if o.Step != nil {
				o.Step(i*len(o.At)+k+1, len(blocks)*len(o.At))
			}
		}
		r.Events += len(block)
	}
	r.sum()
	return r, nil
}

// NewReport is a report without forecasts.
func NewReport(within int) *Report {
	r := &Report{Within: within, said: map[string]*[2][]Said{}, covered: map[string]*[2][]float64{}}
	for _, m := range Methods {
		r.said[m], r.covered[m] = &[2][]Said{}, &[2][]float64{}
	}
	return r
}

// Add takes the forecasts of another report in and scores them all together.
func (r *Report) Add(o *Report) {
	for _, m := range Methods {
		for k := range 2 {
			r.said[m][k] = append(r.said[m][k], o.said[m][k]...)
			r.covered[m][k] = append(r.covered[m][k], o.covered[m][k]...)
		}
	}
	r.Forecasts += o.Forecasts
	r.sum()
}

// blocks are the events to forecast, each block from one model for every d.
func (o Options) blocks(events []*Event) (out [][]*Event) {
	if o.Before > 0 {
		first, _ := slices.BinarySearchFunc(events, o.Before, func(e *Event, d Day) int { return int(e.Date - d) })
		if first == len(events) {
			return nil
		}
		return [][]*Event{events[first:]}
	}
	n := max(o.Folds, 1)
	for k := range n {
		if block := events[k*len(events)/n : (k+1)*len(events)/n]; len(block) > 0 {
			out = append(out, block)
		}
	}
	return out
}

// fit trains on what was over when the first event of a block is forecast, d days before
// it; with Once the most of the days.
func (r *Report) fit(events []*Event, first *Event, d int, calendar *Calendar, o Options) (*Model, error) {
	if o.Once {
		d = slices.Max(o.At)
	}
	until := first.Date - Day(d)
	if o.Before > 0 {
		until = min(until, o.Before)
	}
	var train []*Event
	for _, e := range events {
		if e.Date < until {
			train = append(train, e)
		}
	}
	begin := o.time()
	m, err := Train(train, calendar)
	if err != nil {
		return nil, err
	}
	r.Fits++
	r.FitSeconds += o.time().Sub(begin).Seconds()
	r.Trained = max(r.Trained, m.Events)
	return m, nil
}

func (o Options) time() time.Time {
	if o.Now == nil {
		return time.Time{}
	}
	return o.Now()
}

// Forecast makes and judges the forecasts of one event from d days before.
func (r *Report) Forecast(m *Model, e *Event, d int, calendar *Calendar) {
	at := e.Date - Day(d)
	if at < e.OnSale || e.Capacity <= 0 || e.SoldBy(at) >= e.Capacity {
		return
	}
	out := m.Outlook(e, at, calendar)
	r.Forecasts++
	for k, h := range []int{min(r.Within, d), d} {
		sold := e.SoldBy(at+Day(h)) - out.Sold
		soldOut := sold >= out.Left
		for _, method := range Methods {
			said := r.said[method]
			said[k] = append(said[k], Said{out.by(method, h), soldOut})
		}
		covered := out.demand(h).inside(sold, soldOut)
		for _, method := range []string{"blend", "model"} { // the blend's interval is the model's
			r.covered[method][k] = append(r.covered[method][k], covered)
		}
		rate := out.RunRate(h)
		r.covered["run-rate"][k] = append(r.covered["run-rate"][k], total{rate, rate * (1 + 1e-6)}.inside(sold, soldOut))
	}
}

// sum scores what was said.
func (r *Report) sum() {
	r.Methods = nil
	for _, m := range Methods {
		r.Methods = append(r.Methods, MethodScore{m, ScoreOf(r.said[m][0]), ScoreOf(r.said[m][1]), mean(r.covered[m][0]), mean(r.covered[m][1])})
	}
	blend, climate := r.Method("blend"), r.Method("climatology")
	r.Served, r.WhyServed = "blend", "it is at least as good as the share of past events that sold out"
	if r.Forecasts == 0 {
		r.WhyServed = "nothing could be tested: the priors stand"
	} else if blend.Within.Brier+blend.Final.Brier > climate.Within.Brier+climate.Final.Brier {
		r.Served, r.WhyServed = "climatology", "the share of past events that sold out was the better forecast"
	}
}

// Method is the score of one method.
func (r *Report) Method(name string) MethodScore {
	for _, m := range r.Methods {
		if m.Method == name {
			return m
		}
	}
	return MethodScore{}
}

func mean(x []float64) *float64 {
	if len(x) == 0 {
		return nil
	}
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	sum /= float64(len(x))
	return &sum
}
