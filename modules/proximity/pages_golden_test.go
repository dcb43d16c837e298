package proximity

import (
	"net/url"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/qr"
	"github.com/usherhq/usher/modules/kernel/webtest"
	"github.com/usherhq/usher/modules/proximity/choice"
	"github.com/usherhq/usher/modules/proximity/heatmap"
)

// TestGoldenPages draws the main states of the pages from fixed data. To accept a
// change: go test ./modules/proximity -run Golden -update
func TestGoldenPages(t *testing.T) { webtest.Golden(t, "proximity", goldenPages(t)) }

var goldenID = id.ID{0x01, 0x98, 0x0c, 15: 7}

func goldenVenue() Venue {
	v := field()
	v.ID, v.Name, v.Version = goldenID, "River <field>", 3
	v.Plan = &Plan{Type: "image/svg+xml", Tag: "abc"}
	return v
}

func goldenPages(t *testing.T) map[string]any {
	t.Helper()
	v, at := goldenVenue(), moment{noon}
	event := Event{Name: "summer", Title: "Summer & night", Venue: v.ID, OpensAt: noon, EndsAt: noon.Add(6 * time.Hour), Attendance: 200, Scanned: 180}
	line := eventLine{Event: event, Place: v.Name, Opens: at, End: moment{event.EndsAt}, State: "going on"}
	wrong := []fault.Field{{Name: "outline", Problem: "lies outside the plan", Fix: "the plan is 100 × 60 m"}}
	o := Offer{ID: goldenID, Event: "summer", Name: "Cold <drinks>", State: OfferRunning, Title: "2 EUR off", Trigger: Trigger{On: OnQueueShort, Stall: "Bar", People: 5},
		Grant: Grant{Kind: GrantAmount, AmountMinor: 200, Currency: "EUR"}, Stall: "Bar", Limits: Limits{Total: 100, BudgetMinor: 20_000}, Holdout: .1, Issued: 12, Committed: 2400, Version: 2}
	policy := policyView{Active: "pooled", Rows: []policyRow{{Name: "pooled", Active: true, Words: "too few decisions"}, {Name: "linucb", Words: "0.12 more a decision", Better: true}}}
	picture, err := qr.Draw("0123456789ABCDEF")
	if err != nil {
		t.Fatal(err)
	}
	good := Voucher{ID: goldenID, Code: "0123456789ABCDEF", Status: VoucherIssued, Title: "2 EUR off", Stall: "Bar", ValidUntil: noon}
	return map[string]any{
		"venues-none": venuesPage{}, "venues-some": venuesPage{Venues: []Venue{v}, Events: []eventLine{line}, Wrong: wrong},
		"venue-refused": venuePage{Venue: v, Plan: drawingOf(&v), Form: formOfVenue(&v), Kinds: zoneKinds, Events: []eventLine{line}, Wrong: wrong, Tried: "zone",
			Zones: []zoneForm{{"Main stage", "Main stage", "stage", "0,0 1,0 1,1", ""}, {Kind: "area"}}, Beacons: []beaconForm{{}}, Stalls: []stallForm{{"Bar", "Bar", "Bar queue", "65", "8", "2", "12", "bar-1", true}}},
		"crowd-early": crowdPage{Event: event, Venue: v, State: "coming", Plan: drawingOf(&v)}, "crowd-full": goldenCrowd(event, v),
		"report-early": layoutPage{Event: event, Venue: v, State: "going on", Stated: true}, "report-full": goldenReport(event, v),
		"offers-none": offersPage{Policy: policy}, "offers-some": offersPage{Event: "summer", Events: []Event{event}, Offers: []offerLine{lineOf(o)}, Policy: policy},
		"offer-new":  offerPage{New: true, Venue: v, Events: []Event{event}, Form: url.Values{"trigger.on": {OnQueueShort}}, On: occasions, Wrong: map[string][]fault.Field{"trigger.people": {{Name: "So many wait", Problem: "is out of range"}}}, Elsewhere: []fault.Field{{Problem: "somebody has changed the offer since you opened this form"}}},
		"offer-runs": offerPage{Offer: o, Venue: v, Events: []Event{event}, Form: valuesOf(&o), On: occasions, Uplift: choice.Lift{Enough: true, Sent: 90, Held: 40, Buys: .12, BuysLow: .02, BuysTop: .2}, Words: "more came", Measure: "who comes", Status: map[string]int64{"issued": 3, "redeemed": 9}, Next: []string{OfferPaused}},
		"till-empty": tillPage{}, "till-looked": tillPage{Till: "bar-1", Code: good.Code, Voucher: &good, What: "2.00 EUR off", Left: 60}, "till-refused": tillPage{Till: "bar-1", Code: "X", Wrong: wrong},
		"voucher-good": voucherPage{Voucher: good, What: "2.00 EUR off", Good: true, Until: at, Picture: picture, Code: spaced(good.Code)}, "voucher-over": voucherPage{Voucher: good, Until: at},
	}
}

