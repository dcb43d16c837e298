package analytics

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/analytics/detect"
)

// freshAlarm is how long a series counts as alarmed.
const freshAlarm = time.Hour

// moment is a point in time as people read it, in UTC; – when there is none.
type moment struct{ time.Time }

// HTML is a time element.
func (m moment) HTML() template.HTML {
	if m.IsZero() {
		return "–"
	}
	t := m.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` + t.Format("2 Jan 2006, 15:04") + ` UTC</time>`) //nolint:gosec // digits and letters only
}

// says tells in words what a detector watches.
func (w *watched) says() string {
	what := map[string]string{
		methodShift: "lasting changes of the rate", methodChange: "lasting changes of the counts",
		methodSpike: map[detect.Mode]string{detect.Spikes: "spikes", detect.Dips: "dips"}[detect.Mode(w.Mode)], methodSentiment: "changes of the mean sentiment of English posts",
	}[w.Method]
	if what == "" {
		what = "spikes and dips"
	}
	s := what + " in " + strings.Join(w.Types, ", ") + ", in bins of " + inWords(w.Bin)
	if w.Filter != "" {
		s += ", where " + w.Filter
	}
	return s
}

// inWords is a width that config.yaml allows: "5 min".
func inWords(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + " h"
	case d%time.Minute == 0:
		return strconv.Itoa(int(d/time.Minute)) + " min"
	}
	return strconv.Itoa(int(d/time.Second)) + " s"
}

// figure is a number with as many digits as matter.
func figure(x float64) string {
	switch a := math.Abs(x); {
	case x == math.Trunc(x) && a < 1e15, a >= 100:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 2, 64)
}

// alarmRow is an alarm in a list.
type alarmRow struct {
	Detector, Event, Category, Link string
	What                            string // in words
	Direction                       string
	Since, At                       moment
}

// alarmRows draws alarms; name is what people call an event.
func alarmRows(all []Alarm, name func(event string) string) []alarmRow {
	rows := make([]alarmRow, len(all))
	for i, a := range all {
		rows[i] = alarmRow{
			Detector: a.Detector, Event: name(a.Event), Category: a.Category, Link: seriesLink(series{a.Detector, a.Event, a.Category}),
			What: a.what(), Direction: a.Direction, Since: moment{a.Since}, At: moment{a.At},
		}
	}
	return rows
}

// what tells an alarm in words: "from 12 to 31 a bin, 2.6 times".
func (a Alarm) what() string {
	if a.Method == methodSentiment {
		return fmt.Sprintf("from %+.2f to %+.2f", a.Baseline, a.Observed)
	}
	s := "from " + figure(a.Baseline) + " to " + figure(a.Observed) + " a bin"
	if a.Baseline > 0 && a.Observed > 0 {
		s += fmt.Sprintf(", %.1f times", a.Observed/a.Baseline)
	}
	return s
}

// The chart's own units; the page stretches it to its width.
const chartWide, chartHigh = 1000.0, 220.0

// seriesChart is what was counted and what was expected, bin by bin.
type seriesChart struct {
	Observed, Expected string // points of polylines
	Zero               string // height of the line at 0
	Marks              []chartMark
	Least, Most        string // of the axis
	From, To           moment
	Bins               []chartBin // the numbers behind it, the newest first
}

type chartMark struct{ X, Direction, Title string }

type chartBin struct {
	Ends               moment
	Observed, Expected string
	Alarm              string // direction; "" for none
}

// Drawn reports whether there is a line to draw.
func (c seriesChart) Drawn() bool { return len(c.Bins) > 1 }

// chartOf draws a series' latest bins and the alarms among them.
func chartOf(m memory, alarms []Alarm) seriesChart {
	n := min(len(m.Ends), len(m.Observed), len(m.Expected))
	if n == 0 {
		return seriesChart{}
	}
	low, high := 0.0, 0.0
	for i := range n {
		low = min(low, float64(m.Observed[i]), float64(m.Expected[i]))
		high = max(high, float64(m.Observed[i]), float64(m.Expected[i]))
	}
	if high == low {
		high = low + 1
	}
	y := func(v float64) string { return strconv.FormatFloat(chartHigh*(high-v)/(high-low), 'f', 1, 64) }
	x := func(i int) string { return strconv.FormatFloat(chartWide*float64(i)/float64(max(n-1, 1)), 'f', 1, 64) }
	alarmed := map[int64]Alarm{}
	for _, a := range alarms {
		alarmed[a.At.Unix()] = a
	}
	c := seriesChart{Zero: y(0), Least: figure(low), Most: figure(high), From: moment{time.Unix(m.Ends[0], 0)}, To: moment{time.Unix(m.Ends[n-1], 0)}}
	var observed, expected strings.Builder
	for i := range n {
		fmt.Fprintf(&observed, "%s,%s ", x(i), y(float64(m.Observed[i])))
		fmt.Fprintf(&expected, "%s,%s ", x(i), y(float64(m.Expected[i])))
		bin := chartBin{Ends: moment{time.Unix(m.Ends[i], 0)}, Observed: figure(float64(m.Observed[i])), Expected: figure(float64(m.Expected[i]))}
		if a, is := alarmed[m.Ends[i]]; is {
			bin.Alarm = a.Direction
			c.Marks = append(c.Marks, chartMark{X: x(i), Direction: a.Direction, Title: a.what()})
		}
		c.Bins = append([]chartBin{bin}, c.Bins...)
	}
	c.Observed, c.Expected = strings.TrimSpace(observed.String()), strings.TrimSpace(expected.String())
	return c
}
