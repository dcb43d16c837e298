package policy

import "math"

// Outlook is what is still to come: the forecast of each remaining day at list
// price, summed.
type Outlook struct {
	Sum     float64 // Σ of the days
	Squares float64 // Σ of their squares
}

// OutlookOf sums days.
func OutlookOf(forecast []float64) (o Outlook) {
	for _, f := range forecast {
		o.Sum += f
		o.Squares += f * f
	}
	return o
}

// ExpectedSales is the mean of min(left, D) over the curves, where D is demand until
// the end at a price that stays: normal with mean m and variance m + .2Σμ² + .02m²,
// the last term the forecast's own error.
//
// E[min(x, D)] = m - s·(φ(z) - z·(1 - Φ(z))), z = (x - m)/s.
func ExpectedSales(ratio float64, left int, o Outlook, curves *[Samples]Curve) float64 {
	sum := 0.0
	for _, c := range curves {
		m, s := spread(ratio, o, c)
		if m <= 0 {
			continue
		}
		z := (float64(left) - m) / s
		sum += clamp(m-s*(density(z)-z*tail(z)), 0, min(m, float64(left)))
	}
	return sum / Samples
}

// candidates is about how many prices are looked at; finer steps change nothing.
const candidates = 64

const forecastError = .02 // squared coefficient of variation of the forecast's sum

func density(z float64) float64 { return math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) }

// tail is 1 - Φ(z).
func tail(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

// Choice is the price that would earn most, and what it is worth.
type Choice struct {
	Price   int64   // minor units
	Gain    float64 // expected takings to those at the price in force, less 1; 0: there is none better
	Sales   float64 // expected tickets until the end, at Price
	Takings float64 // minor units expected until the end, at Price
	AtOnce  float64 // and at the price in force
	Demand  float64 // tickets that people would want until the end at the price in force, were there enough
}

// Choose looks for the price that earns most among those the limits allow now:
// argmax of p · E[min(left, D(p))].
func Choose(l Limits, m Moment, left int, o Outlook, b Belief) Choice {
	curves := b.Curves()
	sales := func(price int64) float64 {
		return ExpectedSales(float64(price)/float64(l.List), left, o, &curves)
	}
	best := Choice{Price: m.Price, Sales: sales(m.Price)}
	for _, c := range curves {
		best.Demand += o.Sum * c.Factor(float64(m.Price)/float64(l.List)) / Samples
	}
	best.Takings = float64(m.Price) * best.Sales
	now := best.Takings
	low, high, ok := l.Range(m)
	stride := l.Rounding * max((high-low)/max(l.Rounding, 1)/candidates, 1)
	for price := low; ok && price <= high; price += stride {
		if n := sales(price); float64(price)*n > best.Takings {
			best.Price, best.Sales, best.Takings = price, n, float64(price)*n
		}
	}
	best.AtOnce, best.Gain = now, gain(now, best.Takings)
	return best
}

// gain is what other takings are to those now, less 1; everything for something.
func gain(now, other float64) float64 {
	switch {
	case now > 0:
		return other/now - 1
	case other > 0:
		return 1
	}
	return 0
}

// Outcome is what to expect at one price, for people who ask what if.
type Outcome struct {
	Price   int64
	Sales   float64 // tickets until the end
	Takings float64 // minor units until the end
	SoldOut float64 // probability
	Gain    float64 // takings to those at the price in force, less 1
}

// WhatIf is what to expect at a price, whatever the limits say of it.
func WhatIf(l Limits, m Moment, price int64, left int, o Outlook, b Belief) Outcome {
	curves := b.Curves()
	at := func(price int64) float64 {
		return float64(price) * ExpectedSales(float64(price)/float64(l.List), left, o, &curves)
	}
	out := Outcome{Price: price, Takings: at(price), Gain: gain(at(m.Price), at(price))}
	if price > 0 {
		out.Sales = out.Takings / float64(price)
	}
	for _, c := range curves {
		if mean, sd := spread(float64(price)/float64(l.List), o, c); sd > 0 {
			out.SoldOut += tail((float64(left)-mean)/sd) / Samples
		}
	}
	if left <= 0 {
		out.SoldOut = 1
	}
	return out
}

// spread is mean and standard deviation of demand until the end on one curve.
func spread(ratio float64, o Outlook, c Curve) (m, s float64) {
	f := c.Factor(ratio)
	m = o.Sum * f
	return m, math.Sqrt(m + dispersion*o.Squares*f*f + forecastError*m*m)
}

// DemandAt is mean and standard deviation of what people would want until the end at a price.
func DemandAt(l Limits, price int64, o Outlook, b Belief) (mean, sd float64) {
	curves := b.Curves()
	var squares float64
	for _, c := range curves {
		m, s := spread(float64(price)/float64(l.List), o, c)
		mean, squares = mean+m/Samples, squares+(m*m+s*s)/Samples
	}
	return mean, math.Sqrt(max(squares-mean*mean, 0))
}
