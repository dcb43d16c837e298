package pricing

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/listing"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/kernel/webtest"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// typed is what the form of a category's limits sends.
func typed(f ruleForm) url.Values {
	v := url.Values{"list_minor": {f.List}, "floor_minor": {f.Floor}, "ceiling_minor": {f.Ceiling}, "rounding_minor": {f.Rounding}, "daily": {f.Daily}, "min_gain": {f.MinGain},
		"every_minutes": {f.Every}, "quiet_minutes": {f.Quiet}, "mode": {f.Mode}, "version": {f.Version}}
	if f.Concession {
		v.Set("concession", "yes")
	}
	return v
}

func TestAPriceIsSwitchedOnProposedAndAgreedToFromThePages(t *testing.T) {
	h := newHouse(t)
	h.busy(20)
	e := h.site(guest{})
	there := "/prices/" + h.floor().String()
	shows(t, visit(e, "/prices", nil), 200, "Jazz</bdi>, <bdi>Floor", "30.00 EUR", "21.00 EUR to 45.00 EUR", ">off<", "No price has moved yet", "Stop all prices")
	shows(t, visit(e, there, nil), 200, "31.50 EUR", "Each change with its reason", `value="30.00"`, "By itself")

	r, err := h.RuleOf(t.Context(), h.floor())
	if err != nil {
		t.Fatal(err)
	}
	form := formOfRule(&r, "EUR")
	form.Mode, form.Floor, form.Daily = "approve", "25,5", "ten"
	shows(t, visit(e, there, typed(form)), 422, `&#34;ten&#34; is no number`, `value="25,5"`)
	form.Daily, form.Ceiling = "10", "20"
	shows(t, visit(e, there, typed(form)), 422, "is below the floor")
	form.Ceiling = "45"
	shows(t, visit(e, there, typed(form)), 303)
	shows(t, visit(e, there, typed(form)), 422, "somebody has changed it meanwhile")
	shows(t, visit(e, there, nil), 200, `value="25.50"`, "asks first")

	shows(t, visit(e, there+"/decide", url.Values{}), 303)
	p := h.latest()
	shows(t, visit(e, "/prices", nil), 200, "Waiting for your answer", "30.00 EUR → 33.00 EUR", "Proposed to raise")
	h.clock.Advance(time.Minute)
	shows(t, visit(e, "/prices/decisions/"+p.ID.String()+"/agree", url.Values{}), 303)
	shows(t, visit(e, "/prices/decisions/"+p.ID.String()+"/refuse", url.Values{}), 409, "It was not done", "it has been answered already")
	shows(t, visit(e, "/prices/decisions?moves=yes", nil), 200, "raised", "agreed by <bdi>ana", "What it was made from", "Sensitivity to the price")
	for _, line := range []string{"ana price.rule", "ana price.changed"} {
		if !strings.Contains(strings.Join(h.audit.lines, "\n"), line) {
			t.Errorf("the audit log has no %q: %v", line, h.audit.lines)
		}
	}
}

// An event that has begun is not on sale any more, yet its prices were about something.
func TestDecisionsKeepTheirNamesOnceTheEventHasBegun(t *testing.T) {
	h := newHouse(t)
	h.rule(policy.Auto)
	h.busy(20)
	h.decide(causeByHand)
	h.shop.begun = true
	e := h.site(guest{})
	shows(t, visit(e, "/prices/decisions", nil), 200, "<bdi>Jazz, Floor</bdi>")
	shows(t, visit(e, "/prices", nil), 200, "<bdi>Jazz, Floor</bdi>")
	g, err := h.Glance(t.Context(), "")
	if err != nil || len(g.News) != 1 || !strings.HasPrefix(g.News[0].What.String(), "Jazz, Floor: the price went") {
		t.Errorf("%v %+v", err, g.News)
	}
	h.shop.event = listing.Event{}
	shows(t, visit(e, "/prices/decisions", nil), 200, "an earlier category")
}

