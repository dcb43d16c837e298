package pricing

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/pricing/policy"
)

// The charts' own units; the page stretches them to its width.
const chartWide, chartHigh = 1000.0, 220.0

// scale turns moments and prices into a chart's units.
type scale struct {
	from, until time.Time
	low, high   float64
}

func (s scale) x(t time.Time) string {
	part := t.Sub(s.from).Seconds() / max(s.until.Sub(s.from).Seconds(), 1)
	return strconv.FormatFloat(chartWide*min(max(part, 0), 1), 'f', 1, 64)
}

func (s scale) y(v float64) string {
	return strconv.FormatFloat(chartHigh*(s.high-v)/max(s.high-s.low, 1), 'f', 1, 64)
}

// priceChart is what a category has cost, with the reason for each move.
type priceChart struct {
	Line           string // points of a polyline
	Floor, Ceiling string // heights
	Least, Most    string // of the axis
	From, Until    moment
	Marks          []priceMark
	Rows           []priceRow // the latest first
}

type priceMark struct {
	X, Title string
	Up       bool
}

type priceRow struct {
	At                moment
	Price, Reason, By string
}

// Drawn reports whether there is a line to draw.
func (c priceChart) Drawn() bool { return len(c.Rows) > 0 }

// chart draws the prices since the sale began, as steps.
func (q *question) chart() priceChart {
	if len(q.prices) == 0 {
		return priceChart{}
	}
	s := scale{from: q.prices[0].At, until: q.moment.Now, low: float64(q.rule.FloorMinor), high: float64(q.rule.CeilingMinor)}
	if s.from.Before(q.event.SaleFrom) && q.event.SaleFrom.Before(q.moment.Now) {
		s.from = q.event.SaleFrom
	}
	for _, p := range q.prices {
		s.low, s.high = min(s.low, float64(p.Minor)), max(s.high, float64(p.Minor))
	}
	margin := (s.high - s.low) / 12
	s.low, s.high = max(s.low-margin, 0), s.high+margin
	c := priceChart{Floor: s.y(float64(q.rule.FloorMinor)), Ceiling: s.y(float64(q.rule.CeilingMinor)),
		Least: q.price(int64(s.low)), Most: q.price(int64(s.high)), From: moment{s.from}, Until: moment{q.moment.Now}}
	var line strings.Builder
	for i, p := range q.prices {
		until := q.moment.Now
		if i+1 < len(q.prices) {
			until = q.prices[i+1].At
		}
		fmt.Fprintf(&line, "%s,%s %s,%s ", s.x(p.At), s.y(float64(p.Minor)), s.x(until), s.y(float64(p.Minor)))
		if i > 0 {
			c.Marks = append(c.Marks, priceMark{s.x(p.At), q.price(p.Minor) + ": " + p.Reason, p.Minor > q.prices[i-1].Minor})
		}
		c.Rows = append([]priceRow{{moment{p.At}, q.price(p.Minor), p.Reason, p.Actor}}, c.Rows...)
	}
	c.Line = strings.TrimSpace(line.String())
	return c
}

// courseChart is the price of each simulated day: its mean, and the middle 80 %.
type courseChart struct {
	Mean, Band  string // points of a polyline and a polygon
	Now         string // height of the price in force
	Least, Most string
	Days        int
	Rows        []courseRow
}

type courseRow struct {
	Day             int
	Low, Mean, High string
}

func (q *question) course(m policy.Simulation) courseChart {
	if len(m.Prices) == 0 {
		return courseChart{}
	}
	s := scale{low: float64(q.moment.Price), high: float64(q.moment.Price)}
	for i := range m.Prices {
		s.low, s.high = min(s.low, float64(m.Low[i])), max(s.high, float64(m.High[i]))
	}
	margin := max((s.high-s.low)/12, 1)
	s.low, s.high = max(s.low-margin, 0), s.high+margin
	x := func(i int) string {
		return strconv.FormatFloat(chartWide*float64(i)/float64(max(len(m.Prices)-1, 1)), 'f', 1, 64)
	}
	c := courseChart{Now: s.y(float64(q.moment.Price)), Least: q.price(int64(s.low)), Most: q.price(int64(s.high)), Days: len(m.Prices)}
	var mean, up, down []string
	for i, p := range m.Prices {
		mean = append(mean, x(i)+","+s.y(p))
		up = append(up, x(i)+","+s.y(float64(m.High[i])))
		down = append([]string{x(i) + "," + s.y(float64(m.Low[i]))}, down...)
		c.Rows = append(c.Rows, courseRow{i + 1, q.price(m.Low[i]), q.price(int64(p + .5)), q.price(m.High[i])})
	}
	c.Mean, c.Band = strings.Join(mean, " "), strings.Join(append(up, down...), " ")
	return c
}
