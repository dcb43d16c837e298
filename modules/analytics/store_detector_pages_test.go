package analytics

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

// busyDetectors is a house with a series that rose, one that is new, alarms of both
// directions, and connectors that wait, work and fail.
func busyDetectors(t *testing.T) *Service {
	t.Helper()
	r := newWatchRig(t)
	cfg := Defaults()
	cfg.Social = []Connector{
		{Name: "hook", Kind: kindWebhook, Secret: strings.Repeat("s", minSecret)},
		{Name: "tag", Kind: kindMastodon, Event: "summerfest-2026"},
		{Name: "news", Kind: kindFeed, Event: "summerfest-2026", URL: "http://127.0.0.1:1/"},
	}
	s := r.served(cfg)
	now := r.clock.Now()
	var m memory
	for i := range chartBins {
		expected := 20 + 6*math.Sin(float64(i)/15)
		observed := math.Round(expected + 4*math.Sin(float64(i*i)))
		if i > 90 {
			observed = math.Round(observed * 1.8)
		}
		m.remember(now.Add(time.Duration(i-chartBins)*time.Minute), verdict{Observed: observed, Expected: expected})
	}
	rose, fell := time.Unix(m.Ends[93], 0), time.Unix(m.Ends[20], 0)
	k := series{"buying", "summerfest-2026", "standing"}
	alarm := func(k series, method, direction string, baseline, observed float64, at time.Time) Alarm {
		return Alarm{ID: id.New(), Detector: k.Detector, Method: method, Event: k.Event, Category: k.Category, Direction: direction, Baseline: baseline, Observed: observed,
			Since: at.Add(-3 * time.Minute), At: at, Announced: now}
	}
	r.must(r.db.InTx(t.Context(), func(tx *db.Tx) error {
		r.must(writeSeries(tx, []*seriesRow{
			{series: k, Memory: m, Observed: 42, Expected: 23.4, Ready: true, Since: now.Add(-48 * time.Hour), SeenAt: now, AlarmAt: &rose},
			{series: series{"buying", "a very long name of an event that nobody would choose, but somebody will", ""}, Observed: 2, Since: now, SeenAt: now},
			{series: series{"sentiment", "summerfest-2026", ""}, Observed: -0.31, Expected: 0.4, Ready: true, Since: now, SeenAt: now},
		}))
		return writeAlarms(tx, []Alarm{
			alarm(k, methodShift, "down", 21, 9.5, fell), alarm(k, methodShift, "up", 23.4, 41, rose),
			alarm(series{"sentiment", "summerfest-2026", ""}, methodSentiment, "down", 0.42, -0.31, now),
		})
	}))
	r.must(s.notePolled(t.Context(), cfg.Social[1], pollState{LastPosts: 7}))
	r.must(s.Poll(t.Context(), "news"))
	return s
}

func TestBrowserFindsDetectorPagesAccessible(t *testing.T) {
	b := webtest.Browse(t, newQuerySite(t, busyDetectors(t)))
	for _, path := range []string{"/detectors", seriesLink(series{"buying", "summerfest-2026", "standing"}), "/alarms", "/connectors"} {
		b.Look(path, drawn)
	}
	b.Quiet()
}
