package pricing

import (
	"context"
	"math"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/listing"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// policyVersion names the policy in the audit: raise it when decisions would differ.
const policyVersion = "policy 2"

// maxDays is how much of a long sale is looked at, back from its end.
const maxDays = 730

// question is all that a decision about one category is made from.
type question struct {
	event    listing.Event
	category listing.Category
	rule     Rule
	prices   []listing.Price // since the sale began, and the one before
	moment   policy.Moment
	days     []policy.Day // of the past, today as far as it has gone
	ahead    []float64    // forecast of the rest of today, and of the days to come
	today    time.Time    // midnight UTC of the date on the venue's clock
	foreseen float64      // forecast of all of today
	model    string
}

// soldOn is tickets by category and date.
type soldOn map[id.ID]map[time.Time]int

func (s *Service) soldByDay(ctx context.Context, event id.ID) (soldOn, error) {
	out := soldOn{}
	return out, s.shop.SoldByDay(ctx, event, func(category id.ID, day time.Time, sold, _ int, _ int64) error {
		if out[category] == nil {
			out[category] = map[time.Time]int{}
		}
		out[category][day.UTC()] += sold
		return nil
	})
}

// ask gathers what a decision about a category needs. Errors: fault.NotFound, fault.Transient.
func (s *Service) ask(ctx context.Context, e listing.Event, rule Rule, sold soldOn) (question, error) {
	k := e.Category(rule.Category)
	if k == nil {
		return question{}, fault.E("pricing.ask", fault.NotFound, "there is no such category", nil)
	}
	now := s.db.Now()
	q := question{event: e, category: *k, rule: rule}
	from := now.AddDate(0, 0, -30)
	if e.SaleFrom.Before(from) {
		from = e.SaleFrom
	}
	var err error
	if q.prices, err = s.shop.PricesSince(ctx, k.ID, from); err != nil {
		return question{}, err
	}
	q.moment = policy.Moment{Now: now, Doors: e.Doors, Price: k.PriceMinor}
	for i, p := range q.prices {
		q.moment.Past = append(q.moment.Past, policy.Price{At: p.At, Minor: p.Minor})
		if i > 0 && p.At.After(e.SaleFrom) {
			q.moment.Changed++
		}
	}
	return q, s.look(ctx, &q, sold[k.ID])
}

// look lines up the days of the sale: what was forecast, asked and sold.
func (s *Service) look(ctx context.Context, q *question, sold map[time.Time]int) error {
	zone := zoneOf(q.event.Zone)
	first, last := dateIn(q.event.SaleFrom, zone), dateIn(q.event.SaleEnd.Add(-time.Nanosecond), zone)
	if limit := last.AddDate(0, 0, 1-maxDays); first.Before(limit) {
		first = limit
	}
	if last.Before(first) {
		return nil
	}
	forecast, err := s.forecast(ctx, q, first, last)
	if err != nil {
		return err
	}
	seen, err := s.foreseen(ctx, q.category.ID)
	if err != nil {
		return err
	}
	q.today = dateIn(q.moment.Now, zone)
	for i, f := range forecast {
		day := first.AddDate(0, 0, i)
		if day.Equal(q.today) {
			q.foreseen = f
		}
		if day.Before(q.today) && f == 0 {
			f = seen[day] // a forecast that no longer speaks of what is over
		}
		q.take(day, zone, f, sold[day])
	}
	return nil
}

// take adds one date with its forecast: to the days that have been, as far as it is
// over, and to those ahead, as far as it is not.
func (q *question) take(day time.Time, zone *time.Location, forecast float64, sold int) {
	start := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zone)
	end := time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, zone)
	gone := min(max(q.moment.Now.Sub(start).Hours()/end.Sub(start).Hours(), 0), 1)
	if gone > 0 {
		until := end
		if until.After(q.moment.Now) {
			until = q.moment.Now
		}
		full := q.category.Free <= 0 && day.Equal(q.today)
		q.days = append(q.days, policy.Day{Forecast: forecast * gone, Ratio: q.meanPrice(start, until) / float64(q.rule.ListMinor), Sold: float64(sold), Full: full})
	}
	if gone < 1 {
		q.ahead = append(q.ahead, forecast*(1-gone))
	}
}

// forecast asks analytics, and where it cannot say, takes the usual booking curve.
func (s *Service) forecast(ctx context.Context, q *question, first, last time.Time) ([]float64, error) {
	n := int(math.Round(last.Sub(first).Hours()/24)) + 1
	if s.forecasts != nil {
		f, version, err := s.forecasts.DailyDemand(ctx, q.category.ID, first, last)
		if err == nil && len(f) == n {
			q.model = version + ", " + policyVersion
			return f, nil
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
	}
	q.model = "usual booking curve, " + policyVersion
	return policy.UsualDemand(n, q.category.Capacity), nil
}

// meanPrice is the price in force between two moments, weighted by time.
func (q *question) meanPrice(from, until time.Time) float64 {
	if len(q.prices) == 0 || !until.After(from) {
		return float64(q.category.PriceMinor)
	}
	sum := 0.0
	for i, p := range q.prices {
		begin, end := p.At, until
		if i == 0 || begin.Before(from) {
			begin = from // the first price is taken for what was before it
		}
		if i+1 < len(q.prices) && q.prices[i+1].At.Before(until) {
			end = q.prices[i+1].At
		}
		if end.After(begin) {
			sum += float64(p.Minor) * end.Sub(begin).Seconds()
		}
	}
	return sum / until.Sub(from).Seconds()
}

// dateIn is midnight UTC of the date that a clock shows.
func dateIn(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func zoneOf(name string) *time.Location {
	if zone, err := time.LoadLocation(name); err == nil {
		return zone
	}
	return time.UTC
}
