package forecast_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/analytics/forecasttest"
)

func date(s string) forecast.Day {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return forecast.DayOf(t)
}

func TestDaysAreCalendarDays(t *testing.T) {
	vienna := time.FixedZone("CEST", 2*3600)
	d := forecast.DayOf(time.Date(2026, 5, 1, 0, 30, 0, 0, vienna)) // still April in UTC
	if d.String() != "2026-05-01" || d.Weekday() != time.Friday {
		t.Errorf("got %v, a %v", d, d.Weekday())
	}
	if before := forecast.Day(-5); before.Weekday() != before.Time().Weekday() {
		t.Errorf("before 1970: %v, want %v", before.Weekday(), before.Time().Weekday())
	}
}

// spoilt is an event whose future after the day is another one.
func spoilt(e *forecast.Event, after forecast.Day) *forecast.Event {
	c := *e
	c.Sold, c.Price, c.Social = slices.Clone(e.Sold), slices.Clone(e.Price), slices.Clone(e.Social)
	for i := int(after-e.OnSale) + 1; i < len(c.Sold); i++ {
		c.Sold[i] += 40
		c.Price[i] *= 2
		c.Social[i] += 500
	}
	return &c
}

func TestAForecastSeesOnlyThePast(t *testing.T) {
	events := forecasttest.NewMarket(3).Past(40, 19_000)
	m, err := forecast.Train(events[:20], forecast.NewCalendar(events))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events[25:] {
		e.ListPrice = 0 // the reference is then the median of the prices seen
		at := e.Date - 10
		if at < e.OnSale {
			continue
		}
		a, b := m.Outlook(e, at, nil), m.Outlook(spoilt(e, at), at, nil)
		if !slices.Equal(a.Daily, b.Daily) || a.SoldOut(10) != b.SoldOut(10) {
			t.Errorf("%s: the forecast of %v changed with what happened after it", e.ID, at)
		}
		if later := m.Outlook(spoilt(e, at), at+3, nil); later.Sold == a.Sold {
			t.Errorf("%s: three days later nothing is new", e.ID)
		}
	}
}

func TestABacktestTrainsOnlyOnWhatWasOver(t *testing.T) {
	events := forecasttest.NewMarket(4).Past(30, 19_000)
	o := forecast.Options{At: []int{14}, Within: 14, Before: events[20].Date}
	before, err := forecast.Backtest(events, o)
	if err != nil {
		t.Fatal(err)
	}
	if before.Forecasts < 5 || before.Trained >= 20 {
		t.Fatalf("%d forecasts from %d events, want several from fewer than 20: some were not over 14 days before", before.Forecasts, before.Trained)
	}
	first := events[20].Date - 14
	for i, e := range events {
		if e.Date >= first && i < 20 {
			events[i] = spoilt(e, e.OnSale)
		}
	}
	after, err := forecast.Backtest(events, o)
	if err != nil {
		t.Fatal(err)
	}
	if before.Method("model").Within.Brier != after.Method("model").Within.Brier {
		t.Error("events that were not over yet changed the forecasts")
	}
}

