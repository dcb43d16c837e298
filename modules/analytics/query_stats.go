package analytics

import (
	"context"
	"time"
)

// QueryStats is how a standing query gets on.
type QueryStats struct {
	Query      string        `json:"query"`
	Watermark  time.Time     `json:"watermark"`    // windows that ended before are final, or about to be
	Lag        time.Duration `json:"-"`            // how far the watermark is behind the clock; 0 for a paused query
	Facts      int64         `json:"facts"`        // counted
	Early      int64         `json:"early"`        // more than five minutes in the future: dropped
	Late       int64         `json:"late"`         // older than the query's lateness
	OutOfOrder int64         `json:"out_of_order"` // behind the watermark
	Dropped    int64         `json:"dropped"`      // not counted, for any of the reasons above
	Unusable   int64         `json:"unusable"`     // without the value to aggregate
	Overflow   int64         `json:"overflow"`     // counted under "other", beyond max_keys
}

// QueryStats measures every standing query, by name. The counts begin anew with a
// new definition or a replay.
func (s *Service) QueryStats(ctx context.Context) ([]QueryStats, error) {
	now := s.db.Now()
	idle, err := s.stream.Idle(ctx, windowsListener)
	if err != nil {
		return nil, err
	}
	all, err := s.standings(ctx)
	if err != nil {
		return nil, err
	}
	marks, err := s.watermarks(ctx, all, idle, now)
	if err != nil {
		return nil, err
	}
	counts, err := s.queryCounts(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]QueryStats, len(all))
	for i, q := range all {
		out[i] = counts[q.id]
		out[i].Query, out[i].Watermark = q.Name, marks[q.id]
		if q.PausedAt == nil {
			out[i].Lag = max(now.Sub(marks[q.id]), 0)
		}
	}
	return out, nil
}

func (s *Service) statsByName(ctx context.Context) (map[string]QueryStats, error) {
	all, err := s.QueryStats(ctx)
	by := map[string]QueryStats{}
	for _, q := range all {
		by[q.Query] = q
	}
	return by, err
}
