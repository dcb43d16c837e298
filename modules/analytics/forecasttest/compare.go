package forecasttest

import (
	"runtime"
	"sync"

	"github.com/usherhq/usher/modules/analytics/forecast"
)

// Comparison is how forecasters did on the same events of several markets.
type Comparison struct {
	Oracle [2]forecast.Score        // within 14 days, and by the event
	By     map[int]*forecast.Report // by the number of past events the product was trained on
}

// Trial says how large a comparison is.
type Trial struct {
	Markets   int   // seeds 1 to Markets
	Events    int   // forecast in each market
	Particles int   // of the oracle, as many in the filter as in the simulation
	Past      []int // numbers of past events to train on
}

// Window is the near horizon.
const Window = 14

// Before are the days before the event that forecasts are made on.
var Before = []int{7, 14, 30, 60}

// Compare draws the markets, trains on their past and forecasts the events after it,
// by the product's methods and by the oracle.
func (t Trial) Compare() (*Comparison, error) {
	c := &Comparison{By: map[int]*forecast.Report{}}
	for _, n := range t.Past {
		c.By[n] = forecast.NewReport(Window)
	}
	seeds := make(chan uint64, t.Markets)
	for k := range t.Markets {
		seeds <- uint64(k + 1)
	}
	close(seeds)
	var (
		mu     sync.Mutex
		wg     sync.WaitGroup
		failed error
		said   [2][]forecast.Said
	)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for seed := range seeds {
				reports, oracle, err := t.market(seed)
				mu.Lock()
				if err != nil {
					failed = err
				}
				for n, r := range reports {
					c.By[n].Add(r)
				}
				for k := range said {
					said[k] = append(said[k], oracle[k]...)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for k := range said {
		c.Oracle[k] = forecast.ScoreOf(said[k])
	}
	return c, failed
}

// market is one market's part. The past ends about as long before the first event
// forecast as the events are on sale, so nothing of the future is known.
func (t Trial) market(seed uint64) (map[int]*forecast.Report, [2][]forecast.Said, error) {
	most := 0
	for _, n := range t.Past {
		most = max(most, n)
	}
	const gap = 30
	m := NewMarket(seed)
	events := m.Past(most+gap+t.Events, 19_000)
	calendar, future := forecast.NewCalendar(events), events[most+gap:]
	reports := map[int]*forecast.Report{}
	for _, n := range t.Past {
		model, err := forecast.Train(events[most-n:most], calendar)
		if err != nil {
			return nil, [2][]forecast.Said{}, err
		}
		reports[n] = forecast.NewReport(Window)
		for _, e := range future {
			for _, d := range Before {
				reports[n].Forecast(model, e, d, calendar)
			}
		}
	}
	return reports, m.askOracle(events, future, t.Particles), nil
}

func (m *Market) askOracle(events, future []*forecast.Event, particles int) (said [2][]forecast.Said) {
	if particles == 0 {
		return said
	}
	o := m.Oracle(events, particles)
	for _, e := range future {
		for _, d := range Before {
			at := e.Date - forecast.Day(d)
			if at < e.OnSale || e.SoldBy(at) >= e.Capacity {
				continue
			}
			horizons := []int{min(Window, d), d}
			for k, p := range o.SoldOut(e, at, horizons...) {
				said[k] = append(said[k], forecast.Said{P: p, True: e.SoldBy(at+forecast.Day(horizons[k])) >= e.Capacity})
			}
		}
	}
	return said
}
