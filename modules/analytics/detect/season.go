package detect

import "time"

// Season is how a series swings with the hour of the week: factors of its level,
// 1 on average over a week. The zero Season has no swing.
type Season struct {
	Factors []float64 `json:"f,omitempty"` // by hour of the week from Monday 00:00 UTC, 168; none: 1 throughout
}

// Hour is one hour of a series' past.
type Hour struct {
	Start time.Time
	Total float64 // of all its bins
	Bins  int     // of it that were counted
}

const (
	hoursOfDay  = 24
	hoursOfWeek = 7 * hoursOfDay
	dayFrom     = 3 * hoursOfDay  // hours of past before a day's course is believed
	weekFrom    = 14 * hoursOfDay // and a week's
	shrinkage   = 50.0            // expected events whose weight a prior of "no swing" has
)

// At is the factor for a bin that ends at t.
func (s Season) At(t time.Time) float64 {
	if len(s.Factors) != hoursOfWeek {
		return 1
	}
	return s.Factors[hourOfWeek(t.Add(-time.Microsecond))]
}

// hourOfWeek counts from Monday 00:00 UTC.
func hourOfWeek(t time.Time) int {
	t = t.UTC()
	return (int(t.Weekday())+6)%7*hoursOfDay + t.Hour()
}

// EstimateSeason learns the swing from past hours, in any order. First the course of
// the day, from three days on, then on top of it that of the week, from two weeks on.
// Each factor is the mean of a gamma posterior, (events + κ) / (expected + κ): an hour
// with few events stays near 1 and does not learn their accidents.
// Source: empirical Bayes for Poisson rates, N. Breslow and D. Clayton, JASA 88 (1993).
func EstimateSeason(past []Hour) Season {
	total, bins := 0.0, 0
	for _, h := range past {
		total, bins = total+h.Total, bins+h.Bins
	}
	if len(past) < dayFrom || total <= 0 {
		return Season{}
	}
	mean := total / float64(bins)
	factors := make([]float64, hoursOfWeek)
	for i := range factors {
		factors[i] = 1
	}
	scaleBy(factors, past, mean, func(t time.Time) int { return t.UTC().Hour() }, hoursOfDay)
	if len(past) >= weekFrom {
		scaleBy(factors, past, mean, hourOfWeek, hoursOfWeek)
	}
	sum := 0.0
	for _, f := range factors {
		sum += f
	}
	for i := range factors {
		factors[i] *= hoursOfWeek / sum
	}
	return Season{factors}
}

// scaleBy multiplies the factors with what the hours of each slot show beyond them.
func scaleBy(factors []float64, past []Hour, mean float64, slot func(time.Time) int, slots int) {
	seen, expected := make([]float64, slots), make([]float64, slots)
	for _, h := range past {
		seen[slot(h.Start)] += h.Total
		expected[slot(h.Start)] += mean * factors[hourOfWeek(h.Start)] * float64(h.Bins)
	}
	for i := range factors {
		k := i % slots
		factors[i] *= (seen[k] + shrinkage) / (expected[k] + shrinkage)
	}
}
