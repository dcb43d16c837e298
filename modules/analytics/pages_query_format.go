package analytics

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/analytics/window"
)

// formTime is how browsers write a date and time without a zone.
const formTime = "2006-01-02T15:04"

// says tells in words what a query computes.
func (d Definition) says() string {
	what := functionWords[window.Function(d.Aggregate.Function)]
	switch {
	case d.Aggregate.Function == string(window.Quantile):
		what = fmt.Sprintf("%g quantile of %s", d.Aggregate.Q, d.Aggregate.Of)
	case d.Aggregate.Of != "":
		what += " of " + d.Aggregate.Of
	}
	w := d.Window
	size := map[string]string{
		"tumbling": "every " + w.Size, "hopping": "over " + w.Size + ", every " + w.Hop, "sliding": "over the last " + w.Size,
		"session": "per session with a gap of " + w.Gap, "snapshot": "per instant",
	}[w.Kind]
	s := what + " " + size + " in " + strings.Join(d.Types, ", ")
	if d.Key != "" {
		s += ", by " + d.Key
	}
	return s
}

// outputRow is an output in a table, and a point of a chart.
type outputRow struct {
	Key        string
	Start, End string
	At         int64  // end, seconds since 1970
	Value      string // for people
	Exact      string // for the chart; "" for none
	Facts      int64
	State      string // final, provisional or incomplete
}

func rowsOf(list []Output) []outputRow {
	rows := make([]outputRow, len(list))
	for i, o := range list {
		rows[i] = outputRow{Key: o.Key, Start: o.Start.Format("2 Jan, 15:04:05"), End: o.End.Format("2 Jan, 15:04:05"), At: o.End.Unix(),
			Value: valueText(o.Value), Facts: o.Revision, State: "final"}
		if o.Value != nil {
			rows[i].Exact = strconv.FormatFloat(*o.Value, 'g', -1, 64)
		}
		switch {
		case o.FinalAt == nil:
			rows[i].State = "provisional"
		case !o.Complete:
			rows[i].State = "incomplete"
		}
	}
	return rows
}

// pointsOf is a key's line: finals, which come newest first, then what is open.
func pointsOf(finals, open []Output, key string) []outputRow {
	var own []Output
	for _, o := range open {
		if o.Key == key {
			own = append(own, o)
		}
	}
	all := slices.Concat(own, finals)
	slices.Reverse(all)
	return rowsOf(all)
}

// valueText is a value as people read it; – where there is none.
func valueText(v *float64) string {
	switch {
	case v == nil:
		return "–"
	case *v == math.Trunc(*v) && math.Abs(*v) < 1e15:
		return strconv.FormatFloat(*v, 'f', 0, 64)
	case math.Abs(*v) >= 100:
		return strconv.FormatFloat(*v, 'f', 1, 64)
	}
	return strconv.FormatFloat(*v, 'g', 4, 64)
}

// sparkline is a line through outputs, newest first, as the points of an SVG
// polyline 120 wide and 28 high; "" for fewer than two values.
func sparkline(list []Output) string {
	var values []float64
	for _, o := range slices.Backward(list) {
		if o.Value != nil {
			values = append(values, *o.Value)
		}
	}
	if len(values) < 2 {
		return ""
	}
	low, high := min(slices.Min(values), 0), slices.Max(values)
	var b strings.Builder
	for i, v := range values {
		y := 14.0
		if high > low {
			y = 26 - 24*(v-low)/(high-low)
		}
		fmt.Fprintf(&b, "%.1f,%.1f ", 1+118*float64(i)/float64(len(values)-1), y)
	}
	return strings.TrimSpace(b.String())
}

// Clock is an instant in a page, to the second.
func (q Query) Clock(t time.Time) string { return t.Format("2 Jan 2006, 15:04:05") + " UTC" }
