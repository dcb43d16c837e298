package analytics

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// rival is an event of others.
type rival struct {
	ID    id.ID
	Event *forecast.Event // its ID is its name
}

func saveRival(tx *db.Tx, uid string, e *forecast.Event) error {
	var lat, lon *float64
	if e.Located {
		lat, lon = &e.Lat, &e.Lon
	}
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO analytics.rival AS r (id, uid, name, event_date, announced, capacity, genre, tags, city, lat, lon) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (uid) DO UPDATE SET name = excluded.name, event_date = excluded.event_date, announced = least(r.announced, excluded.announced), capacity = excluded.capacity,
			genre = excluded.genre, tags = excluded.tags, city = excluded.city, lat = excluded.lat, lon = excluded.lon`,
		id.New(), clipped(uid), clipped(e.ID), e.Date.Time(), e.OnSale.Time(), e.Capacity, e.Genre, append([]string{}, e.Tags...), e.City, lat, lon)
	return db.Classify("analytics.saveRival", err)
}

// rivals are the events of others from a day on, by date.
func (s *Service) rivals(ctx context.Context, from forecast.Day) ([]rival, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT id, name, event_date, announced, capacity, genre, tags, city, lat, lon FROM analytics.rival WHERE event_date >= $1 ORDER BY event_date, name`, from.Time())
	if err != nil {
		return nil, db.Classify("analytics.rivals", err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (rival, error) {
		e := &forecast.Event{}
		r := rival{Event: e}
		var date, announced time.Time
		var lat, lon *float64
		err := row.Scan(&r.ID, &e.ID, &date, &announced, &e.Capacity, &e.Genre, &e.Tags, &e.City, &lat, &lon)
		e.Date, e.OnSale = forecast.DayOf(date), forecast.DayOf(announced)
		if lat != nil && lon != nil {
			e.Lat, e.Lon, e.Located = *lat, *lon, true
		}
		return r, err
	})
	return out, db.Classify("analytics.rivals", err)
}

func (s *Service) deleteRival(ctx context.Context, which id.ID) error {
	_, err := s.db.Pool().Exec(ctx, `DELETE FROM analytics.rival WHERE id = $1`, which)
	return db.Classify("analytics.deleteRival", err)
}
