package proximity

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/proximity/heatmap"
)

// Layout is what an event says about how its venue is laid out. It is made of what was
// published of the event, and of nothing else: who reads both learns no more than by one.
type Layout struct {
	Event    string        `json:"event"`
	At       time.Time     `json:"at,omitzero"` // end of the last picture it rests on
	Complete bool          `json:"complete"`    // the ways to stalls are known: the event is over
	Hour     time.Time     `json:"busiest_hour,omitzero"`
	Flow     []heatmap.Way `json:"flow"`              // people of that hour between places
	Unknown  []string      `json:"unknown,omitempty"` // stalls that nothing is known of
	heatmap.Layout

	sites  []heatmap.Site // the stalls in the venue's order, then the areas
	matrix [][]float64    // flow between them
}

// Layout makes the report of an event for its venue as it is drawn now, with the stalls
// that are pinned now. It takes well under a second, whatever the venue. Errors: fault.NotFound.
func (s *Service) Layout(ctx context.Context, event string) (Layout, Venue, error) {
	e, err := s.Event(ctx, event)
	if err != nil {
		return Layout{}, Venue{}, err
	}
	v, err := s.Venue(ctx, e.Venue)
	if err != nil {
		return Layout{}, v, err
	}
	past, err := s.study(ctx, &e, &v)
	if err != nil {
		return Layout{}, v, err
	}
	out := Layout{Event: e.Name, At: past.until, Complete: past.errands != nil, Hour: past.hour, Flow: []heatmap.Way{}}
	out.Bottlenecks = heatmap.Bottlenecks(past.passages())
	if past.errands == nil {
		out.Underused = []heatmap.Underused{}
		return out, v, nil
	}
	if out.Underused, err = heatmap.UnderusedStalls(past.trips()); err != nil {
		return out, v, err
	}
	out.sites, out.Unknown = past.sites()
	out.matrix, out.Flow = past.hourly(out.sites)
	out.Better = heatmap.Arrange(out.sites, out.matrix)
	return out, v, nil
}

// study gathers what was published of an event.
func (s *Service) study(ctx context.Context, e *Event, v *Venue) (*study, error) {
	q := s.db.Pool()
	pictures, err := bareFigures(ctx, q, e.ID)
	if err != nil {
		return nil, err
	}
	y := &study{venue: v}
	y.count(pictures)
	if y.flows, err = allFlows(ctx, q, e.ID); err != nil {
		return nil, err
	}
	if y.errands, err = errandsOf(ctx, q, e.ID); err != nil {
		return nil, err
	}
	y.queues, err = peakQueues(ctx, q, e.ID)
	return y, err
}