func TestBacktestInFoldsForecastsEveryEvent(t *testing.T) {
	events := forecasttest.NewMarket(5).Past(36, 19_000)
	clock, steps := time.Unix(0, 0), 0
	r, err := forecast.Backtest(events, forecast.Options{
		At: []int{7, 30}, Within: 14, Folds: 3,
		Now:  func() time.Time { clock = clock.Add(time.Second); return clock },
		Step: func(_, _ int) { steps++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Events != 36 || r.Fits != 6 || r.FitSeconds != 6 || steps != 6 || r.Trained >= 24 {
		t.Errorf("%d events, %d fits in %v s, %d steps, trained on %d", r.Events, r.Fits, r.FitSeconds, steps, r.Trained)
	}
}

// One model a block sees no more than the earliest of its forecasts may.
func TestABacktestWithOneModelABlockSeesNoMore(t *testing.T) {
	events := forecasttest.NewMarket(5).Past(36, 19_000)
	o := forecast.Options{At: []int{7, 30}, Within: 14, Folds: 3, Once: true}
	r, err := forecast.Backtest(events, o)
	if err != nil {
		t.Fatal(err)
	}
	seldom, err := forecast.Backtest(events, forecast.Options{At: []int{30}, Within: 14, Folds: 3})
	if err != nil {
		t.Fatal(err)
	}
	if r.Fits != 3 || r.Trained != seldom.Trained || r.Forecasts <= seldom.Forecasts {
		t.Errorf("%d fits on at most %d events, want 3 on at most %d", r.Fits, r.Trained, seldom.Trained)
	}
}

func TestTheProbabilityNeverFallsAndKeepsWithinItsBounds(t *testing.T) {
	events := forecasttest.NewMarket(6).Past(60, 19_000)
	m, err := forecast.Train(events[:30], nil)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		e := events[30+rapid.IntRange(0, 29).Draw(t, "event")]
		at := e.OnSale - 5 + forecast.Day(rapid.IntRange(0, e.Lead()+6).Draw(t, "day"))
		o := m.Outlook(e, at, nil)
		last := 0.0
		for h := -1; h <= o.Days+2; h++ {
			p := o.SoldOut(h)
			if p < last || p > 1 {
				t.Fatalf("P(sold out in %d days) = %v after %v", h, p, last)
			}
			last = p
			low, high := o.Interval(h, .8)
			if x := o.Expected(h); low > high || low < o.Sold || high > e.Capacity && o.Sold <= e.Capacity || x < float64(o.Sold) || x > float64(e.Capacity)+.01 {
				t.Fatalf("%d days: %d to %d, expected %v of %d", h, low, high, x, e.Capacity)
			}
		}
		if h, ok := o.When(); ok && (o.SoldOut(h) < .5 || h > 0 && o.SoldOut(h-1) >= .5) || !ok && last >= .5 {
			t.Fatalf("When = %d, %v", h, ok)
		}
	})
}

func TestASoldOutEventIsCertain(t *testing.T) {
	m, err := forecast.Train(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := &forecast.Event{ID: "a", OnSale: date("2026-03-01"), Date: date("2026-04-01"), Capacity: 5, Sold: []int{5}}
	o := m.Outlook(e, e.OnSale, nil)
	if h, ok := o.When(); o.SoldOut(0) != 1 || o.SoldOut(20) != 1 || h != 0 || !ok {
		t.Errorf("P = %v, when = %d, %v", o.SoldOut(0), h, ok)
	}
	e.Sold = []int{4}
	if o = m.Outlook(e, e.Date, nil); o.SoldOut(0) != 0 || o.SoldOut(14) != 0 {
		t.Errorf("a seat was left on the evening, yet P = %v", o.SoldOut(14))
	}
}

// What the market does shows in the coefficients.
func TestTrainFindsWhatDrivesDemand(t *testing.T) {
	r, talk := rand.New(rand.NewPCG(1, 1)), rand.New(rand.NewPCG(2, 2))
	var events []*forecast.Event
	for i := range 120 {
		e := &forecast.Event{ID: string(rune('a' + i)), OnSale: forecast.Day(19_000 + 3*i), Date: forecast.Day(19_060 + 3*i), Capacity: 1000, ListPrice: 20, Genre: []string{"rock", "folk"}[i%2]}
		price, level := 20.0, []float64{8, 4}[i%2]
		for k := range 61 {
			if k == 30 {
				price = []float64{20, 26}[r.IntN(2)]
			}
			mean := level
			if price > 20 {
				mean *= .5
			}
			if (e.OnSale + forecast.Day(k)).Weekday() == time.Friday {
				mean *= 1.5
			}
			if k > 0 { // what was posted the day before, and how gladly
				mean *= math.Pow((1+e.Social[k-1])/10, .3) * math.Exp(.5*e.Sentiment[k-1])
			}
			e.Social, e.Sentiment = append(e.Social, float64(talk.IntN(20))), append(e.Sentiment, 1-2*talk.Float64())
			n := 0
			for range 100 {
				if r.Float64() < mean/100 {
					n++
				}
			}
			e.Sold, e.Price = append(e.Sold, n), append(e.Price, price)
		}
		events = append(events, e)
	}
	m, err := forecast.Train(events, nil)
	if err != nil {
		t.Fatal(err)
	}
	coef := map[string]float64{}
	for j, name := range m.Names {
		coef[name] = m.Coef[j]
	}
	if b := coef["price now"]; b > -1.9 || b < -3.2 { // ln .5 / ln 1.3 = −2.6, shrunk to −1.3
		t.Errorf("price now %v", b)
	}
	if d := coef["Friday"] - coef["Tuesday"]; d < .3 || d > .5 { // ln 1.5 = .41
		t.Errorf("Friday − Tuesday %v", d)
	}
	if b := coef["posts the day before"]; b < .25 || b > .35 {
		t.Errorf("posts the day before %v", b)
	}
	if b := coef["sentiment of posts"]; b < .35 || b > .6 { // .5, shrunk to .1
		t.Errorf("sentiment of posts %v", b)
	}
	if d := coef["rock"] - coef["folk"]; d < .45 || d > .75 { // ln 2 = .69, shrunk
		t.Errorf("rock − folk %v", d)
	}
}