func TestTheKillSwitchIsOnThePage(t *testing.T) {
	h := newHouse(t)
	h.rule(policy.Auto)
	h.busy(20)
	e := h.site(guest{})
	shows(t, visit(e, "/prices/stop", url.Values{"stopped": {"yes"}}), 303)
	shows(t, visit(e, "/prices", nil), 200, "All prices stand still", "Stopped by <bdi>ana")
	shows(t, visit(e, "/prices/"+h.floor().String()+"/decide", url.Values{}), 303)
	if n := h.count(`SELECT count(*) FROM pricing.decision`); n != 0 {
		t.Errorf("%d decisions", n)
	}
	shows(t, visit(e, "/prices/stop", url.Values{"stopped": {"no"}}), 303)
	shows(t, visit(e, "/prices/stop", url.Values{"stopped": {"yes"}, "event": {h.shop.event.ID.String()}}), 303)
	shows(t, visit(e, "/prices", nil), 200, "stand still", "Let move")
	shows(t, visit(e, "/prices/stop", url.Values{"stopped": {"yes"}, "event": {id.New().String()}}), 404)
}

func TestWhatIfAndSimulationChangeNothing(t *testing.T) {
	h := newHouse(t)
	h.busy(8)
	e := h.site(guest{})
	there := "/prices/" + h.floor().String()
	shows(t, visit(e, there+"/what-if?price=31%2C50", nil), 200, "31.50 EUR", ">yours<", ">now<", "Sold out")
	shows(t, visit(e, there+"/what-if?price=free", nil), 422, "is no amount in EUR")
	shows(t, visit(e, there+"/simulation", nil), 200, "before you switch it on")
	r, err := h.RuleOf(t.Context(), h.floor())
	if err != nil {
		t.Fatal(err)
	}
	play := func(days string, f ruleForm) string {
		v := typed(f)
		v.Set("days", days)
		return there + "/simulation?" + v.Encode()
	}
	shows(t, visit(e, play("0", formOfRule(&r, "EUR")), nil), 200, "From now to the end", "With moving prices", "80 of 100")
	shows(t, visit(e, play("7", formOfRule(&r, "EUR")), nil), 200, "The last 7 days again")
	wrong := formOfRule(&r, "EUR")
	wrong.Rounding = "0"
	shows(t, visit(e, play("7", wrong), nil), 422, "is out of range")
	shows(t, visit(e, play("x", formOfRule(&r, "EUR")), nil), 422, "is no number of days")
	if n := h.count(`SELECT (SELECT count(*) FROM pricing.rule) + (SELECT count(*) FROM pricing.decision)`); n != 0 {
		t.Errorf("%d rows were written", n)
	}
}

func TestStaffLooksAndDoesNotTouch(t *testing.T) {
	h := newHouse(t)
	h.rule(policy.Approve)
	h.busy(20)
	h.decide(causeDaily)
	e := h.site(guest{not: web.Admin})
	for _, path := range []string{"/prices", "/prices/" + h.floor().String()} {
		rec := visit(e, path, nil)
		shows(t, rec, 200)
		if strings.Contains(rec.Body.String(), `method="post"`) {
			t.Errorf("%s has a form that staff may not send", path)
		}
	}
	for _, path := range []string{"/prices/stop", "/prices/" + h.floor().String(), "/prices/" + h.floor().String() + "/decide", "/prices/decisions/" + id.New().String() + "/agree"} {
		shows(t, visit(e, path, url.Values{}), 403)
	}
}

func TestPagesOfNowhereAre404(t *testing.T) {
	e := newHouse(t).site(guest{})
	for _, path := range []string{"", "/what-if", "/simulation"} {
		shows(t, visit(e, "/prices/"+id.New().String()+path, nil), 404)
	}
	shows(t, visit(e, "/prices/seven", nil), 404)
}

// A pool of two classes, the dearer of which sells.
func TestProtectionIsAdvised(t *testing.T) {
	h := newHouse(t)
	pool := id.New()
	h.shop.event.Pools = []listing.Pool{{ID: pool, Name: "Hall", Capacity: 300, Left: 300, Protected: []int{0}}}
	for i := range h.shop.event.Categories {
		h.shop.event.Categories[i].Pool, h.shop.event.Categories[i].Class = pool, i+1
	}
	list, err := h.Protection(t.Context(), h.shop.event.ID)
	if err != nil || len(list) != 1 || len(list[0].Advised) != 1 || list[0].Advised[0] < 20 || list[0].Advised[0] > 300 {
		t.Errorf("%+v, %v", list, err)
	}
	shows(t, visit(h.site(guest{}), "/prices/"+h.floor().String(), nil), 200, "Places to keep for dearer classes", "Hall")
}

