package analytics

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/stream"
)

var quietLog = slog.New(slog.DiscardHandler)

func TestTallyPutsFactsIntoTheirBins(t *testing.T) {
	noon := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	at := func(s string) time.Time {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatal(err)
		}
		return noon.Add(d)
	}
	all := watch([]Detector{{Name: "web", Types: []string{"sale.completed"}, Filter: `$.channel == "web"`, Category: "$.category"}})
	judged := map[string]time.Time{"web": noon}
	fact := func(kind, time, arrival, data string) stream.Fact {
		return stream.Fact{Type: kind, Time: at(time), ReceivedAt: at(arrival), Data: json.RawMessage(data)}
	}
	const good = `{"event": "gig", "channel": "web", "category": "A"}`
	for _, tc := range []struct {
		name string
		fact stream.Fact
		ends string // "": counts nowhere
	}{
		{"in time", fact("sale.completed", "30s", "31s", good), "1m"},
		{"at the end of a bin", fact("sale.completed", "1m", "61s", good), "1m"},
		{"right after it", fact("sale.completed", "60.000001s", "61s", good), "2m"},
		{"late", fact("sale.completed", "30s", "90s", good), "2m"},
		{"just not late", fact("sale.completed", "59s", "74s", good), "1m"},
		{"of a bin that is judged", fact("sale.completed", "-10s", "1s", good), "1m"},
		{"from the future", fact("sale.completed", "10m", "1s", good), ""},
		{"a little early", fact("sale.completed", "90s", "1s", good), "2m"},
		{"of another type", fact("sale.refunded", "30s", "31s", good), ""},
		{"filtered out", fact("sale.completed", "30s", "31s", `{"event": "gig", "channel": "till"}`), ""},
		{"of no event", fact("sale.completed", "30s", "31s", `{"channel": "web"}`), ""},
		{"of an event without a name", fact("sale.completed", "30s", "31s", `{"channel": "web", "event": ""}`), ""},
		{"of a list of events", fact("sale.completed", "30s", "31s", `{"channel": "web", "event": ["gig"]}`), ""},
		{"with a name that cannot be stored", fact("sale.completed", "30s", "31s", `{"channel": "web", "event": "a\u0000"}`), ""},
		{"not JSON", fact("sale.completed", "30s", "31s", `{`), ""},
	} {
		bins := tally(all, judged, []stream.Fact{tc.fact, tc.fact})
		if tc.ends == "" {
			if len(bins) != 0 {
				t.Errorf("%s: %v", tc.name, bins)
			}
			continue
		}
		if got := bins[binKey{series{"web", "gig", "A"}, at(tc.ends)}]; got.N != 2 || len(bins) != 1 {
			t.Errorf("%s: %v, want the bin that ends at %s", tc.name, bins, tc.ends)
		}
	}
	if bins := tally(all, nil, []stream.Fact{fact("sale.completed", "30s", "31s", good)}); len(bins) != 0 {
		t.Errorf("a detector that is not running counted %v", bins)
	}
}

func TestAFactCountsForAsManyAsItTells(t *testing.T) {
	noon := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	all := watch([]Detector{{Name: "buying", Types: []string{"sales.orders_placed"}, Count: "$.count"}})
	for data, want := range map[string]int64{
		`{"event": "gig", "count": 256}`: 256, `{"event": "gig", "count": 0}`: 0, `{"event": "gig"}`: 1, `{"event": "gig", "count": "7"}`: 1,
		`{"event": "gig", "count": 1.5}`: 1, `{"event": "gig", "count": -3}`: 1, `{"event": "gig", "count": 1e9}`: 1,
	} {
		bins := tally(all, map[string]time.Time{"buying": noon}, []stream.Fact{{Type: "sales.orders_placed", Time: noon, ReceivedAt: noon, Data: json.RawMessage(data)}})
		for _, got := range bins {
			if got.N != want {
				t.Errorf("%s counts for %d, want %d", data, got.N, want)
			}
		}
	}
}

func TestDetectorsAreValidated(t *testing.T) {
	if err := Defaults().Validate(); err != nil {
		t.Error(err)
	}
	c := Defaults()
	c.CartWait = time.Second
	c.Detectors = []Detector{
		{Name: "Bad name", Types: nil, Method: "magic", Bin: 7 * time.Minute, Late: -1, Confidence: 101, HistorySize: 5, Filter: "$.", Event: "event", Category: "]"},
		{Name: "a", Types: []string{"x"}, Method: methodSpike, Mode: "sideways"},
		{Name: "a", Types: []string{"x"}},
	}
	c.Social = []Connector{
		{Name: "hook", Kind: kindWebhook, Secret: "short"},
		{Name: "hook", Kind: kindFeed, URL: "ftp://example.org", Every: time.Second},
		{Name: "m", Kind: kindMastodon, Event: "gig", URL: "https://example.org/x", Hashtag: "#tag"},
		{Name: "n", Kind: "carrier pigeon"},
	}
	text := ""
	if err, ok := c.Validate().(*fault.Error); ok { //nolint:errorlint // ours, not wrapped
		for _, f := range err.Fields {
			text += f.Name + "\n"
		}
	}
	for _, want := range []string{
		"cart_wait", "detectors[0].name", "detectors[0].types", "detectors[0].method", "detectors[0].bin", "detectors[0].late", "detectors[0].confidence",
		"detectors[0].history_size", "detectors[0].filter", "detectors[0].event", "detectors[0].category", "detectors[1].mode", "detectors[2].name",
		"social[0].secret", "social[1].name", "social[1].url", "social[1].every", "social[1].event", "social[2].url", "social[2].hashtag", "social[3].kind",
	} {
		if !strings.Contains(text, "analytics."+want+"\n") {
			t.Errorf("nothing is said about %s", want)
		}
	}
}
