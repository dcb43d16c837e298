package markettest

import "math"

// Foreseer is a seller that can be asked how likely a dearer price is within the next days.
type Foreseer interface {
	Seller
	Rise(day, left int, sold []int, prices []int64, days int) float64
}

// Foresight is how well the chances of a rise were told.
type Foresight struct {
	N              int
	Said, Happened float64 // means
	Brier          float64
	Error          float64 // expected calibration error, ten bins
	Likely         int     // chances of .6 and more
	LikelyHappened float64 // share of these that came true
}

// watcher asks its seller now and then, and keeps what came of it.
type watcher struct {
	Foreseer
	every, days int
	last        int // day that may be asked on
	asked       []int
	chance      []float64
	prices      []int64
}

func (w *watcher) Price(day, left int, sold []int, prices []int64) int64 {
	price := w.Foreseer.Price(day, left, sold, prices)
	w.prices = append(w.prices, price)
	if day%w.every == w.every-1 && day <= w.last {
		w.asked, w.chance = append(w.asked, day), append(w.chance, w.Rise(day, left, sold, prices, w.days))
	}
	return price
}

// Foresee runs a seller through each market once, asks every so many days for the chance
// of a dearer price within the next days, and scores the answers.
func Foresee(markets []Market, every, days int, seller func(m *Market) Foreseer) Foresight {
	var out Foresight
	var bins [10]struct{ said, happened float64 }
	for i := range markets {
		m := &markets[i]
		w := &watcher{Foreseer: seller(m), every: every, days: days, last: len(m.Truth) - days - 2}
		m.Run(uint64(i), w)
		for k, day := range w.asked {
			if day+days >= len(w.prices) {
				continue // it sold out before
			}
			p, came := w.chance[k], 0.0
			for _, later := range w.prices[day+1 : day+days+1] {
				if later > w.prices[day] {
					came = 1
				}
			}
			b := &bins[min(int(10*p), 9)]
			b.said, b.happened = b.said+p, b.happened+came
			out.N, out.Said, out.Happened, out.Brier = out.N+1, out.Said+p, out.Happened+came, out.Brier+(p-came)*(p-came)
			if p >= .6 {
				out.Likely, out.LikelyHappened = out.Likely+1, out.LikelyHappened+came
			}
		}
	}
	n := float64(max(out.N, 1))
	for _, b := range bins {
		out.Error += math.Abs(b.said-b.happened) / n
	}
	out.Said, out.Happened, out.Brier, out.LikelyHappened = out.Said/n, out.Happened/n, out.Brier/n, out.LikelyHappened/float64(max(out.Likely, 1))
	return out
}
