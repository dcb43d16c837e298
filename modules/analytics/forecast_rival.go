package analytics

import (
	"context"
	"strings"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/analytics/icalendar"
	"github.com/usherhq/usher/modules/kernel/db"
)

// Surroundings are what a calendar does not tell of its events.
type Surroundings struct {
	City     string `json:"city" validate:"required,max=200"`
	Genre    string `json:"genre" validate:"max=60"`
	Capacity int    `json:"capacity" validate:"min=1,max=10000000"` // what such an event usually holds
}

// ImportCalendar takes a public calendar (iCalendar) as rivals of our events: their
// categories are tags, and they count from the day they were announced. One that is
// known already is replaced. It returns how many there were. Errors: fault.Invalid with
// the line.
func (s *Service) ImportCalendar(ctx context.Context, file []byte, around Surroundings) (n int, err error) {
	events, err := icalendar.Parse(file)
	if err != nil {
		return 0, err
	}
	return len(events), s.db.InTx(ctx, func(tx *db.Tx) error {
		for _, e := range events {
			if err := saveRival(tx, e.UID, rivalOf(e, around, forecast.DayOf(tx.Now()))); err != nil {
				return err
			}
		}
		return tx.Enqueue(foreseeAllJob())
	})
}

// rivalOf is an event of a calendar as forecasts know it.
func rivalOf(e icalendar.Event, around Surroundings, today forecast.Day) *forecast.Event {
	r := &forecast.Event{
		ID: e.Summary, Date: forecast.DayOf(e.Day), OnSale: today, Capacity: around.Capacity, City: strings.TrimSpace(around.City),
		Genre: around.Genre, Tags: e.Categories, Lat: e.Lat, Lon: e.Lon, Located: e.Located,
	}
	if !e.Created.IsZero() {
		r.OnSale = forecast.DayOf(e.Created)
	}
	r.OnSale = min(r.OnSale, r.Date)
	return r
}
