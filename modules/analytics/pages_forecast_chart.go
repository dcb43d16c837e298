package analytics

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/usherhq/usher/modules/analytics/forecast"
)

// chance is a probability as people read it; what is not certain is never 0 or 100.
func chance(p float64) string {
	switch {
	case p <= 0:
		return "no"
	case p >= 1:
		return "certain"
	case p < .01:
		return "< 1 %"
	case p > .99:
		return "> 99 %"
	}
	return percent(p)
}

func percent(p float64) string { return fmt.Sprintf("%.0f %%", 100*p) }

func joinTags(tags []string) string { return strings.Join(tags, ", ") }

func splitTags(text string) (tags []string) {
	for t := range strings.SplitSeq(clipped(text), ",") {
		if t = strings.TrimSpace(t); t != "" {
			tags = append(tags, t)
		}
	}
	return tags
}

// chanceBy is the probability of being sold out by a date.
type chanceBy struct {
	Date     string
	SoldOut  string
	Expected string
	Range    string // 80 % interval of what is sold by then
}

// chancesBy are those after 1, 3, 7, 14, 21, 30, … days, and on the day of the event.
func chancesBy(f Forecast) (out []chanceBy) {
	last := len(f.Curve.SoldOut)
	at := forecast.DayOf(f.At)
	for _, h := range []int{2, 4, 8, 15, 22, 31, 46, 61, 91, last} {
		if h > last || h == last && len(out) > 0 && out[len(out)-1].Date == day(at+forecast.Day(h)) {
			continue
		}
		c := f.Curve
		out = append(out, chanceBy{day(at + forecast.Day(h)), chance(c.SoldOut[h-1]), fmt.Sprintf("%.0f", c.Expected[h-1]), fmt.Sprintf("%d – %d", c.Low[h-1], c.High[h-1])})
	}
	return out
}

func day(d forecast.Day) string { return d.Time().Format("2 Jan 2006") }

// forecastChart is what was sold, what is expected, and where 80 % of all courses lie.
type forecastChart struct {
	Sold, Expected, Band string // points of lines and of a polygon
	Now                  string // where yesterday ends
	From, To             string
	Capacity             string
	CapacityY            string
}

// drawForecast draws from the first day of sale to the event.
func drawForecast(e *forecast.Event, f Forecast) forecastChart {
	days := max(e.Lead(), 1)
	top := float64(max(f.Capacity, 1)) * 1.05
	x := func(d forecast.Day) string {
		return strconv.FormatFloat(chartWide*float64(d-e.OnSale)/float64(days), 'f', 1, 64)
	}
	y := func(n float64) string { return strconv.FormatFloat(chartHigh*(1-n/top), 'f', 1, 64) }
	at := forecast.DayOf(f.At)
	c := forecastChart{From: day(e.OnSale), To: day(e.Date), Capacity: strconv.Itoa(f.Capacity), CapacityY: y(float64(f.Capacity)), Now: x(max(at, e.OnSale))}
	var sold, expected, band strings.Builder
	n := 0
	for i, y1 := range e.Sold {
		n += y1
		fmt.Fprintf(&sold, "%s,%s ", x(e.OnSale+forecast.Day(i)), y(float64(n)))
	}
	first := fmt.Sprintf("%s,%s ", x(max(at, e.OnSale)), y(float64(f.Sold)))
	expected.WriteString(first)
	band.WriteString(first)
	for i, v := range f.Curve.Expected {
		if d := at + forecast.Day(i+1); d >= e.OnSale {
			fmt.Fprintf(&expected, "%s,%s ", x(d), y(v))
			fmt.Fprintf(&band, "%s,%s ", x(d), y(float64(f.Curve.High[i])))
		}
	}
	for i, v := range slices.Backward(f.Curve.Low) {
		if d := at + forecast.Day(i+1); d >= e.OnSale {
			fmt.Fprintf(&band, "%s,%s ", x(d), y(float64(v)))
		}
	}
	c.Sold, c.Expected, c.Band = strings.TrimSpace(sold.String()), strings.TrimSpace(expected.String()), strings.TrimSpace(band.String())
	return c
}
