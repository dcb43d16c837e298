package analytics

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/analytics/bookings"
	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Profile is what the promoter says of an event beyond what the shop needs to know.
type Profile struct {
	Genre  string   `json:"genre" validate:"max=60"`
	Tags   []string `json:"tags" validate:"max=20,dive,max=60"`
	Artist string   `json:"artist" validate:"max=200"`
	City   string   `json:"city" validate:"max=200"`
	Lat    *float64 `json:"lat" validate:"omitempty,gte=-90,lte=90"`
	Lon    *float64 `json:"lon" validate:"omitempty,gte=-180,lte=180"`
}

// describe gives an event what its profile says.
func (p Profile) describe(e *forecast.Event) {
	e.Genre, e.Tags, e.Artist, e.City = p.Genre, p.Tags, p.Artist, p.City
	if p.Lat != nil && p.Lon != nil {
		e.Lat, e.Lon, e.Located = *p.Lat, *p.Lon, true
	}
}

func (s *Service) profiles(ctx context.Context) (map[id.ID]Profile, error) {
	out := map[id.ID]Profile{}
	rows, err := s.db.Pool().Query(ctx, `SELECT event, genre, tags, artist, city, lat, lon FROM analytics.event_profile`)
	if err == nil {
		var event id.ID
		var p Profile
		_, err = pgx.ForEachRow(rows, []any{&event, &p.Genre, &p.Tags, &p.Artist, &p.City, &p.Lat, &p.Lon}, func() error {
			out[event] = p
			p.Lat, p.Lon = nil, nil
			return nil
		})
	}
	return out, db.Classify("analytics.profiles", err)
}

// saveProfile keeps an event's profile.
func (s *Service) saveProfile(ctx context.Context, event id.ID, p Profile) error {
	_, err := s.db.Pool().Exec(ctx, `INSERT INTO analytics.event_profile (event, genre, tags, artist, city, lat, lon) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (event) DO UPDATE SET genre = excluded.genre, tags = excluded.tags, artist = excluded.artist, city = excluded.city, lat = excluded.lat, lon = excluded.lon`,
		event, p.Genre, append([]string{}, p.Tags...), p.Artist, p.City, p.Lat, p.Lon)
	return db.Classify("analytics.SaveProfile", err)
}

// pastEvent is an imported event.
type pastEvent struct {
	ID           id.ID
	Source, Name string
	Event        *forecast.Event
}

const pastColumns = `id, source, name, event_date, on_sale, capacity, sold, price, social, list_price, genre, tags, artist, city, lat, lon, weekend, sentiment`

func scanPast(r pgx.CollectableRow) (pastEvent, error) {
	e := &forecast.Event{}
	p := pastEvent{Event: e}
	var date, sale time.Time
	var lat, lon *float64
	var weekend *bool
	err := r.Scan(&p.ID, &p.Source, &p.Name, &date, &sale, &e.Capacity, &e.Sold, &e.Price, &e.Social, &e.ListPrice, &e.Genre, &e.Tags, &e.Artist, &e.City, &lat, &lon, &weekend, &e.Sentiment)
	e.ID, e.Date, e.OnSale = p.Source+"/"+p.Name, forecast.DayOf(date), forecast.DayOf(sale)
	if lat != nil && lon != nil {
		e.Lat, e.Lon, e.Located = *lat, *lon, true
	}
	if weekend != nil {
		e.OnWeekend, e.NotOnWeekend = *weekend, !*weekend
	}
	return p, err
}

// pastEvents are all imported events, the latest first.
func (s *Service) pastEvents(ctx context.Context) ([]pastEvent, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+pastColumns+` FROM analytics.past_event ORDER BY event_date DESC, name`)
	if err != nil {
		return nil, db.Classify("analytics.pastEvents", err)
	}
	out, err := pgx.CollectRows(rows, scanPast)
	return out, db.Classify("analytics.pastEvents", err)
}

