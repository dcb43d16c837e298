package analytics

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/id"
)

// saleEvent is an event that is, or was, sold here, with how it sold.
type saleEvent struct {
	ID             id.ID
	Slug, Currency string
	Names          []string // that facts call it by: id, slug, and what another shop that sells it says
	Zone           *time.Location
	Starts         time.Time
	Today          forecast.Day // on the venue's clock
	Whole          *forecast.Event
	Sold, Capacity int // now
	Categories     []saleCategory
}

type saleCategory struct {
	ID             id.ID
	Name           string
	Sold, Capacity int   // now
	PriceMinor     int64 // now
	Event          *forecast.Event
}

// over reports whether the event's day has passed.
func (e *saleEvent) over() bool { return e.Whole.Date < e.Today }

// yearsOfHistory is how far back events are learned from.
const yearsOfHistory = 5

// salesSince reads every event of the shop that starts after a moment, with its bookings
// up to yesterday: today is not over.
func (s *Service) salesSince(ctx context.Context, after time.Time) ([]*saleEvent, error) {
	if s.shop == nil {
		return nil, nil
	}
	profiles, err := s.profiles(ctx)
	if err != nil {
		return nil, err
	}
	var out []*saleEvent
	err = s.shop.EachEvent(ctx, after, func(event id.ID, slug, currency, zone string, saleFrom, _, startsAt time.Time) error {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			loc = time.UTC
		}
		e := &saleEvent{ID: event, Slug: slug, Names: []string{event.String(), slug}, Currency: currency, Zone: loc, Starts: startsAt, Today: forecast.DayOf(s.db.Now().In(loc))}
		e.Whole = &forecast.Event{ID: event.String(), Date: forecast.DayOf(startsAt.In(loc))}
		if !saleFrom.IsZero() {
			e.Whole.OnSale = forecast.DayOf(saleFrom.In(loc))
		}
		profiles[event].describe(e.Whole)
		out = append(out, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	elsewhere := map[id.ID]string{}
	if err := s.shop.EachShopName(ctx, func(event id.ID, shop string) error { elsewhere[event] = shop; return nil }); err != nil {
		return nil, err
	}
	for _, e := range out {
		if shop := elsewhere[e.ID]; shop != "" {
			e.Names = append(e.Names, shop)
		}
		if err := s.fillSales(ctx, e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// fillSales reads an event's categories, bookings, prices and posts.
func (s *Service) fillSales(ctx context.Context, e *saleEvent) error {
	err := s.shop.EachCategory(ctx, e.ID, func(category id.ID, name string, capacity, sold, _ int, priceMinor int64) error {
		c := *e.Whole
		c.ID, c.Capacity = category.String(), capacity
		e.Categories = append(e.Categories, saleCategory{category, name, sold, capacity, priceMinor, &c})
		e.Sold, e.Capacity = e.Sold+sold, e.Capacity+capacity
		return nil
	})
	if err != nil {
		return err
	}
	moves, first, err := s.movesOf(ctx, e)
	if err != nil {
		return err
	}
	if e.Whole.OnSale == 0 || e.Whole.OnSale > first && len(moves) > 0 {
		e.Whole.OnSale = first
	}
	e.Whole.OnSale = min(e.Whole.OnSale, e.Whole.Date)
	e.Whole.Capacity = e.Capacity
	until := min(e.Today-1, e.Whole.Date)
	days := max(int(until-e.Whole.OnSale)+1, 0)
	e.Whole.Sold = make([]int, days)
	for i := range e.Categories {
		c := &e.Categories[i]
		c.Event.OnSale, c.Event.Sold = e.Whole.OnSale, make([]int, days)
		for _, m := range moves {
			if k := int(m.day - e.Whole.OnSale); m.category == c.ID && k >= 0 && k < days {
				c.Event.Sold[k] += m.n
				e.Whole.Sold[k] += m.n
			}
		}
		if err := s.fillPrices(ctx, e, c, days); err != nil {
			return err
		}
	}
	e.meanPrices(days)
	return s.fillPosts(ctx, e, days)
}

// saleMove is what a category sold on a day, less what came back.
type saleMove struct {
	category id.ID
	day      forecast.Day
	n        int
}

// movesOf reads an event's bookings; first is the earliest of their days, today at most.
func (s *Service) movesOf(ctx context.Context, e *saleEvent) (moves []saleMove, first forecast.Day, err error) {
	first = e.Today
	err = s.shop.SoldByDay(ctx, e.ID, func(category id.ID, day time.Time, sold, returned int, _ int64) error {
		m := saleMove{category, forecast.DayOf(day), sold - returned}
		moves, first = append(moves, m), min(first, m.day)
		return nil
	})
	return moves, first, err
}

// fillPrices reads what a category has cost at the end of each day.
func (s *Service) fillPrices(ctx context.Context, e *saleEvent, c *saleCategory, days int) error {
	price := make([]float64, days)
	list := float64(c.PriceMinor)
	begun := false
	err := s.shop.EachPrice(ctx, c.ID, func(since time.Time, priceMinor int64, _ string) error {
		if !begun {
			list, begun = float64(priceMinor), true
		}
		for k := max(int(forecast.DayOf(since.In(e.Zone))-e.Whole.OnSale), 0); k < days; k++ {
			price[k] = float64(priceMinor)
		}
		return nil
	})
	for k := range price {
		if price[k] == 0 {
			price[k] = list
		}
	}
	c.Event.Price, c.Event.ListPrice = price, list
	return err
}

// meanPrices gives the whole event the prices of its categories, by capacity.
func (e *saleEvent) meanPrices(days int) {
	e.Whole.Price = make([]float64, days)
	for _, c := range e.Categories {
		share := float64(c.Capacity) / float64(max(e.Capacity, 1))
		e.Whole.ListPrice += share * c.Event.ListPrice
		for k := range days {
			e.Whole.Price[k] += share * c.Event.Price[k]
		}
	}
}

// fillPosts gives the event and its categories the posts of each day and their sentiment.
func (s *Service) fillPosts(ctx context.Context, e *saleEvent, days int) error {
	posts, sentiment, err := s.postsByDay(ctx, e.Names, e.Whole.OnSale, days)
	if err != nil || posts == nil {
		return err
	}
	e.Whole.Social, e.Whole.Sentiment = posts, sentiment
	for _, c := range e.Categories {
		c.Event.Social, c.Event.Sentiment = posts, sentiment
	}
	return nil
}

// history is all that a model learns from.
type history struct {
	over   []*forecast.Event // those sold here come first
	here   int               // of over
	onSale []*forecast.Event
	sales  []*saleEvent
	rivals []rival // of others
}

// history reads what was sold here in the last years, and what was imported.
func (s *Service) history(ctx context.Context) (*history, error) {
	h, err := s.since(ctx, s.db.Now().AddDate(-yearsOfHistory, 0, 0))
	if err != nil {
		return nil, err
	}
	imported, err := s.pastEvents(ctx)
	if err != nil {
		return nil, err
	}
	here := map[string]bool{} // an export of ours, imported again, holds them too
	for _, e := range h.sales {
		here[e.ID.String()] = true
	}
	for _, p := range imported {
		if !here[p.Name] && p.Event.Capacity > 0 && p.Event.Date < forecast.DayOf(s.db.Now()) {
			h.over = append(h.over, p.Event)
		}
	}
	return h, nil
}

// present reads what is on sale now and around it: enough to forecast, not to learn.
func (s *Service) present(ctx context.Context) (*history, error) {
	return s.since(ctx, s.db.Now().AddDate(0, -1, 0))
}

// since reads the events that start after a moment, ours and others'.
func (s *Service) since(ctx context.Context, after time.Time) (*history, error) {
	h := &history{}
	var err error
	if h.sales, err = s.salesSince(ctx, after); err != nil {
		return nil, err
	}
	for _, e := range h.sales {
		if e.over() {
			h.over = append(h.over, e.Whole)
		} else if len(e.Whole.Sold) > 0 {
			h.onSale = append(h.onSale, e.Whole)
		}
	}
	h.here = len(h.over)
	if h.rivals, err = s.rivals(ctx, forecast.DayOf(after)); err != nil {
		return nil, err
	}
	return h, nil
}

// calendar is who competes with whom, as far as it is known.
func (h *history) calendar() *forecast.Calendar {
	all := append([]*forecast.Event{}, h.over...)
	for _, e := range h.sales {
		if !e.over() {
			all = append(all, e.Whole)
		}
	}
	for _, r := range h.rivals {
		all = append(all, r.Event)
	}
	return forecast.NewCalendar(all)
}
