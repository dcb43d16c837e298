package analytics

import (
	"testing"

	"github.com/usherhq/usher/modules/analytics/cluster"
	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

// goldenForecast is a gala of 100 places, seen ten days before it.
func goldenForecast() (*saleEvent, Forecast) {
	today := forecast.DayOf(queryNoon)
	e := &saleEvent{ID: id.ID{7}, Slug: "gala-<7>", Today: today, Sold: 61, Capacity: 100, Whole: &forecast.Event{
		ID: "gala", OnSale: today - 6, Date: today + 9, Capacity: 100, Sold: []int{12, 9, 10, 8, 11, 10}, Genre: "rock", City: "Ulm"}}
	f := Forecast{Event: e.ID, At: (today - 1).Time(), MadeAt: queryNoon, Model: 3, Date: (today + 9).Time(), Capacity: 100, Sold: 60, Expected: 97.4, Low: 88, High: 100, Within: .74, Final: .74,
		Curve: Curve{Served: "blend"}}
	for h := range 10 {
		f.Curve.Expected = append(f.Curve.Expected, min(60+4*float64(h+1), 97.4))
		f.Curve.Low, f.Curve.High = append(f.Curve.Low, 60+2*(h+1)), append(f.Curve.High, min(60+7*(h+1), 100))
		f.Curve.SoldOut = append(f.Curve.SoldOut, .074*float64(h+1))
	}
	return e, f
}

// goldenName is the title of the gala.
func goldenName(event string) string {
	if event == (id.ID{7}).String() {
		return "Gala <7>"
	}
	return event
}

func goldenModels() []modelRow {
	from, to := queryNoon.AddDate(-2, 0, 0), queryNoon.AddDate(0, 0, -3)
	half := .79
	report := &forecast.Report{Forecasts: 312, Served: "blend", WhyServed: "it is at least as good as the share of past events that sold out",
		Methods: []forecast.MethodScore{{Method: "blend", Within: forecast.Score{Brier: .0441}, Final: forecast.Score{Brier: .0912}, WithinCoverage: &half, FinalCoverage: &half}, {Method: "run-rate", Within: forecast.Score{Brier: .1123}, Final: forecast.Score{Brier: .2012}}}}
	return []modelRow{
		modelRowOf(ModelInfo{Version: 4, State: modelRejected, Reason: "daily", TrainedAt: queryNoon, Events: 41, Days: 2210, From: &from, To: &to, Verdict: "worse than version 3, which stays: its Brier score on the latest 30 events is 0.021 higher (± 0.004)"}),
		modelRowOf(ModelInfo{Version: 3, State: modelActive, Reason: "asked for by <eva>", TrainedAt: queryNoon.AddDate(0, 0, -1), Events: 40, Days: 2180, From: &from, To: &to, Verdict: "the first one", PromotedBy: byItself, Report: report}),
	}
}

func goldenSegments() segmentsPage {
	customers := segmentRowOf(Segment{No: 3, Kind: kindCustomers, Name: "Our <families>", Renamed: true, Size: 42, Reach: 17, Tag: "$Segment:{3}",
		Customer: &cluster.Segment{Own: "spends about 180 an order, 90 % on weekends", Size: 42, Share: .21, Center: []float64{4.8, .9, 3.4, 9.8, .9, .1, 0}, Weekend: .9, Discounted: .08}})
	unknown := segmentRowOf(Segment{No: 4, Kind: kindCustomers, Name: "buys ≤ 1 day ahead, 75 % discounted", Size: 12, Tag: "$Segment:{4}",
		Customer: &cluster.Segment{Own: "buys ≤ 1 day ahead, 75 % discounted", Share: .06, Center: []float64{4, 1.1, .7, 7.8, .6, .7, 0}, Weekend: .61, Discounted: .75}})
	rock := segmentRowOf(Segment{No: 5, Kind: kindEvents, Name: "rock on weekends", Size: 9, Reach: 9, Event: &cluster.EventGroup{Own: "rock on weekends", Past: 8, Early: .31, Late: .22, Fill: .88}})
	rock.Names, rock.More = []string{"gala-<7>", "usher/old"}, 7
	ahead := segmentRowOf(Segment{No: 6, Kind: kindEvents, Name: "jazz during the week", Size: 1, Reach: 1, Event: &cluster.EventGroup{Own: "jazz during the week"}})
	customers.May, rock.May = true, true
	return segmentsPage{Run: Segmentation{MadeAt: queryNoon, Customers: 200, OneOff: 146}, Made: moment{queryNoon}, Customers: []segmentRow{customers, unknown}, Events: []segmentRow{rock, ahead}, May: true}
}

func goldenForecastPages() map[string]any {
	e, f := goldenForecast()
	unseen := &saleEvent{ID: id.ID{8}, Slug: "unseen", Today: e.Today, Whole: &forecast.Event{ID: "unseen", OnSale: e.Today, Date: e.Today + 9, Capacity: 50}}
	h := &history{sales: []*saleEvent{e}}
	event := forecastPageOf(e, []Forecast{f}, h, goldenName)
	looked := event
	event.Profile, event.Tags, event.Group, event.May = Profile{Genre: "rock", City: "Ulm", Artist: "The <Vents>"}, "indoor, loud", "rock on weekends", true
	event.Categories = []forecastRow{rowOf(f, "Standing", 61)}
	event.Similar = []similarEvent{{"old-gala", "2 May 2025", 88, 100, "81 %"}}
	event.Rivals = []rivalEvent{{"Rock in the yard", "12 Jun 2026", "2.4"}}
	row := rowOf(f, goldenName(e.ID.String()), 61)
	gone := f
	gone.Sold, gone.Within, gone.Low = 100, 1, 100
	said := []forecast.Said{{P: .05, True: false}, {P: .12, True: false}, {P: .81, True: true}, {P: .88, True: false}, {P: .97, True: true}}
	imported := importPage{Imports: []Import{{ID: id.ID{1}, Name: "past <1>.csv", Format: "usher", Events: 8, Done: 3, State: importWorking, By: "eva"}, {ID: id.ID{2}, Name: "x.csv", Format: "pretix", State: importFailed, Problem: "line 3: no date"}},
		Working: true, Missing: 1, May: true, Events: []pastRow{{ID: id.ID{3}, Source: "pretix", Name: "gig", Date: "2 May 2025", Sold: 80}}}
	calendar := calendarPage{Form: Surroundings{City: "Ulm", Capacity: 300}, May: true, Days: calendarDays(&history{sales: []*saleEvent{e, unseen}, rivals: []rival{{ID: id.ID{4}, Event: &forecast.Event{ID: "Rock <yard>", Date: e.Today + 9, OnSale: e.Today, Genre: "rock", City: "Ulm", Capacity: 300}}}}, e.Today, map[id.ID]bool{e.ID: true}, goldenName)}
	return map[string]any{
		"forecasts-some": forecastsPage{Events: []forecastRow{row, rowOf(gone, "sold-out", 100)}, Model: &ModelInfo{Version: 3, Events: 40}}, "forecasts-none": forecastsPage{},
		"forecast-all": event, "forecast-look": looked,
		"forecast_models-some": modelsPage{Models: goldenModels(), May: true}, "forecast_models-none": modelsPage{},
		"forecast_calibration-some": calibrationPage{Within: verdictRowsOf("Sold out within 14 days", verdictOn(said)), Final: verdictRowsOf("Sold out by the event", verdictOn(nil))},
		"forecast_calendar-some":    calendar, "forecast_calendar-wrong": calendarPage{Form: Surroundings{Capacity: 1}, May: true, Wrong: []fault.Field{{Name: "city", Problem: "is missing", Fix: "where they take place"}}},
		"forecast_import-some": imported, "forecast_import-none": importPage{},
		"segments-some": goldenSegments(), "segments-none": segmentsPage{May: true},
	}
}

// TestGoldenForecastPages draws the pages from fixed data. To accept a change:
// go test ./modules/analytics -run GoldenForecast -update
func TestGoldenForecastPages(t *testing.T) {
	webtest.Golden(t, "analytics", goldenForecastPages())
}
