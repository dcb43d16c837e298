package app

import (
	"maps"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// docs/stream.md names every figure about events, listeners and queries, with its
// labels, and no other.
func TestStreamMetricsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/stream.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, m := range regexp.MustCompile("`(usher_[a-z_]+(?:\\{[a-z,]+\\})?)`").FindAllSubmatch(page, -1) {
		told[string(m[1])] = true
	}
	ch := make(chan *prometheus.Desc, 100)
	for _, c := range []prometheus.Collector{ingestCollector{}, streamCollector{}, queryCollector{}} {
		c.Describe(ch)
	}
	close(ch)
	there := map[string]bool{}
	parts := regexp.MustCompile(`fqName: "([a-z_]+)".*variableLabels: \{([a-z,]*)\}`)
	for d := range ch {
		m := parts.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("cannot read %s", d)
		}
		if m[2] != "" {
			m[1] += "{" + m[2] + "}"
		}
		there[m[1]] = true
	}
	if !maps.Equal(told, there) {
		t.Errorf("documented\n%v\nthere are\n%v", slices.Sorted(maps.Keys(told)), slices.Sorted(maps.Keys(there)))
	}
}

// A scrape of a house at work has all of them: no collector fails, none collides.
func TestScrapeOfAHouseAtWork(t *testing.T) {
	th := newThrong(t)
	req := httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil)
	req.Host, req.RemoteAddr = "localhost:8080", "127.0.0.1:4711"
	req.Header.Set("Authorization", "Bearer "+th.bearer["key: manage"])
	rec := httptest.NewRecorder()
	th.u.server.http.Handler.ServeHTTP(rec, req)
	for _, want := range []string{
		`usher_ingest_events_total{result="accepted"} 0`, "usher_ingest_commit_seconds_count 0", "usher_ingest_held_bytes_max 3.3554432e+07",
		`usher_stream_parked{listener="analytics.windows"} 0`, `usher_stream_behind{listener="analytics.windows"} 0`,
	} {
		if rec.Code != 200 || !strings.Contains(rec.Body.String(), "\n"+want+"\n") {
			t.Errorf("%d, no %s among\n%.3000s", rec.Code, want, rec.Body)
		}
	}
}
