package analytics

import (
	"fmt"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/analytics/detect"
	"github.com/usherhq/usher/modules/analytics/filter"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// The methods of a detector.
const (
	methodShift     = "shift"         // the rate of counts rose or fell, and stays
	methodSpike     = "spike_and_dip" // one bin is out of line
	methodChange    = "change_point"  // the counts have another distribution
	methodSentiment = "sentiment"     // the mean score of English posts has changed
)

var methods = []string{methodShift, methodSpike, methodChange, methodSentiment}

// Detector watches how many facts of some types there are in each bin, for each
// event (and category) apart.
type Detector struct {
	Name     string        `koanf:"name" json:"name"`
	Types    []string      `koanf:"types" json:"types"`       // of facts
	Filter   string        `koanf:"filter" json:"filter"`     // "": all of them
	Event    string        `koanf:"event" json:"event"`       // path of the event in the fact; "": $.event
	Category string        `koanf:"category" json:"category"` // and of the category; "": not told apart
	Count    string        `koanf:"count" json:"count"`       // path of how many things a fact tells of; "": each counts as one
	Method   string        `koanf:"method" json:"method"`     // "": shift
	Bin      time.Duration `koanf:"bin" json:"bin"`           // 0: 1m, 5m for sentiment
	// Late is how much older than its arrival a fact may be; an older one counts at
	// arrival − Late. Bins are judged that long after their end. 0: 15s.
	Late time.Duration `koanf:"late" json:"late"`
	// Confidence, HistorySize and Mode are those of Azure Stream Analytics'
	// AnomalyDetection functions. shift knows HistorySize alone.
	Confidence  float64 `koanf:"confidence" json:"confidence"`     // percent; 0: 95
	HistorySize int     `koanf:"history_size" json:"history_size"` // bins; 0: 480 for shift, 120 otherwise, 48 for sentiment
	Mode        string  `koanf:"mode" json:"mode,omitempty"`       // of spike_and_dip: spikes, dips, spikesanddips
}

// DefaultDetectors watch what every promoter has. A type that never occurs costs nothing.
func DefaultDetectors() []Detector {
	return []Detector{
		// An external shop's sales come one by one, our own till tells of batches.
		{Name: "buying", Types: []string{"sale.completed", "sales.orders_placed"}, Count: "$.count"},
		{Name: "carts", Types: []string{"cart.opened", "sales.carts_opened"}, Count: "$.count"},
		{Name: "views", Types: []string{"page.viewed"}},
		// Feeds are polled, so posts are minutes old when they come.
		{Name: "posts", Types: []string{"social.post"}, Bin: 5 * time.Minute, Late: 6 * time.Minute},
		{Name: "sentiment", Types: []string{"social.post"}, Method: methodSentiment, Late: 6 * time.Minute},
	}
}

// withDefaults fills in what the configuration leaves out.
func (d Detector) withDefaults() Detector {
	or := func(s *string, def string) {
		if *s == "" {
			*s = def
		}
	}
	or(&d.Method, methodShift)
	or(&d.Event, "$.event")
	if d.Method == methodSpike {
		or(&d.Mode, string(detect.SpikesAndDips))
	}
	bin, history := time.Minute, 120
	switch d.Method {
	case methodShift:
		history = detect.DefaultHistory
	case methodSentiment:
		bin, history = 5*time.Minute, 48
	}
	if d.Bin == 0 {
		d.Bin = bin
	}
	if d.Late == 0 {
		d.Late = 15 * time.Second
	}
	if d.HistorySize == 0 {
		d.HistorySize = history
	}
	if d.Confidence == 0 {
		d.Confidence = 95
	}
	return d
}

const maxDetectors = 50

// checkDetectors lists every fault of the sections detectors, cart_wait and social.
func (c Config) checkDetectors() []fault.Field {
	bad := append(validateDetectors(c.Detectors), validateSocial(c.Social)...)
	if c.CartWait < minCartWait || c.CartWait > maxCartWait {
		bad = append(bad, fault.Field{Name: "analytics.cart_wait", Problem: "is " + c.CartWait.String(), Fix: "between 1m and 168h"})
	}
	return bad
}

// validateDetectors reports every fault of analytics.detectors.
func validateDetectors(all []Detector) (f []fault.Field) {
	if len(all) > maxDetectors {
		f = append(f, fault.Field{Name: "analytics.detectors", Problem: fmt.Sprintf("are more than %d", maxDetectors), Fix: "every fact passes each of them: leave some out"})
	}
	seen := map[string]bool{}
	for i, d := range all {
		bad := func(field, problem, fix string) {
			f = append(f, fault.Field{Name: fmt.Sprintf("analytics.detectors[%d].%s", i, field), Problem: problem, Fix: fix})
		}
		if !plainName.MatchString(d.Name) {
			bad("name", "is not a name", "1 to 60 of a-z, 0-9, - and _")
		}
		if seen[d.Name] {
			bad("name", "is another detector's too", "give each its own")
		}
		seen[d.Name] = true
		if len(d.Types) == 0 || slices.Contains(d.Types, "") {
			bad("types", "name no fact", "such as [sale.completed]")
		}
		d.withDefaults().check(bad)
	}
	return f
}

// check finds what is wrong with one detector's own settings.
func (d Detector) check(bad func(field, problem, fix string)) {
	if !slices.Contains(methods, d.Method) {
		bad("method", "is none", "shift, spike_and_dip, change_point or sentiment")
	}
	if d.Bin < time.Second || d.Bin > 24*time.Hour || (24*time.Hour)%d.Bin != 0 {
		bad("bin", "is "+d.Bin.String(), "a part of a day from 1s to 24h, such as 1m, 5m or 1h")
	}
	if d.Late < time.Second || d.Late > 24*time.Hour {
		bad("late", "is "+d.Late.String(), "between 1s and 24h")
	}
	if d.Confidence < 1 || d.Confidence > 100 {
		bad("confidence", fmt.Sprintf("is %v", d.Confidence), "between 1 and 100, in percent")
	}
	if d.HistorySize < 30 || d.HistorySize > 10_000 {
		bad("history_size", fmt.Sprintf("is %d", d.HistorySize), "between 30 and 10000 bins")
	}
	if m := detect.Mode(d.Mode); d.Method == methodSpike && m != detect.Spikes && m != detect.Dips && m != detect.SpikesAndDips {
		bad("mode", "is none", "spikes, dips or spikesanddips")
	}
	if _, err := filter.Parse(d.Filter); d.Filter != "" && err != nil {
		bad("filter", fault.Message(err), "such as $.channel == \"web\"")
	}
	for _, p := range [][2]string{{"event", d.Event}, {"category", d.Category}, {"count", d.Count}} {
		if _, err := filter.ParsePath(p[1]); p[1] != "" && err != nil {
			bad(p[0], fault.Message(err), "such as $."+p[0])
		}
	}
}

// watched is a detector ready to use.
type watched struct {
	Detector
	filter          *filter.Expr // nil: everything
	event, category filter.Path
	count           *filter.Path // nil: each fact is one
	text, lang      filter.Path
}

// watch prepares valid detectors.
func watch(all []Detector) []watched {
	must := func(path string) filter.Path { p, _ := filter.ParsePath(path); return p }
	out := make([]watched, len(all))
	for i, d := range all {
		d = d.withDefaults()
		w := watched{Detector: d, event: must(d.Event), text: must("$.text"), lang: must("$.lang")}
		if d.Filter != "" {
			w.filter, _ = filter.Parse(d.Filter)
		}
		if d.Category != "" {
			w.category = must(d.Category)
		}
		if d.Count != "" {
			p := must(d.Count)
			w.count = &p
		}
		out[i] = w
	}
	return out
}
