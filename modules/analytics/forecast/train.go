package forecast

import (
	"math"
	"slices"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/fit"
)

// ModelVersion is raised when a stored model's meaning changes; an older one is trained anew.
const ModelVersion = 1

// Model is everything a forecast needs, trained on past events. It is stored as JSON.
type Model struct {
	Version  int          `json:"version"`
	Names    []string     `json:"names"` // of the columns
	Coef     []float64    `json:"coef"`
	Priors   []fit.Prior  `json:"priors"`
	Variance fit.Variance `json:"variance"`
	Effect   Effect       `json:"effect"`
	Refs     References   `json:"references"`
	Past     []Curve      `json:"past"` // for the pick-up

	Events int `json:"events"` // trained on
	Days   int `json:"days"`   // rows
	From   Day `json:"from"`   // dates of the first and the last event
	To     Day `json:"to"`
}

// What is assumed of the variance before any data: mean and deviation of φ and κ.
var (
	priorPhi   = fit.Prior{Mean: 2.8, SD: 1}
	priorKappa = fit.Prior{Mean: .15, SD: .5}
)

const (
	rounds     = 2    // of coefficients, then variance
	iterations = 12   // of coefficients, in a round
	settled    = 1e-4 // no coefficient moves more: the round is over
	etaMin     = -12.0
	etaMax     = 9.0
	maxStep    = 1.5
)

// Train fits a model on events that are over. Events without capacity or bookings do
// not count. calendar tells the rivals; nil: nothing is known of them.
// No events give the model of the priors. Errors: fault.Invalid for values that are no numbers.
func Train(events []*Event, calendar *Calendar) (*Model, error) {
	return TrainWith(events, nil, calendar)
}

// TrainWith fits on events that are over and on the days so far of events on sale.
func TrainWith(over, onSale []*Event, calendar *Calendar) (*Model, error) {
	t := newTraining(usable(over), calendar)
	for _, e := range usable(onSale) {
		t.all = append(t.all, t.record(e, t.model.Refs.Artist[e.Artist], calendar.Rivals(e)))
		t.model.Days += len(e.Sold)
	}
	m := t.model
	if len(t.all) == 0 {
		return m, nil
	}
	if err := t.fitAll(); err != nil {
		return nil, err
	}
	if err := t.tune(); err != nil {
		return nil, err
	}
	return m, nil
}

const (
	many  = 1200 // records, of which some tell the way before all are looked at
	some  = 400  // of them
	final = 5    // iterations over all, from there
)

// fitAll estimates the model from all records; from many, begins with what an even part of
// them gives, so that few iterations over all are needed.
func (t *training) fitAll() error {
	if len(t.all) <= many {
		return t.fit(t.all, t.model, rounds, iterations)
	}
	part := make([]*record, some)
	for i := range part {
		part[i] = t.all[i*len(t.all)/some]
	}
	if err := t.fit(part, t.model, rounds, iterations); err != nil {
		return err
	}
	return t.fit(t.all, t.model, 1, final)
}

// usable are the events to learn from, in the order of their dates.
func usable(events []*Event) (out []*Event) {
	for _, e := range events {
		if e.Capacity > 0 && len(e.Sold) > 0 {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b *Event) int { return int(a.Date - b.Date) })
	return out
}

// training is the rows of the past events with room to work in.
type training struct {
	model  *Model
	all    []*record // of past, then of events on sale
	past   []*Event
	rivals [][]Rival
	fame   []float64
}

// record is one past event's rows: its days of sale up to the one it sold out on.
type record struct {
	x        [][]float64
	y        []float64
	logC     float64
	soldOut  bool // on the last row
	mu       []float64
	effect   float64 // u
	event    *Event
	weighted [][]float64 // x, demeaned
	z, w     []float64
	meanX    []float64
}

func newTraining(past []*Event, calendar *Calendar) *training {
	t := &training{past: past}
	m := &Model{Version: ModelVersion, Effect: priorEffect(len(past)), Variance: fit.Variance{Phi: priorPhi.Mean, Kappa: priorKappa.Mean}, Events: len(past)}
	m.Refs = referencesOf(past)
	m.Names, m.Priors = m.Refs.names(), m.Refs.priors()
	m.Coef = make([]float64, len(m.Priors))
	for j, p := range m.Priors {
		m.Coef[j] = p.Mean
	}
	t.model = m
	t.fame = famesBefore(past)
	for i, e := range past {
		t.rivals = append(t.rivals, calendar.Rivals(e))
		r := t.record(e, t.fame[i], t.rivals[i])
		t.all = append(t.all, r)
		m.Days += len(r.y)
	}
	if len(past) > 0 {
		m.From, m.To = past[0].Date, past[len(past)-1].Date
	}
	m.Past = curves(past)
	return t
}

func (t *training) record(e *Event, fame float64, rivals []Rival) *record {
	r := &record{event: e, logC: math.Log(float64(e.Capacity)), effect: 1}
	sold := 0
	for i, y := range e.Sold {
		day := e.OnSale + Day(i)
		if day > e.Date || r.soldOut {
			break
		}
		r.x = append(r.x, t.model.Refs.scene(e, day-1, fame, rivals).features(day))
		r.y = append(r.y, float64(max(y, 0)))
		sold += y
		r.soldOut = sold >= e.Capacity
	}
	n, p := len(r.y), len(t.model.Coef)
	r.mu, r.z, r.w, r.meanX = make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, p)
	flat := make([]float64, n*p)
	for i := range n {
		r.weighted = append(r.weighted, flat[i*p:(i+1)*p])
	}
	return r
}

