package forecast

import (
	"cmp"
	"math"
	"slices"
)

// maxClusters bounds the columns of a model.
const maxClusters = 16

// referencesOf are the levels of the past events.
func referencesOf(past []*Event) References {
	r := References{Price: map[string]float64{}}
	prices, events := map[string][]float64{}, map[string]int{}
	var posts, days float64
	for _, e := range past {
		if p := e.reference(e.Date); p > 0 {
			prices[""] = append(prices[""], p)
			if e.Genre != "" {
				prices[e.Genre] = append(prices[e.Genre], p)
			}
		}
		for _, n := range e.Social {
			posts += math.Log1p(max(n, 0))
			days++
		}
		if e.Cluster() != "" {
			events[e.Cluster()]++
		}
	}
	for genre, p := range prices {
		r.Price[genre] = median(p)
	}
	if days > 0 {
		r.Social = posts / days
	}
	for c := range events {
		r.Clusters = append(r.Clusters, c)
	}
	slices.SortFunc(r.Clusters, func(a, b string) int { return cmp.Or(events[b]-events[a], cmp.Compare(a, b)) })
	r.Clusters = r.Clusters[:min(len(r.Clusters), maxClusters)]
	r.Artist = famesOf(past)
	return r
}

// famesOf is the fame of each artist, from all past events.
func famesOf(past []*Event) map[string]float64 {
	mean := meanFullness(past)
	sums := map[string][2]float64{}
	for _, e := range past {
		if e.Artist != "" {
			s := sums[e.Artist]
			sums[e.Artist] = [2]float64{s[0] + e.fullness() - mean, s[1] + 1}
		}
	}
	fames := map[string]float64{}
	for artist, s := range sums {
		fames[artist] = fame(s[0], s[1])
	}
	return fames
}

// fame is how much fuller than usual an artist's n past events were, shrunk to zero:
// the sum of their ln fullness less the mean one, divided by n + 1.
func fame(sum, n float64) float64 { return sum / (n + 1) }

// fullness is ln((sold + 1)/(capacity + 1)), ≤ 0.
func (e *Event) fullness() float64 {
	return min(math.Log(float64(e.SoldBy(e.Date)+1)/float64(e.Capacity+1)), 0)
}

func meanFullness(past []*Event) (mean float64) {
	for _, e := range past {
		mean += e.fullness() / float64(len(past))
	}
	return mean
}

// famesBefore is, for each of the events in the order of their dates, its artist's fame
// from the events that were over when it went on sale: a training event must not be
// told its own outcome.
func famesBefore(past []*Event) []float64 {
	mean := meanFullness(past)
	by := map[string][]*Event{}
	out := make([]float64, len(past))
	for i, e := range past {
		if e.Artist == "" {
			continue
		}
		var sum, n float64
		for _, o := range by[e.Artist] {
			if o.Date < e.OnSale {
				sum, n = sum+o.fullness()-mean, n+1
			}
		}
		out[i] = fame(sum, n)
		by[e.Artist] = append(by[e.Artist], e)
	}
	return out
}
