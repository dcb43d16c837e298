package analytics

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

func goldenDetectorPages() map[string]any {
	ends := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	alarm := Alarm{Detector: "buying", Method: methodShift, Event: "Summer <fest>", Category: "A", Direction: "up", Baseline: 6, Observed: 19.5, Since: ends.Add(-2 * time.Minute), At: ends}
	sad := Alarm{Detector: "sentiment", Method: methodSentiment, Event: id.ID{7}.String(), Direction: "down", Baseline: 0.42, Observed: -0.31, Since: ends.Add(-time.Hour), At: ends}
	var m memory
	for i := range 6 {
		m.remember(ends.Add(time.Duration(i-4)*time.Minute), verdict{Observed: float64(5 + i*i), Expected: 6})
	}
	line := seriesLine{Event: alarm.Event, Category: "A", Link: seriesLink(series{"buying", alarm.Event, "A"}), State: "alarmed", Observed: "30", Expected: "6.12", AlarmAt: moment{ends}}
	w := watch([]Detector{{Name: "buying", Types: []string{"sale.completed"}, Filter: `$.channel == "web"`}, {Name: "odd", Types: []string{"x.y"}, Method: methodSpike, Bin: time.Hour}})
	polled := ends.Add(-time.Minute)
	return map[string]any{
		"detectors-none": detectorsPage{},
		"detectors-busy": detectorsPage{Alarms: alarmRows([]Alarm{sad, alarm}, goldenName), Detectors: []detectorCard{
			{Name: "buying", Says: w[0].says(), Series: []seriesLine{line, {Event: "gig", Link: seriesLink(series{"buying", "gig", ""}), State: "learning", Observed: "3", Expected: "0"}}, More: true},
			{Name: "odd", Says: w[1].says()}}},
		"detector_series-alarmed":  seriesPage{seriesLine: line, Detector: "buying", Says: w[0].says(), Since: moment{ends.Add(-time.Hour)}, SeenAt: moment{ends}, Chart: chartOf(m, []Alarm{alarm}), Alarms: alarmRows([]Alarm{alarm}, goldenName)},
		"detector_series-new":      seriesPage{seriesLine: line, Detector: "buying"},
		"detector_alarms-none":     alarmsPage{First: true},
		"detector_alarms-second":   alarmsPage{Alarms: alarmRows([]Alarm{alarm}, goldenName), Next: "abc"},
		"detector_connectors-none": connectorsPage{},
		"detector_connectors-some": connectorsPage{Connectors: []connectorRow{
			{ConnectorState: ConnectorState{Name: "hook", Kind: kindWebhook}, Health: "waiting"},
			{ConnectorState: ConnectorState{Name: "tag", Kind: kindMastodon, Event: "gig", Posts: 120, Last: 3}, Health: "working", At: moment{polled}},
			{ConnectorState: ConnectorState{Name: "news", Kind: kindFeed, Event: "gig", Failures: 2, Error: "the server answered 302: it has moved; put the new address into config.yaml"}, Health: "failing", At: moment{polled}}}},
	}
}

// TestGoldenDetectorPages draws the pages from fixed data. To accept a change:
// go test ./modules/analytics -run Golden -update
func TestGoldenDetectorPages(t *testing.T) { webtest.Golden(t, "analytics", goldenDetectorPages()) }

func TestChartMarksAlarmsWhereTheyWere(t *testing.T) {
	var m memory
	start := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for i := range 5 {
		m.remember(start.Add(time.Duration(i)*time.Minute), verdict{Observed: float64(i - 2), Expected: 0})
	}
	c := chartOf(m, []Alarm{{At: start.Add(time.Minute), Direction: "down"}, {At: start.Add(-time.Hour), Direction: "up"}})
	if len(c.Marks) != 1 || c.Marks[0].X != "250.0" || c.Bins[3].Alarm != "down" {
		t.Errorf("%+v", c.Marks)
	}
	if c.Observed != "0.0,220.0 250.0,165.0 500.0,110.0 750.0,55.0 1000.0,0.0" || c.Zero != "110.0" || c.Least != "-2" || c.Most != "2" {
		t.Errorf("%+v", c)
	}
	if flat := chartOf(memory{Ends: []int64{1, 2}, Observed: []float32{0, 0}, Expected: []float32{0, 0}}, nil); strings.Contains(flat.Observed, "NaN") {
		t.Error(flat.Observed)
	}
}

func TestDetectorPagesAndJSON(t *testing.T) {
	r := newWatchRig(t)
	cfg := buying()
	cfg.Social = []Connector{{Name: "hook", Kind: kindWebhook, Secret: strings.Repeat("s", minSecret)}}
	s := r.watcher(cfg, nil)
	r.run(s)
	r.minutes(s, 20, 6, "gig & co")
	r.minutes(s, 6, 20, "gig & co")
	site := webtest.NewSite(t, anyone{}, s.DetectorPages(), s.detectorRoutes())
	link := seriesLink(series{"buying", "gig & co", ""})
	for _, tc := range []struct {
		path   string
		status int
		want   []string
	}{
		{"/detectors", 200, []string{"gig &amp; co", "alarmed", "lasting changes of the rate in sale.completed, in bins of 1 min", "↑ up"}},
		{link, 200, []string{"<polyline", "series-mark d-up", "Observed and expected", "from 6 to 20 a bin, 3.3 times"}},
		{"/detectors/series?detector=buying&event=" + url.QueryEscape("nobody's"), 404, nil},
		{"/alarms", 200, []string{"gig &amp; co"}},
		{"/alarms?cursor=x", 400, nil},
		{"/connectors", 200, []string{"hook", "waiting"}},
		{"/v1/detectors", 200, []string{`"name":"buying"`, `"bin":"1m0s"`, `"event":"gig \u0026 co"`, `"observed":20`}},
		{"/v1/alarms?detector=buying&limit=1", 200, []string{`"direction":"up"`, `"method":"shift"`}},
		{"/v1/alarms?event=other", 200, []string{`"items":[]`}},
		{"/v1/alarms?limit=0", 400, nil},
	} {
		rec := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodGet, tc.path, nil)
		site.ServeHTTP(rec, req)
		if rec.Code != tc.status {
			t.Errorf("%s: %d %s", tc.path, rec.Code, rec.Body)
		}
		for _, want := range tc.want {
			if !strings.Contains(rec.Body.String(), want) {
				t.Errorf("%s does not say %s:\n%s", tc.path, want, rec.Body)
			}
		}
	}
}