// fit estimates m's coefficients and variance from the records, beginning with m's own.
func (t *training) fit(records []*record, m *Model, rounds, iterations int) error {
	for range rounds {
		for range iterations {
			moved, err := m.step(records)
			if err != nil {
				return err
			}
			if moved < settled {
				break
			}
		}
		m.learnVariance(records)
	}
	return nil
}

// means fills in each day's mean (u = 1) and the event's effect.
func (r *record) means(m *Model) {
	for i, x := range r.x {
		r.mu[i] = math.Exp(min(max(r.logC+dot(m.Coef, x), etaMin), etaMax))
	}
	y := r.y
	if r.soldOut { // more was wanted than was left
		y = slices.Clone(y)
		last := len(y) - 1
		y[last] = max(y[last], r.effect*r.mu[last])
	}
	r.effect = Effect{A: m.Effect.A}.update(m.Variance, y, r.mu).mean()
}

// step is one iteration of reweighted least squares.
//
// The days of an event are not independent: they share its effect, whose logarithm has
// the variance 1/a. The least squares are therefore generalised: from each row the
// part θ = 1 − √(a/(a+ΣW)) of its event's weighted mean is taken away, which makes the
// rows independent. Without it, twenty events would count like a thousand
// observations and the features of whole events would be believed far too much.
//
// Source: N. E. Breslow, D. G. Clayton, Approximate Inference in Generalized Linear
// Mixed Models, JASA 88 (1993); W. A. Fuller, G. E. Battese, Transformations for
// Estimation of Linear Models with Nested-Error Structure, JASA 68 (1973).
func (m *Model) step(records []*record) (moved float64, err error) {
	var d fit.Data
	for _, r := range records {
		r.means(m)
		r.work(m)
		d.X, d.Y, d.W = append(d.X, r.weighted...), append(d.Y, r.z...), append(d.W, r.w...)
	}
	// The intercept is a column like the others here: the solver's own stays at zero.
	s, err := fit.Linear(d, fit.Priors{Intercept: fit.Prior{SD: 1e-5}, Coef: m.Priors})
	if err != nil {
		return 0, fault.E("forecast.Train", fault.CodeOf(err), "the past events cannot be fitted: "+fault.Message(err), err)
	}
	for j := range m.Coef {
		by := min(max(s.Coef[j]-m.Coef[j], -maxStep), maxStep)
		m.Coef[j] += by
		moved = max(moved, math.Abs(by))
	}
	return moved, nil
}

// work fills in the weighted rows: weights uμ/(φ+κuμ), response xb + ln u + (y−uμ)/uμ,
// both less θ of their event's mean.
func (r *record) work(m *Model) {
	clear(r.meanX)
	var sum, meanZ float64
	logU := math.Log(r.effect)
	for i, x := range r.x {
		mu := r.effect * r.mu[i]
		y := r.y[i]
		if r.soldOut && i == len(r.x)-1 {
			y = max(y, mu)
		}
		r.w[i] = m.Variance.Weight(mu)
		r.z[i] = math.Log(r.mu[i]) - r.logC + logU + (y-mu)/mu
		sum += r.w[i]
		meanZ += r.w[i] * r.z[i]
		for j, v := range x {
			r.meanX[j] += r.w[i] * v
		}
	}
	theta := (1 - math.Sqrt(m.Effect.A/(m.Effect.A+sum))) / max(sum, 1e-12)
	for i, x := range r.x {
		r.z[i] -= theta * meanZ
		for j, v := range x {
			r.weighted[i][j] = v - theta*r.meanX[j]
		}
	}
}

// learnVariance regresses (y − uμ)² on uμ and (uμ)² with weights 1/2v², and the priors.
func (m *Model) learnVariance(records []*record) {
	var a11, a12, a22, b1, b2 float64
	for _, r := range records {
		r.means(m)
		for i, mu := range r.mu {
			if r.soldOut && i == len(r.mu)-1 {
				continue // how many were wanted is not known
			}
			mu *= r.effect
			v := m.Variance.At(mu)
			w := 1 / (2 * v * v)
			e := (r.y[i] - mu) * (r.y[i] - mu)
			a11, a12, a22 = a11+w*mu*mu, a12+w*mu*mu*mu, a22+w*mu*mu*mu*mu
			b1, b2 = b1+w*mu*e, b2+w*mu*mu*e
		}
	}
	l1, l2 := 1/(priorPhi.SD*priorPhi.SD), 1/(priorKappa.SD*priorKappa.SD)
	a11, a22, b1, b2 = a11+l1, a22+l2, b1+l1*priorPhi.Mean, b2+l2*priorKappa.Mean
	det := a11*a22 - a12*a12
	m.Variance.Phi = min(max((b1*a22-b2*a12)/det, 1), 30)
	m.Variance.Kappa = min(max((b2*a11-b1*a12)/det, .01), 10)
}

func dot(a, b []float64) (s float64) {
	for j, v := range a {
		s += v * b[j]
	}
	return s
}
