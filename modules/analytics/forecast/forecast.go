// Package forecast answers "how probable is it that this is sold out by then?".
//
// Bookings per day are counts whose mean depends on the days to the event, the days
// on sale, the price, and so on (features.go); how strongly is fitted on past events
// (train.go) with a stated prior for every coefficient, so a promoter without any
// past event gets a forecast too. What an event has that no feature tells is its
// effect u, learned from its own bookings (effect.go). Everything is deterministic
// and without I/O.
package forecast

import (
	"slices"
	"time"
)

// Day is a calendar day, counted from 1970-01-01.
type Day int

// DayOf is the calendar day of t, where t's own location says it is.
func DayOf(t time.Time) Day {
	y, m, d := t.Date()
	return Day(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// Time is the day's midnight in UTC.
func (d Day) Time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// Weekday is the day's.
func (d Day) Weekday() time.Weekday { return time.Weekday(((int(d)+4)%7 + 7) % 7) }

// String writes the day as 2026-05-01.
func (d Day) String() string { return d.Time().Format(time.DateOnly) }

// Event is what is known of one event, or of one category of it: what it is, and
// its bookings day by day. Unknown fields keep their zero value.
type Event struct {
	ID       string
	OnSale   Day // first day of sale
	Date     Day // day of the event, the last day of sale
	Capacity int // tickets, > 0

	Sold      []int     // tickets sold on OnSale+i, up to the last day known
	Price     []float64 // on OnSale+i, in any one currency; nil or 0: unknown
	Social    []float64 // posts about it on OnSale+i; nil: unknown
	Sentiment []float64 // their mean sentiment, −1 to 1; nil: unknown

	ListPrice    float64 // 0: unknown
	Genre        string
	Tags         []string
	Artist       string
	City         string
	Lat, Lon     float64 // degrees; meaningful when Located
	Located      bool
	NotOnWeekend bool // Weekend was stated
	OnWeekend    bool
}

// Lead is the number of days of sale after the first one, ≥ 1.
func (e *Event) Lead() int { return max(int(e.Date-e.OnSale), 1) }

// Weekend reports whether the event is on a weekend evening: as stated, else Friday or Saturday.
func (e *Event) Weekend() bool {
	if e.OnWeekend || e.NotOnWeekend {
		return e.OnWeekend
	}
	w := e.Date.Weekday()
	return w == time.Friday || w == time.Saturday
}

// SoldBy is the number of tickets sold up to the end of the day.
func (e *Event) SoldBy(d Day) (n int) {
	for i := range e.Sold {
		if e.OnSale+Day(i) > d {
			break
		}
		n += e.Sold[i]
	}
	return n
}

// SoldOut is the day on which the last ticket was sold; false when there are some left.
func (e *Event) SoldOut() (Day, bool) {
	n := 0
	for i, y := range e.Sold {
		if n += y; n >= e.Capacity {
			return e.OnSale + Day(i), true
		}
	}
	return 0, false
}

// on is the value of a daily series on a day; 0 when it is not known.
func (e *Event) on(series []float64, d Day) float64 {
	if i := int(d - e.OnSale); i >= 0 && i < len(series) {
		return series[i]
	}
	return 0
}

// reference is the price the event's prices are compared with: its list price, else
// the median of those known by the day; 0 when none is.
func (e *Event) reference(by Day) float64 {
	if e.ListPrice > 0 {
		return e.ListPrice
	}
	var known []float64
	for i, p := range e.Price {
		if p > 0 && e.OnSale+Day(i) <= by {
			known = append(known, p)
		}
	}
	return median(known)
}

// tags are those to compare events by: the genre is one.
func (e *Event) tags() []string {
	if e.Genre == "" || slices.Contains(e.Tags, e.Genre) {
		return e.Tags
	}
	return append(slices.Clone(e.Tags), e.Genre)
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	x = slices.Sorted(slices.Values(x))
	if n := len(x); n%2 == 0 {
		return (x[n/2-1] + x[n/2]) / 2
	}
	return x[len(x)/2]
}
