package analytics

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Forecast is what was said of an event, or of a category of it, on one day.
type Forecast struct {
	Event    id.ID     `json:"event"`
	Category id.ID     `json:"category"` // id.Nil: the whole event
	At       time.Time `json:"at"`       // seen from the end of this day
	MadeAt   time.Time `json:"made_at"`
	Model    int       `json:"model"`
	Date     time.Time `json:"event_date"`
	Capacity int       `json:"capacity"`
	Sold     int       `json:"sold"`     // up to then
	Expected float64   `json:"expected"` // in all, by the event
	Low      int       `json:"low"`      // 80 % interval of it
	High     int       `json:"high"`
	Within   float64   `json:"p_within"`   // sold out within 14 days
	Final    float64   `json:"p_by_event"` // sold out by the event
	Curve    Curve     `json:"curve"`

	OutcomeWithin *bool `json:"outcome_within"` // null: not known yet
	OutcomeFinal  *bool `json:"outcome_by_event"`
	FinalSold     *int  `json:"final_sold"`
}

// Curve is a forecast day by day: element 0 is the day after At.
type Curve struct {
	Expected []float64 `json:"expected"` // sold in all by then
	Low      []int     `json:"low"`      // 80 % interval
	High     []int     `json:"high"`
	SoldOut  []float64 `json:"sold_out"` // probability of being sold out by then
	Served   string    `json:"served"`   // blend, or climatology where that is better
}

const forecastColumns = `event, category, at, made_at, model, event_date, capacity, sold, expected, low, high, p_within, p_final, curve, outcome_within, outcome_final, final_sold`

func scanForecast(r pgx.CollectableRow) (f Forecast, err error) {
	err = r.Scan(&f.Event, &f.Category, &f.At, &f.MadeAt, &f.Model, &f.Date, &f.Capacity, &f.Sold, &f.Expected, &f.Low, &f.High, &f.Within, &f.Final, &f.Curve, &f.OutcomeWithin, &f.OutcomeFinal, &f.FinalSold)
	f.MadeAt = f.MadeAt.UTC()
	return f, err
}

// saveForecast keeps a forecast; a later one of the same day replaces it.
func saveForecast(tx *db.Tx, f Forecast) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO analytics.forecast (event, category, at, made_at, model, event_date, capacity, sold, expected, low, high, p_within, p_final, curve)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (event, category, at) DO UPDATE SET made_at = excluded.made_at, model = excluded.model, event_date = excluded.event_date, capacity = excluded.capacity,
			sold = excluded.sold, expected = excluded.expected, low = excluded.low, high = excluded.high, p_within = excluded.p_within, p_final = excluded.p_final, curve = excluded.curve`,
		f.Event, f.Category, f.At, tx.Now(), f.Model, f.Date, f.Capacity, f.Sold, f.Expected, f.Low, f.High, f.Within, f.Final, f.Curve)
	return db.Classify("analytics.saveForecast", err)
}

// latestForecasts are the last of each event that is not over, whole or by category, by date.
func (s *Service) latestForecasts(ctx context.Context, today forecast.Day) ([]Forecast, error) {
	return s.findForecasts(ctx, `SELECT * FROM (SELECT DISTINCT ON (event, category) `+forecastColumns+` FROM analytics.forecast
		WHERE event_date >= $1 ORDER BY event, category, at DESC) f ORDER BY event_date, event, category`, today.Time())
}

// forecastsOf are the last ones of an event: the whole of it first, then its categories.
func (s *Service) forecastsOf(ctx context.Context, event id.ID) ([]Forecast, error) {
	return s.findForecasts(ctx, `SELECT DISTINCT ON (category) `+forecastColumns+` FROM analytics.forecast WHERE event = $1 ORDER BY category, at DESC`, event)
}

// openForecasts are those whose outcome is not known yet although it may be.
func (s *Service) openForecasts(ctx context.Context, today forecast.Day) ([]Forecast, error) {
	return s.findForecasts(ctx, `SELECT `+forecastColumns+` FROM analytics.forecast WHERE outcome_final IS NULL
		AND (event_date < $1 OR outcome_within IS NULL AND at < $2) ORDER BY event, category, at`, today.Time(), (today - within).Time())
}

// judgedForecasts are those of whole events whose outcome within 14 days is known.
func (s *Service) judgedForecasts(ctx context.Context, since time.Time) ([]Forecast, error) {
	return s.findForecasts(ctx, `SELECT `+forecastColumns+` FROM analytics.forecast WHERE outcome_within IS NOT NULL AND category = $1 AND at >= $2 ORDER BY at DESC`, id.Nil, since)
}

func (s *Service) findForecasts(ctx context.Context, sql string, args ...any) ([]Forecast, error) {
	rows, err := s.db.Pool().Query(ctx, sql, args...)
	if err != nil {
		return nil, db.Classify("analytics.forecasts", err)
	}
	out, err := pgx.CollectRows(rows, scanForecast)
	return out, db.Classify("analytics.forecasts", err)
}

// noteOutcome says what became of a forecast.
func noteOutcome(tx *db.Tx, f Forecast) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE analytics.forecast SET outcome_within = $4, outcome_final = $5, final_sold = $6 WHERE event = $1 AND category = $2 AND at = $3`,
		f.Event, f.Category, f.At, f.OutcomeWithin, f.OutcomeFinal, f.FinalSold)
	return db.Classify("analytics.noteOutcome", err)
}

// noteDue remembers that the bookings of events have changed.
func noteDue(tx *db.Tx, events []string, at time.Time) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO analytics.forecast_due (event, due_at) SELECT e, $2 FROM unnest($1::text[]) e ORDER BY e ON CONFLICT DO NOTHING`, events, at)
	return db.Classify("analytics.noteDue", err)
}

// takeDue takes the events whose time has come.
func takeDue(tx *db.Tx) (events []string, err error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `DELETE FROM analytics.forecast_due WHERE due_at <= $1 RETURNING event`, tx.Now())
	if err == nil {
		events, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	return events, db.Classify("analytics.takeDue", err)
}
