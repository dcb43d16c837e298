package forecast_test

import (
	"fmt"
	"testing"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/analytics/forecasttest"
)

func BenchmarkTrain(b *testing.B) {
	for _, n := range []int{20, 200, 1000, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ev := forecasttest.NewMarket(1).Past(n, 15000)
			cal := forecast.NewCalendar(ev)
			for b.Loop() {
				if _, err := forecast.Train(ev, cal); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
