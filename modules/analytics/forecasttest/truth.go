package forecasttest

import (
	"math"
	"strconv"
	"strings"

	"github.com/usherhq/usher/modules/analytics/forecast"
)

// truth is what the market knows of an event: everything but its latent values.
type truth struct {
	m     *Market
	e     *forecast.Event
	level float64 // ln of demand in all
	g     genre
	parts [3][]float64 // burst, steady, late by day, each summing up to 1
	day   []float64    // factors of the calendar
}

func (m *Market) truth(e *forecast.Event, all []*forecast.Event) *truth {
	t := &truth{m: m, e: e}
	for _, g := range m.genres {
		if g.name == e.Genre {
			t.g = g
		}
	}
	lead := float64(e.Lead())
	artist, _ := strconv.Atoi(strings.TrimPrefix(e.Artist, "artist "))
	t.level = math.Log(m.fill*float64(e.Capacity)) + t.g.level + m.artists[artist] +
		m.leadPow*math.Log(lead/60) + m.capPow*math.Log(float64(e.Capacity)/260)
	if e.Weekend() {
		t.level += m.weekend
	}
	year := float64(e.Date.Time().YearDay()) / 365
	t.level += m.season * (4*math.Abs(year-.5) - 1) // a triangle: winter is better
	t.level += math.Log1p(-.25 * m.crowded(e, all))
	t.level -= .5 * math.Log(e.ListPrice/t.g.price)
	var sums [3]float64
	for day := e.OnSale; day <= e.Date; day++ {
		parts := [3]float64{m.burst.at(float64(day - e.OnSale)), 1, m.late.at(float64(e.Date - day))}
		for i, p := range parts {
			t.parts[i] = append(t.parts[i], p)
			sums[i] += p
		}
		f := m.weekday[day.Weekday()]
		if dom := day.Time().Day(); dom >= 28 || dom <= 2 {
			f += m.payday
		}
		t.day = append(t.day, math.Exp(f))
	}
	for i := range t.parts {
		for k := range t.parts[i] {
			t.parts[i][k] /= sums[i]
		}
	}
	return t
}

// crowded is how many events of the genre are in town within two days, saturating at 1.
func (m *Market) crowded(e *forecast.Event, all []*forecast.Event) float64 {
	n := 0.0
	for _, o := range all {
		if o != e && o.City == e.City && o.Genre == e.Genre && o.Date-e.Date <= 2 && e.Date-o.Date <= 2 {
			n++
		}
	}
	return n / (1 + n)
}

// mean is the expected tickets of a day, given what nobody knows, the day's price and
// the posts of the day before.
func (t *truth) mean(day forecast.Day, l latent, price, buzz float64) float64 {
	i := int(day - t.e.OnSale)
	var shape, sum float64
	for k := range t.parts {
		w := math.Exp(t.g.mix[k] + l.mix[k])
		shape += w * t.parts[k][i]
		sum += w
	}
	return math.Exp(t.level+l.level+l.drift+t.m.buzz*buzz) * shape / sum * t.day[i] * t.m.priceFactor(price/t.e.ListPrice)
}

// priceFactor is a log-logistic curve: 1 at the list price, steeper above it.
func (m *Market) priceFactor(ratio float64) float64 { return 2 / (1 + math.Pow(ratio, m.steep)) }