func goldenCrowd(event Event, v Venue) crowdPage {
	at, since := moment{noon}, noon.Add(-10*time.Minute)
	block := heatmap.Block{Zone: "Main stage", Runs: []heatmap.Run{{int(heatmap.CellAt(5, 5)), 4}}, Figure: heatmap.Figure{People: 44, Density: 2.75, Level: "F"}}
	return crowdPage{Event: event, Venue: v, State: "going on", Plan: drawingOf(&v), Total: "120", At: at, Until: moment{noon.Add(5 * time.Minute)}, Shown: true,
		Blocks: []drawnBlock{drawBlock(&block, "2")}, Zones: []zoneRow{{Name: "Main stage", People: "44", Density: "2.75", Level: "F", Words: "jammed"}, {Name: "Entrance", People: "< 10", Density: "–", Level: "–"}},
		Earlier: "/crowd?event=summer&bin=1", Queues: []queueView{{Queue: Queue{Name: "Bar", Long: &since}, People: "14", Interval: "9 – 19", Wait: "6 min", State: "long since 11:50", Link: "/crowd?stall=Bar", At: at}},
		Stall: "Bar", History: []queuePoint{{noon.Unix(), at, "14.2", "14 (9 – 19)", "6 min", 8}, {noon.Unix() + 60, at, "", "–", "–", 0}},
		Ways: []wayRow{{"came in", "Main stage", "60"}}, Drawn: []drawnWay{{"1", "2", "3", "4", "0.5", "Entrance to Main stage: about 40 people"}}, WayAt: at, Other: "23",
		Replay: "/crowd/replay.json?event=summer", CSV: "/crowd/heat.csv", PNG: "/crowd/heat.png", QueuesCSV: "/crowd/queues.csv"}
}

func goldenReport(event Event, v Venue) layoutPage {
	f := &floor{Title: "Before", Plan: drawingOf(&v), Heat: []drawnLevel{{"D", []rect{{2, 4, 6, 2}}}}, Ways: []drawnWay{{"1", "2", "3", "4", "0.5", "Main stage to Bar: about 40 people in the busiest hour"}}, Dots: []numbered{{"65", "8", "1", "67", "2", 1, false, "Bar"}}}
	after := *f
	after.Title, after.Moves, after.Dots = "After", []drawnWay{{"65", "8", "20", "8", "0.2", "Bar moves here"}}, []numbered{{"20", "8", "1", "22", "2", 1, true, "Bar"}}
	return layoutPage{Event: event, Venue: v, State: "over", Until: moment{noon}, Hour: moment{noon}, Complete: true, Stated: true,
		Narrow: []narrowRow{{"Gate", "120", "1", "146 %", "1.9"}}, Unloved: []unlovedRow{{"Tea", "144", "781", "18 %"}}, Unknown: []string{"Shirts"}, Before: f,
		Better: &betterView{Moved: 2, Walking: "700.0", WalkingAfter: "583.3", WalkingChange: "17 % less", Peak: "1.58", PeakAfter: "1.57", PeakChange: "1 % less", After: &after},
		Stalls: []placeRow{{1, "Bar", "65.0, 8.0", "20.0, 8.0", "45 m", "14", false, true, false}, {2, "Shirts", "1.0, 2.0", "–", "–", "–", true, false, true}},
		CSV:    "/crowd/layout.csv?event=summer", PNG: "/crowd/layout.png?event=summer"}
}
