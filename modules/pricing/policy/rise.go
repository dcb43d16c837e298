package policy

// riseRuns is how often the next days are played: twelve times for each of the sixteen curves.
const riseRuns = 12 * Samples

// Rise is the probability that the policy asks a higher price than the one in force on
// any of the next days, decided once a day from now on, when demand comes as is believed
// of it now. Without days ahead it is 0.
func Rise(c Course, days int) float64 {
	if c.Left <= 0 || len(c.Ahead) == 0 {
		return 0
	}
	curves := Learn(c.Past).Curves()
	rises := 0
	for run := range riseRuns {
		if c.rises(curves[run%Samples], run, days) {
			rises++
		}
	}
	return float64(rises) / riseRuns
}

// rises plays one run.
func (c Course) rises(curve Curve, run, days int) bool {
	w := c.seller(c.Past)
	for i := range min(days+1, len(c.Ahead)) {
		price := w.price(i)
		if price > c.Moment.Price {
			return true
		}
		mean := c.Ahead[i] * gamma5(luck(run, i, 1))
		w.sell(i, price, poisson(luck(run, i, 2), mean*c.factor(curve, price)))
		if w.Left == 0 {
			return false
		}
	}
	return false
}
