package analytics

import (
	"cmp"
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

const (
	nowAlarms = 50 // that are counted
	nowTold   = 6  // that are told
	nowFresh  = 15 * time.Minute
)

// Glance is what analytics has to say on the page Now: what the detectors noticed, and
// facts that no listener could handle.
func (s *Service) Glance(ctx context.Context, _ string) (g web.Glance, err error) {
	alarms, err := s.findAlarms(ctx, series{}, id.Nil, nowAlarms)
	if err != nil {
		return g, err
	}
	day, fresh := 0, false
	for i, a := range alarms {
		if now := s.db.Now(); a.Announced.After(now.Add(-24 * time.Hour)) {
			day++
			fresh = fresh || a.Announced.After(now.Add(-nowFresh))
		}
		if i < nowTold {
			g.News = append(g.News, web.News{At: a.Announced, What: a.tell(s.nameOf(ctx, a.Event)), Link: seriesLink(series{a.Detector, a.Event, a.Category})})
		}
	}
	g.Figures = []web.Figure{{Name: web.T("Alarms"), Value: web.T("%v", web.Number(day)), Note: web.T("changes of demand noticed within 24 hours"), Link: "/alarms", Urgent: fresh}}
	parked, err := s.stream.ParkedByListener(ctx)
	sum := 0
	for _, n := range parked {
		sum += n
	}
	if sum > 0 {
		g.Alerts = []web.Alert{{What: web.T("%v facts are parked: a listener could not handle them.", web.Number(sum)),
			Do: web.T("Look at what is wrong, then replay or discard them."), Link: "/stream/parked"}}
	}
	return g, err
}

// nameOf is what people call an event that facts name by its id; any other name as it is.
func (s *Service) nameOf(ctx context.Context, event string) string {
	sold, err := id.Parse(event)
	if err != nil {
		return event
	}
	return cmp.Or(s.titleOf(ctx, sold), event)
}

// titleOf is the title of an event that is, or was, sold here; "" of any other.
func (s *Service) titleOf(ctx context.Context, event id.ID) string {
	if s.shop == nil {
		return ""
	}
	e, err := s.shop.Listing(ctx, event)
	if err != nil {
		return ""
	}
	return e.Title
}

// namer is nameOf for one page, on which the same events come again and again.
func (s *Service) namer(ctx context.Context) func(event string) string {
	known := map[string]string{}
	return func(event string) string {
		name, ok := known[event]
		if !ok {
			name = s.nameOf(ctx, event)
			known[event] = name
		}
		return name
	}
}

// tell is an alarm as news, of an event by its name.
func (a Alarm) tell(name string) web.Text {
	if a.Category != "" {
		name += ", " + a.Category
	}
	if a.Direction == "up" {
		return web.T("%s rose: %s (%s)", name, web.Told(a.what()), a.Detector)
	}
	return web.T("%s fell: %s (%s)", name, web.Told(a.what()), a.Detector)
}