// originOf is where an event of a file came from first, and its name there. Our own export
// names both, so that what it holds is known again wherever it is imported.
func originOf(format string, e *forecast.Event) (source, name string) {
	if before, after, ok := strings.Cut(e.ID, "/"); ok && slices.Contains(bookings.Formats, before) {
		return before, after
	}
	return format, e.ID
}

// savePast keeps an imported event; one of the same source and name is replaced, but
// for a capacity and a date that only a person could tell.
func savePast(tx *db.Tx, format string, e *forecast.Event) error {
	source, name := originOf(format, e)
	var lat, lon *float64
	if e.Located {
		lat, lon = &e.Lat, &e.Lon
	}
	var weekend *bool
	if e.OnWeekend || e.NotOnWeekend {
		weekend = &e.OnWeekend
	}
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO analytics.past_event AS p (`+pastColumns+`, imported_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
		ON CONFLICT (source, name) DO UPDATE SET event_date = excluded.event_date, on_sale = excluded.on_sale,
			capacity = CASE WHEN excluded.capacity = 0 THEN p.capacity ELSE excluded.capacity END, sold = excluded.sold, price = excluded.price,
			social = excluded.social, list_price = excluded.list_price, genre = CASE WHEN excluded.genre = '' THEN p.genre ELSE excluded.genre END, tags = excluded.tags,
			artist = excluded.artist, city = excluded.city, lat = excluded.lat, lon = excluded.lon, weekend = excluded.weekend, sentiment = excluded.sentiment, imported_at = excluded.imported_at`,
		id.New(), source, name, e.Date.Time(), e.OnSale.Time(), e.Capacity, append([]int{}, e.Sold...), append([]float64{}, e.Price...), append([]float64{}, e.Social...),
		e.ListPrice, e.Genre, append([]string{}, e.Tags...), e.Artist, e.City, lat, lon, weekend, append([]float64{}, e.Sentiment...), tx.Now())
	return db.Classify("analytics.savePast", err)
}

// completePast says an imported event's capacity and genre. Errors: fault.NotFound.
func (s *Service) completePast(ctx context.Context, event id.ID, capacity int, genre string) error {
	tag, err := s.db.Pool().Exec(ctx, `UPDATE analytics.past_event SET capacity = $2, genre = $3 WHERE id = $1`, event, capacity, genre)
	if err == nil && tag.RowsAffected() == 0 {
		return fault.E("analytics.completePast", fault.NotFound, "there is no such imported event", nil)
	}
	return db.Classify("analytics.completePast", err)
}

// deletePast forgets an imported event.
func (s *Service) deletePast(ctx context.Context, event id.ID) error {
	_, err := s.db.Pool().Exec(ctx, `DELETE FROM analytics.past_event WHERE id = $1`, event)
	return db.Classify("analytics.deletePast", err)
}

// postsByDay are the posts about an event of any of the names, from a day on, and their
// mean sentiment; nil when there were none.
func (s *Service) postsByDay(ctx context.Context, names []string, from forecast.Day, days int) (posts, sentiment []float64, err error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT (hour AT TIME ZONE 'UTC')::date, detector, sum(total) FROM analytics.detector_hour
		WHERE detector IN ('posts', 'sentiment') AND event = ANY($1) AND hour >= $2 GROUP BY 1, 2`, names, from.Time())
	if err != nil {
		return nil, nil, db.Classify("analytics.postsByDay", err)
	}
	count, score := make([]float64, days), make([]float64, days)
	var day time.Time
	var detector string
	var total float64
	known := false
	_, err = pgx.ForEachRow(rows, []any{&day, &detector, &total}, func() error {
		k := int(forecast.DayOf(day) - from)
		if k < 0 || k >= days {
			return nil
		}
		if known = true; detector == "posts" {
			count[k] += total
		} else {
			score[k] += total
		}
		return nil
	})
	if err != nil || !known {
		return nil, nil, db.Classify("analytics.postsByDay", err)
	}
	for k := range score {
		score[k] = min(max(score[k]/max(count[k], 1), -1), 1)
	}
	return count, score, nil
}
