package hub

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Report is how far a notification is, and what became of its deliveries.
type Report struct {
	Notification Notification            `json:"notification"`
	Total        int64                   `json:"total"`    // deliveries wanted
	Recorded     int64                   `json:"recorded"` // with a final outcome
	Waiting      int64                   `json:"waiting"`  // to be tried again: transient answers, quiet hours
	Requests     int64                   `json:"requests"` // to push services, repeats included
	Retried      int64                   `json:"retried"`  // deliveries that took more than one attempt
	Outcomes     map[string]int64        `json:"outcomes"` // by state
	Services     []Breakdown             `json:"services"`
	Locales      []Breakdown             `json:"locales"`
	Opened       int64                   `json:"opened"`
	Clicked      int64                   `json:"clicked"`
	Seconds      float64                 `json:"seconds"`           // from the start to the end, or to now
	Rate         float64                 `json:"rate"`              // recorded a second, until every installation had its first try
	Holding      map[push.Service]string `json:"holding,omitempty"` // services that wait, and why

	tried time.Time // the last chunk's first pass ended; zero: not yet
}

// Breakdown is a part of a report: one push service, or one language.
type Breakdown struct {
	Name     string           `json:"name"`
	Total    int64            `json:"total,omitempty"` // known by service only
	Recorded int64            `json:"recorded"`
	Retried  int64            `json:"retried"`
	Outcomes map[string]int64 `json:"outcomes"`
	Causes   []Cause          `json:"causes,omitempty"` // of what was not delivered; known by service only
}

// Cause counts the deliveries that came to one state for one reason.
type Cause struct {
	State  string `json:"state"`
	Reason string `json:"reason"` // the push service's word, or ours; without details
	Count  int64  `json:"count"`
}

// Progress is the part of the wanted deliveries that has an outcome, 0 … 1.
func (r Report) Progress() float64 {
	if r.Total == 0 {
		return 1
	}
	return min(float64(r.Recorded)/float64(r.Total), 1)
}

// Finished reports whether nothing more will happen.
func (r Report) Finished() bool { return r.Notification.FinishedAt != nil }

// Report gathers a notification's progress and outcomes. Errors: fault.NotFound.
func (s *Service) Report(ctx context.Context, notification id.ID) (Report, error) {
	n, err := s.Notification(ctx, notification)
	if err != nil {
		return Report{}, err
	}
	r := Report{Notification: n, Outcomes: map[string]int64{}, Holding: map[push.Service]string{}}
	if err := s.readTallies(ctx, &r); err != nil {
		return r, err
	}
	if err := s.readExtras(ctx, &r); err != nil {
		return r, err
	}
	for _, b := range r.Services {
		r.Total += b.Total
		r.Recorded += b.Recorded
		r.Retried += b.Retried
		for state, count := range b.Outcomes {
			r.Outcomes[state] += count
		}
	}
	if n.StartedAt != nil {
		end := s.db.Now()
		if n.FinishedAt != nil {
			end = *n.FinishedAt
		}
		r.Seconds = max(end.Sub(*n.StartedAt).Seconds(), 0)
		r.Rate = r.rate()
	}
	return r, nil
}

// rate leaves out the long tail of repeats: they wait on purpose.
func (r Report) rate() float64 {
	seconds := r.Seconds
	if first := r.tried.Sub(*r.Notification.StartedAt).Seconds(); r.Recorded+r.Waiting >= r.Total && first > 0 {
		seconds = min(seconds, first)
	}
	if seconds <= 0 {
		return 0
	}
	return float64(r.Recorded) / seconds
}

// Step is one thing a trace found out, in plain words.
type Step struct {
	At   *time.Time `json:"at,omitempty"`
	What string     `json:"what"`
	OK   bool       `json:"ok"`
}

// Trace answers "why did this phone (not) get it": every rule a notification
// passed through on its way to one installation.
type Trace struct {
	Notification id.ID  `json:"notification"`
	Installation string `json:"installation"`
	Outcome      string `json:"outcome"` // a delivery state, "waiting", "pending" or "not in the audience"
	Steps        []Step `json:"steps"`
}

// Delivery is one recorded outcome.
type Delivery struct {
	Installation string       `json:"installation,omitempty"` // "" once it is deleted; ~ and its id for a registration
	Registration string       `json:"registration,omitempty"` // Registration.ID of the row it went to
	Kind         string       `json:"kind,omitempty"`         // of the handle
	Target       *int         `json:"target,omitempty"`       // index into a direct send's handles
	Service      push.Service `json:"service"`
	State        string       `json:"state"`
	Status       int          `json:"status,omitempty"`
	Reason       string       `json:"reason,omitempty"`
	Attempts     int          `json:"attempts"`
	At           time.Time    `json:"at"`
	ID           string       `json:"id"`

	place deliveryPlace
}

// noPlace is below every number a delivery can have.
const noPlace = -1 << 62