// To accept a change: go test ./modules/pricing -run Golden -update
func TestGoldenPages(t *testing.T) {
	name := id.ID{1, 2, 3}
	at := moment{noon}
	row := decisionRow{ID: name, Category: name, At: at, Where: "Jazz, <Floor>", Old: "30.00 EUR", New: "33.00 EUR", Reason: "Demand was above the forecast.", Cause: "daily look",
		Model: "m", Gain: "4 %", Outcome: Changed, Up: true, Inputs: []inputRow{{"Tickets left", "100 of 300"}}}
	held, proposed := row, row
	held.Outcome, held.New = Held, held.Old
	proposed.Outcome, proposed.Approver = Proposed, ""
	top := head{name, "Jazz", "<Floor>", "EUR", "price"}
	form := ruleForm{"30.00", "21.00", "45.00", "0.50", "10", "0.5", "60", "24", "auto", false, "1"}
	chart := priceChart{Line: "0,1 2,3", Floor: "200", Ceiling: "20", Least: "19.00 EUR", Most: "47.00 EUR", From: at, Until: at, Marks: []priceMark{{"500", "33.00 EUR: why", true}},
		Rows: []priceRow{{at, "33.00 EUR", "why", "pricing"}}}
	lines := []lineRow{{name, "Jazz", "Floor", "30.00 EUR", "21.00 EUR", "45.00 EUR", "automatic", 100}, {name, "Jazz", "Pupils", "15.00 EUR", "10.50 EUR", "22.50 EUR", "concession", 50}}
	top2, top3 := top, top
	top2.Tab, top3.Tab = "what-if", "simulation"
	webtest.Golden(t, "pricing", map[string]any{
		"overview-none":   overviewPage{},
		"overview-some":   overviewPage{Lines: lines, Open: []decisionRow{proposed}, Latest: []decisionRow{row}, Stops: []eventStop{{name, "Jazz", true}}, May: true, Said: said(errGone)},
		"overview-thrown": overviewPage{Lines: lines, Stop: Stop{Stopped: true, By: "ana"}, StopAt: at},
		"category-new":    categoryPage{Head: top, Price: "30.00 EUR", Lowest30: "30.00 EUR", Mode: "off", Doors: at, Form: form},
		"category-busy": categoryPage{Head: top, Price: "33.00 EUR", Pays: "34.50 EUR", Lowest30: "30.00 EUR", Mode: "automatic", Left: 100, Capacity: 300, Doors: at, Chart: chart, Form: form,
			Rows: []decisionRow{row, held}, Pools: []Advice{{Pool: name, Name: "Hall", Left: 90, Protected: []int{10}, Advised: []int{25}}}, May: true},
		"decisions-none": decisionsPage{First: true},
		"decisions-some": decisionsPage{Rows: []decisionRow{row, held, proposed}, Next: "abc", Moves: true, Category: name.String()},
		"what-if":        whatIfPage{Head: top2, Typed: "31", Left: 100, Demand: "150 ± 20", Believed: "As forecast.", Rows: []whatIfRow{{"30.00 EUR", "90", "2700.00 EUR", "+0 %", "40 %", true, false, false, 90}}},
		"simulation-new": simulationPage{Head: top3, Form: form, Days: "0"},
		"simulation": simulationPage{Head: top3, Form: form, Days: "7", Played: true, Again: 7, Kept: "1", Moved: "2", Gain: "+5 %", Better: "90 %", Changes: "3.0", Tickets: [2]string{"10", "9"},
			Chart: courseChart{Mean: "0,1 2,3", Band: "0,1 2,3", Now: "100", Least: "1", Most: "2", Days: 1, Rows: []courseRow{{1, "1", "2", "3"}}}},
	})
}
