package analytics

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usherhq/usher/modules/analytics/filter"
	"github.com/usherhq/usher/modules/analytics/sentiment"
	"github.com/usherhq/usher/modules/analytics/window"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/stream"
)

// Why detectors count for themselves instead of reading a standing query's
// outputs: they need every empty bin of every series, and a bin's end even when
// nobody sends anything any more. The time that counts for a fact follows the
// same rules as in a query.

// series names what a detector watches apart.
type series struct{ Detector, Event, Category string }

func (s series) compare(o series) int {
	return cmp.Or(cmp.Compare(s.Detector, o.Detector), cmp.Compare(s.Event, o.Event), cmp.Compare(s.Category, o.Category))
}

// binKey is one bin of a series; it is (ends − width, ends].
type binKey struct {
	series
	Ends time.Time
}

// compare orders bins as their table's key does, so that writers lock in one order.
func (b binKey) compare(o binKey) int {
	return cmp.Or(cmp.Compare(b.Detector, o.Detector), b.Ends.Compare(o.Ends), b.series.compare(o.series))
}

// binCount is what fell into a bin.
type binCount struct {
	N     int64
	Total float64 // of scores, for sentiment
}

// tally sorts facts into the bins of detectors. judged is how far each detector
// has judged: a fact whose time is up to there counts right after it. A detector
// that is not in judged takes no facts yet. A fact from the future counts nowhere.
func tally(all []watched, judged map[string]time.Time, facts []stream.Fact) map[binKey]binCount {
	bins := map[binKey]binCount{}
	for _, f := range facts {
		if f.Time.Sub(f.ReceivedAt) > window.EarlyLimit {
			continue
		}
		doc := documentOf(f)
		for i := range all {
			w := &all[i]
			to, running := judged[w.Name]
			if !running || !slices.Contains(w.Types, f.Type) || w.filter != nil && !w.filter.Match(doc) {
				continue
			}
			event, named := w.event.Text(doc)
			score, rated := w.rate(doc)
			if !named || !rated || event == "" || !storable(event) {
				continue
			}
			category, _ := w.category.Text(doc)
			if !storable(category) {
				category = ""
			}
			at := latest(latest(f.Time, f.ReceivedAt.Add(-w.Late)), to.Add(time.Microsecond))
			key := binKey{series{w.Name, event, category}, binEnd(at, w.Bin)}
			b := bins[key]
			n := w.weigh(doc)
			bins[key] = binCount{b.N + n, b.Total + score*float64(n)}
		}
	}
	return bins
}

// weigh is how many things a fact tells of: one, unless it states a whole number of them.
func (w *watched) weigh(doc filter.Document) int64 {
	if w.count == nil {
		return 1
	}
	n, ok := w.count.Number(doc)
	if !ok || n < 0 || n > maxCount || n != math.Trunc(n) {
		return 1
	}
	return int64(n)
}

// maxCount bounds what one fact may count for: what a sender claims must not drown everything else.
const maxCount = 10_000

// binEnd is the end of the bin (end − width, end] that t lies in.
func binEnd(t time.Time, width time.Duration) time.Time {
	start := t.Truncate(width)
	if start.Equal(t) {
		return t
	}
	return start.Add(width)
}

// rate is the score of a fact; false for one that does not count: a post in a
// language that we cannot rate says nothing.
func (w *watched) rate(doc filter.Document) (float64, bool) {
	if w.Method != methodSentiment {
		return 0, true
	}
	text, _ := w.text.Text(doc)
	lang, _ := w.lang.Text(doc)
	s := sentiment.Of(text, lang)
	return s.Compound, s.Label != sentiment.Unknown
}

// documentOf is a fact as filters see it.
func documentOf(f stream.Fact) filter.Document {
	return filter.Document{Type: f.Type, Key: f.Key, Source: f.Source, Data: f.Data}
}

// storable keeps out what a text column cannot hold, and names too long to be names.
func storable(s string) bool {
	return len(s) <= 200 && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

const detectorListener = "analytics.detectors"

// DetectorListeners react to the facts that detectors and carts watch.
func (s *Service) DetectorListeners() []stream.Listener {
	var types []string
	for _, w := range s.watched {
		types = append(types, w.Types...)
	}
	slices.Sort(types)
	listeners := []stream.Listener{{
		Name: cartListener, Types: cartTypes, Handle: s.followCarts, About: "follows carts until they are bought or left behind", Replayable: true,
		ReplayNote: "No cart is announced twice. What lies in a cart that is still open is counted once more.",
	}}
	if len(types) > 0 {
		listeners = append(listeners, stream.Listener{
			Name: detectorListener, Types: slices.Compact(types), Handle: s.countFacts, Gather: 100 * time.Millisecond, About: "counts facts in the bins that detectors judge",
			ReplayNote: "Detectors would count the facts twice and announce alarms that are none.",
		})
	}
	return listeners
}

// countFacts puts facts into their bins, in the transaction that moves the cursor.
func (s *Service) countFacts(_ context.Context, tx *db.Tx, facts []stream.Fact) error {
	judged, err := startDetectors(tx, s.watched, facts[0].ReceivedAt)
	if err != nil {
		return err
	}
	return addBins(tx, tally(s.watched, judged, facts))
}
