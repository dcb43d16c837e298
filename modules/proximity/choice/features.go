package choice

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// vocabulary turns a context into numbers: four measures of about unit size, and an
// indicator for each of the zones and segments that the history knows best.
type vocabulary struct {
	Zones    []string `json:"zones"`
	Segments []string `json:"segments"`
}

const mostWords = 6

func newVocabulary(history []Record) vocabulary {
	zones, segments := map[string]int{}, map[string]int{}
	for _, r := range history {
		zones[r.Context.Zone]++
		segments[r.Context.Segment]++
	}
	return vocabulary{most(zones), most(segments)}
}

// most are the most frequent words, in alphabetical order; "" is none.
func most(count map[string]int) []string {
	delete(count, "")
	words := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	words = words[:min(len(words), mostWords)]
	slices.Sort(words)
	return words
}

func (v *vocabulary) size() int { return 4 + len(v.Zones) + len(v.Segments) }

// features are x; a number that is none counts as 0.
func (v *vocabulary) features(c Context) []float64 {
	x := make([]float64, v.size())
	x[0] = safe(math.Log1p(max(c.Queue, 0))/2 - 1)
	x[1] = safe(min(max(c.Hour, -1), 12)/4 - 0.5)
	x[2] = safe(math.Log1p(max(c.Purchases, 0)) - 0.7)
	if c.Paid > 0 {
		x[3] = safe(math.Log(c.Paid/4000) / 2)
	}
	if i := slices.Index(v.Zones, c.Zone); i >= 0 {
		x[4+i] = 1
	}
	if i := slices.Index(v.Segments, c.Segment); i >= 0 {
		x[4+len(v.Zones)+i] = 1
	}
	return x
}

func safe(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return min(max(x, -4), 4)
}

// best is the option of the highest value; of equals, the first.
func best(values []float64) (at int) {
	for a, v := range values {
		if v > values[at] {
			at = a
		}
	}
	return at
}
