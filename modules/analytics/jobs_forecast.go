package analytics

import (
	"context"
	"time"

	"github.com/tidwall/gjson"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/queue"
	"github.com/usherhq/usher/modules/kernel/stream"
)

// Names of the jobs of forecasts.
const (
	jobTrain   = "analytics:train"   // a new model
	jobForesee = "analytics:foresee" // forecasts anew
	jobDue     = "analytics:due"     // of events whose bookings changed
	jobJudged  = "analytics:judged"  // what became of forecasts, and whether the models are still good
	jobImport  = "analytics:import"  // past events from a file
	jobAssist  = "analytics:assist"  // look for what followers should hear
	jobHint    = "analytics:hint"    // tell it, if it is true
	jobSegment = "analytics:segment" // group customers and events
)

const laneForecast = "forecast"

// ForecastLanes are the job lanes of forecasts: training takes a processor for a while.
func ForecastLanes() []queue.Lane {
	return []queue.Lane{{Name: laneForecast, Concurrency: 1, Pace: queue.Calm}}
}

type trainPayload struct {
	Reason string `json:"reason"`
}

type foreseePayload struct {
	Events []string `json:"events"` // ids or slugs; null: all
}

type importPayload struct {
	Import id.ID `json:"import"`
}

func trainJob(reason string) db.Job {
	return db.Job{Name: jobTrain, Queue: laneForecast, Payload: trainPayload{reason}, Timeout: 30 * time.Minute, Retries: 3}
}

func foreseeAllJob() db.Job {
	return db.Job{Name: jobForesee, Queue: laneForecast, Payload: foreseePayload{}, Timeout: 10 * time.Minute, Retries: 5}
}

func segmentJob() db.Job {
	return db.Job{Name: jobSegment, Queue: laneForecast, Payload: struct{}{}, Timeout: 10 * time.Minute, Retries: 3}
}

func importJob(i id.ID) db.Job {
	return db.Job{Name: jobImport, Queue: laneForecast, Payload: importPayload{i}, Timeout: 30 * time.Minute, Retries: 3}
}

const (
	dueEvery  = time.Minute
	dueAfter  = 5 * time.Minute // of the first sale: the ones that follow are in the same forecast
	foreseeAt = time.Hour       // the day turns at another hour in each zone

	trainAfter  = 6 * time.Hour // of a model, when tickets were sold since
	reasonSales = "new sales"
)

// ForecastJobs registers the jobs of forecasts: a model each day, forecasts each hour and
// after sales, what became of them each day.
func (s *Service) ForecastJobs(q *queue.Queue) {
	queue.On(q, jobTrain, s.trainIfDue)
	queue.On(q, jobForesee, func(ctx context.Context, p foreseePayload) error { return s.Foresee(ctx, p.Events) })
	queue.On(q, jobDue, func(ctx context.Context, _ struct{}) error { return s.foreseeDue(ctx) })
	queue.On(q, jobJudged, func(ctx context.Context, _ struct{}) error {
		if err := s.JudgeForecasts(ctx); err != nil {
			return err
		}
		return s.ReviewModel(ctx)
	})
	queue.On(q, jobImport, func(ctx context.Context, p importPayload) error { return s.runImport(ctx, p.Import) })
	queue.On(q, jobAssist, func(ctx context.Context, _ struct{}) error { return s.Assist(ctx) })
	queue.On(q, jobHint, s.tellHint)
	queue.On(q, jobSegment, func(ctx context.Context, _ struct{}) error { return s.Segment(ctx) })
	q.Every(24*time.Hour, func(time.Time) db.Job { return segmentJob() })
	q.Every(24*time.Hour, func(time.Time) db.Job { return trainJob("daily") })
	q.Every(6*time.Hour, func(time.Time) db.Job {
		return db.Job{Name: jobAssist, Queue: laneForecast, Payload: struct{}{}, Timeout: 10 * time.Minute, Retries: 3}
	})
	q.Every(foreseeAt, func(time.Time) db.Job { return foreseeAllJob() })
	q.Every(dueEvery, func(time.Time) db.Job {
		return db.Job{Name: jobDue, Queue: laneForecast, Payload: struct{}{}, Timeout: 10 * time.Minute, Retries: -1}
	})
	q.Every(6*time.Hour, func(time.Time) db.Job {
		return db.Job{Name: jobJudged, Queue: laneForecast, Payload: struct{}{}, Timeout: 10 * time.Minute, Retries: 3}
	})
}

// foreseeDue makes the forecasts of events whose bookings have changed. They are taken
// in the transaction that asks for the job, so none is lost.
func (s *Service) foreseeDue(ctx context.Context) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		events, err := takeDue(tx)
		if err != nil || len(events) == 0 {
			return err
		}
		job := foreseeAllJob()
		job.Payload = foreseePayload{events}
		if err := tx.Enqueue(job); err != nil {
			return err
		}
		newest, err := s.models(ctx, 1)
		if err != nil || len(newest) > 0 && tx.Now().Sub(newest[0].TrainedAt) < trainAfter {
			return err
		}
		return tx.Enqueue(trainJob(reasonSales))
	})
}

// forecastListener notes whose bookings change.
func (s *Service) forecastListener() stream.Listener {
	return stream.Listener{
		Name: "analytics.forecasts", Handle: s.noteBookings, Gather: 250 * time.Millisecond,
		Types: []string{facts.OrdersPlaced{}.FactType(), facts.TicketRefunded{}.FactType(), "sale.completed", "sale.refunded"},
		About: "has forecasts made anew when tickets are sold or come back", Replayable: true, ReplayNote: "Forecasts are made anew, which changes nothing else.",
	}
}

func (s *Service) noteBookings(_ context.Context, tx *db.Tx, batch []stream.Fact) error {
	seen := map[string]bool{}
	var events []string
	for _, f := range batch {
		if event := gjson.GetBytes(f.Data, "event"); event.Type == gjson.String && event.Str != "" && !seen[event.Str] {
			seen[event.Str] = true
			events = append(events, event.Str)
		}
	}
	if len(events) == 0 {
		return nil
	}
	return noteDue(tx, events, tx.Now().Add(dueAfter))
}

// trainIfDue leaves out a training after sales that another one has come before.
func (s *Service) trainIfDue(ctx context.Context, p trainPayload) error {
	if p.Reason == reasonSales {
		newest, err := s.models(ctx, 1)
		if err != nil || len(newest) > 0 && s.db.Now().Sub(newest[0].TrainedAt) < trainAfter {
			return err
		}
	}
	_, err := s.Train(ctx, p.Reason)
	return err
}
