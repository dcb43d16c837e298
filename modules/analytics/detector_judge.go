package analytics

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/analytics/detect"
	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/queue"
)

const (
	laneAnalytics = "analytics"

	jobJudge    = "analytics:judge"       // bins that are over, carts whose time has run out
	jobMaintain = "analytics:forget-bins" // hours and alarms past their use
	judgeEvery  = 5 * time.Second
	judgeBins   = 60     // bins of one detector in one transaction
	awayBins    = 10     // more bins than that behind, an empty one means that nobody listened, not that nothing happened
	maxSeries   = 10_000 // of one detector; events beyond are not watched

	alarmsKept = 400 * 24 * time.Hour
	hoursKept  = 8 * 7 * 24 * time.Hour
	seriesKept = 30 * 24 * time.Hour // a series without a fact for so long is forgotten
	cartsKept  = 30 * 24 * time.Hour

	detectorsKept = 7 * 24 * time.Hour // after it judged last
)

// DetectorJobs registers the jobs of detectors, carts, connectors and webhooks.
func (s *Service) DetectorJobs(q *queue.Queue) {
	queue.On(q, jobJudge, func(ctx context.Context, _ struct{}) error { return s.Judge(ctx) })
	queue.On(q, jobMaintain, func(ctx context.Context, _ struct{}) error { return s.forgetBins(ctx) })
	q.Every(judgeEvery, func(time.Time) db.Job {
		return db.Job{Name: jobJudge, Queue: laneAnalytics, Payload: struct{}{}, Timeout: time.Minute, Retries: -1}
	})
	q.Every(time.Hour, func(time.Time) db.Job {
		return db.Job{Name: jobMaintain, Queue: laneAnalytics, Payload: struct{}{}, Timeout: 10 * time.Minute, Retries: 2}
	})
	s.socialJobs(q)
	s.outletJobs(q)
}

// DetectorLanes are the job lanes of detectors, connectors and webhooks: a server that
// hangs must not keep bins from being judged.
func DetectorLanes() []queue.Lane {
	return []queue.Lane{{Name: laneAnalytics, Concurrency: 2}, {Name: laneSocial, Concurrency: 2, Pace: queue.Calm}, {Name: laneOutlets, Concurrency: 4, Pace: queue.Calm}}
}

// Judge lets every detector judge the bins that are over, and announces carts
// whose time has run out. It is safe to run twice and at once. A time is over when
// all that was received so long after it as a detector waits has been counted.
func (s *Service) Judge(ctx context.Context) error {
	if err := s.announceCarts(ctx); err != nil {
		return err
	}
	if len(s.watched) == 0 {
		return nil
	}
	counted, err := s.countedUpTo(ctx, detectorListener)
	if err != nil {
		return err
	}
	for i := range s.watched {
		for more := true; more; {
			if more, err = s.judgeDetector(ctx, &s.watched[i], counted.Add(-s.watched[i].Late)); err != nil {
				return err
			}
		}
	}
	return nil
}

// countedUpTo is the instant up to which everything received has passed a listener.
func (s *Service) countedUpTo(ctx context.Context, listener string) (time.Time, error) {
	now := s.db.Now()
	lag, err := s.stream.LagOf(ctx, listener)
	switch {
	case fault.Is(err, fault.NotFound):
		return time.Time{}, nil // this process does not listen: another judges
	case err != nil:
		return time.Time{}, err
	}
	return now.Add(-lag.Oldest), nil
}

// judgeDetector judges the bins that ended before over, up to judgeBins of them,
// in one transaction with what it announces.
func (s *Service) judgeDetector(ctx context.Context, w *watched, over time.Time) (more bool, err error) {
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		from, running, err := lockDetector(tx, w)
		if err != nil || !running {
			return err
		}
		last := over.Add(-time.Microsecond).Truncate(w.Bin) // strictly before: facts that come late count at `over`
		due := int(last.Sub(from) / w.Bin)
		if due <= 0 {
			return nil
		}
		if due > judgeBins {
			due, more = judgeBins, true
		}
		to := from.Add(time.Duration(due) * w.Bin)
		b := &bench{tx: tx, w: w, behind: last}
		if err := b.open(to); err != nil {
			return err
		}
		for at := from.Add(w.Bin); !at.After(to); at = at.Add(w.Bin) {
			if err := b.judge(at); err != nil {
				return err
			}
		}
		return b.close(to)
	})
	return more && err == nil, err
}

// bench is where one detector's bins are judged.
type bench struct {
	tx     *db.Tx
	w      *watched
	behind time.Time // the last bin that is over
	bins   map[time.Time]map[series]binCount
	all    map[series]*seriesRow
	hours  []hourRow
	alarms []Alarm
}

