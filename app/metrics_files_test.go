package app

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"
)

// everyMetric are the names of every metric of the house, also of those that have no
// value yet.
func everyMetric(t *testing.T) []string {
	t.Helper()
	ch := make(chan *prometheus.Desc, 200)
	for _, c := range []prometheus.Collector{poolCollector{}, queueCollector{}, streamCollector{}, tillCollector{}, ingestCollector{}, queryCollector{}, pushCollector{}, houseCollector{}} {
		c.Describe(ch)
	}
	close(ch)
	names := []string{"up", "usher_http_request_duration_seconds"} // up is Prometheus's own
	for d := range ch {
		names = append(names, regexp.MustCompile(`fqName: "(\w+)"`).FindStringSubmatch(d.String())[1])
	}
	rec := httptest.NewRecorder()
	NewMetrics().Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\w+) `).FindAllStringSubmatch(rec.Body.String(), -1) {
		names = append(names, m[1])
	}
	return names
}

var metricName = regexp.MustCompile(`\b(usher|go|process)_[a-z_]+\b|\bup\b`)

func unknownIn(t *testing.T, names []string, expr string) (bad []string, found int) {
	t.Helper()
	for _, name := range metricName.FindAllString(expr, -1) {
		found++
		base := name
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			base = strings.TrimSuffix(base, suffix)
		}
		if !slices.Contains(names, name) && !slices.Contains(names, base) {
			bad = append(bad, name)
		}
	}
	return bad, found
}

// The dashboard and the alert rules name nothing that Usher does not export, and every
// alert says what to do.
func TestDashboardAndAlertsNameWhatThereIs(t *testing.T) {
	names := everyMetric(t)
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	text, err := os.ReadFile("../deploy/grafana/usher.json")
	if err == nil {
		err = json.Unmarshal(text, &board)
	}
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			bad, found := unknownIn(t, names, target.Expr)
			if seen += found; len(bad) > 0 || found == 0 {
				t.Errorf("panel %q: %s names %v", p.Title, target.Expr, bad)
			}
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	text, err = os.ReadFile("../deploy/prometheus/alerts.yml")
	if err == nil {
		err = yaml.Unmarshal(text, &rules)
	}
	if err != nil || len(rules.Groups) == 0 {
		t.Fatal(err)
	}
	for _, r := range rules.Groups[0].Rules {
		bad, found := unknownIn(t, names, r.Expr)
		if seen += found; len(bad) > 0 || found == 0 {
			t.Errorf("alert %s: %s names %v", r.Alert, r.Expr, bad)
		}
		if r.Annotations["summary"] == "" || r.Annotations["do"] == "" {
			t.Errorf("alert %s does not say what is wrong and what to do", r.Alert)
		}
	}
	if seen < 40 {
		t.Errorf("read only %d names: the test no longer finds them", seen)
	}
}