// open reads the series and the bins up to an end.
func (b *bench) open(to time.Time) (err error) {
	if b.bins, err = takeBins(b.tx, b.w.Name, to); err != nil {
		return err
	}
	b.all, err = readSeries(b.tx, b.w.Name)
	return err
}

// judge judges one bin of every series; a series that has nothing in it counts zero.
func (b *bench) judge(ends time.Time) error {
	counts := b.bins[ends]
	if len(counts) == 0 && b.behind.Sub(ends) > awayBins*b.w.Bin {
		return nil
	}
	for _, k := range slices.SortedFunc(maps.Keys(counts), series.compare) {
		if b.all[k] == nil && len(b.all) < maxSeries {
			b.all[k] = &seriesRow{series: k, Since: ends}
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(b.all), series.compare) {
		if err := b.judgeSeries(b.all[k], ends, counts[k]); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) judgeSeries(row *seriesRow, ends time.Time, count binCount) error {
	if err := b.season(row, ends); err != nil {
		return err
	}
	v, err := row.Memory.judge(b.w, ends, count)
	if err != nil {
		return err
	}
	if count.N > 0 {
		row.SeenAt = ends
	}
	row.Ready = v.Ready
	if v.Counted {
		row.Observed, row.Expected = v.Observed, v.Expected
	}
	if v.HourDone != nil {
		b.hours = append(b.hours, hourRow{row.series, *v.HourDone})
	}
	if v.Alarmed {
		row.AlarmAt = &ends
		return b.alarm(row.series, ends, v.Alarm)
	}
	return nil
}

// season is learned anew with the first bin of each day.
func (b *bench) season(row *seriesRow, ends time.Time) error {
	if b.w.Method != methodShift || row.Memory.Hour.Bins == 0 || sameDay(row.Memory.Hour.Start, ends.Add(-time.Microsecond)) {
		return nil
	}
	past, err := readHours(b.tx, row.series)
	if err != nil {
		return err
	}
	for _, h := range b.hours {
		if h.series == row.series {
			past = append(past, h.Hour)
		}
	}
	row.Memory.Season = detect.EstimateSeason(append(past, row.Memory.Hour))
	return nil
}

func sameDay(a, b time.Time) bool {
	return a.UTC().Truncate(24 * time.Hour).Equal(b.UTC().Truncate(24 * time.Hour))
}

// alarm announces a change and notes it for the list.
func (b *bench) alarm(k series, ends time.Time, a detect.Alarm) error {
	since := ends.Add(-time.Duration(a.Bins) * b.w.Bin)
	b.alarms = append(b.alarms, Alarm{
		ID: id.New(), Detector: b.w.Name, Method: b.w.Method, Event: k.Event, Category: k.Category, Direction: string(a.Direction),
		Baseline: a.Baseline, Observed: a.Observed, Since: since, At: ends, Announced: b.tx.Now(),
	})
	if b.w.Method == methodSentiment {
		return b.tx.Emit(facts.SentimentShifted{
			Event: k.Event, Detector: b.w.Name, Direction: string(a.Direction), Since: since, At: ends, Baseline: a.Baseline, Observed: a.Observed,
		})
	}
	return b.tx.Emit(facts.DemandShifted{
		Event: k.Event, Category: k.Category, Detector: b.w.Name, Method: b.w.Method, Direction: string(a.Direction), Ratio: a.Ratio(),
		Since: since, At: ends, Baseline: a.Baseline, Observed: a.Observed,
	})
}

// close writes everything back.
func (b *bench) close(to time.Time) error {
	rows := make([]*seriesRow, 0, len(b.all))
	for _, k := range slices.SortedFunc(maps.Keys(b.all), series.compare) {
		rows = append(rows, b.all[k])
	}
	if err := writeSeries(b.tx, rows); err != nil {
		return err
	}
	if err := writeHours(b.tx, b.hours); err != nil {
		return err
	}
	if err := writeAlarms(b.tx, b.alarms); err != nil {
		return err
	}
	return moveDetector(b.tx, b.w.Name, to)
}

// Alarm is a change that a detector announced.
type Alarm struct {
	ID        id.ID     `json:"id"`
	Detector  string    `json:"detector"`
	Method    string    `json:"method"`
	Event     string    `json:"event"`
	Category  string    `json:"category,omitempty"`
	Direction string    `json:"direction"`
	Baseline  float64   `json:"baseline"` // expected a bin; the mean score of a post for sentiment
	Observed  float64   `json:"observed"`
	Since     time.Time `json:"since"`
	At        time.Time `json:"at"`        // end of the bin that proved it
	Announced time.Time `json:"announced"` // when the fact was written
}
