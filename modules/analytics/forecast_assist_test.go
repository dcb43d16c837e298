package analytics

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/analytics/forecast"
)

// scarceRig has one event of which 12 tickets are left, and that sells about 5 a day.
func scarceRig(t *testing.T) (*forecastRig, *forecast.Event) {
	t.Helper()
	r := newForecastRig(t, 0, 2)
	e := r.upcoming()[0]
	today := forecast.DayOf(r.clock.Now())
	e.OnSale, e.Date, e.Capacity, e.Price, e.Social = today-20, today+12, 112, nil, nil
	e.Sold = make([]int, 33)
	for i := range 20 {
		e.Sold[i] = 5
	}
	r.shop.events = r.shop.events[:1]
	return r, e
}

func (r *forecastRig) hinted() []hint {
	r.t.Helper()
	h, err := r.history(r.t.Context())
	r.must(err)
	eye, err := r.seer(r.t.Context(), h.calendar())
	r.must(err)
	return r.hints(h, eye)
}

func TestFollowersHearWhatIsLikelyToSellOut(t *testing.T) {
	r, e := scarceRig(t)
	hints := r.hinted()
	if len(hints) != 1 || hints[0].Kind != hintScarce {
		t.Fatalf("got %+v", hints)
	}
	r.must(r.tellHint(t.Context(), hints[0]))
	r.must(r.tellHint(t.Context(), hints[0])) // the job ran twice
	if len(r.said.told) != 1 {
		t.Fatalf("told %d times", len(r.said.told))
	}
	said := r.said.told[0]
	body := said.properties["body"].(string)
	if said.template != hintScarce || said.tags != "follow:slug-"+e.ID || said.properties["title"] != "Gala "+e.ID || said.properties["left"] != 12 ||
		!strings.HasPrefix(body, "Likely to sell out before 9 Jun 2026: the chance is about ") || !strings.HasSuffix(body, " %. 12 tickets are left.") ||
		!strings.HasPrefix(said.properties["body_de"].(string), "Wahrscheinlich vor dem 9.6.2026 ausverkauft: ") {
		t.Errorf("got %+v", said)
	}
	r.clock.Advance(24 * time.Hour) // the same week
	if again := r.hinted(); len(again) == 1 && again[0].once() != hints[0].once() {
		t.Error("the same would be told twice in a week")
	}
}

// What was true when the job was asked for may not be when it runs.
func TestWhatIsNoLongerTrueIsNotTold(t *testing.T) {
	for name, change := range map[string]func(r *forecastRig, e *forecast.Event){
		"sold out since":         func(_ *forecastRig, e *forecast.Event) { e.Sold[20] = 12 },
		"paused":                 func(r *forecastRig, _ *forecast.Event) { r.shop.paused = true },
		"deleted":                func(r *forecastRig, _ *forecast.Event) { r.shop.gone = true },
		"over":                   func(r *forecastRig, _ *forecast.Event) { r.clock.Advance(13 * 24 * time.Hour) },
		"a larger hall":          func(_ *forecastRig, e *forecast.Event) { e.Capacity = 900 },
		"sales have stood still": func(_ *forecastRig, e *forecast.Event) { clear(e.Sold[1:]); e.Sold[0] = 60 },
	} {
		t.Run(name, func(t *testing.T) {
			r, e := scarceRig(t)
			hints := r.hinted()
			change(r, e)
			r.must(r.tellHint(t.Context(), hints[0]))
			if len(r.said.told) != 0 {
				t.Errorf("told %+v", r.said.told)
			}
		})
	}
}

// likeRig has two past rock events and one of jazz, and a new rock event.
func likeRig(t *testing.T) (r *forecastRig, fresh *forecast.Event) {
	t.Helper()
	r = newForecastRig(t, 3, 1)
	fresh = r.upcoming()[0]
	today := forecast.DayOf(r.clock.Now())
	fresh.OnSale, fresh.Date, fresh.Capacity = today-2, today+40, 300
	fresh.Sold = make([]int, 43)
	for i, e := range r.shop.events[:3] {
		genre := []string{"rock", "jazz", "rock"}[i]
		e.Capacity = 300
		r.must(r.saveProfile(t.Context(), r.shop.ids[e.ID], Profile{Genre: genre, City: "Ulm"}))
	}
	r.must(r.saveProfile(t.Context(), r.shop.ids[fresh.ID], Profile{Genre: "rock", City: "Ulm"}))
	return r, fresh
}

// wentTo lets n people have bought for the first rock event, and so many of them for the second.
func (r *forecastRig) wentTo(n, both int) {
	for i := range n {
		b := bought{customer: fmt.Sprint("c", i), event: r.shop.ids[r.shop.events[0].ID], at: r.clock.Now().AddDate(0, 0, -9), minor: 100}
		r.shop.bought = append(r.shop.bought, b, b) // two orders are one buyer
		if b.event = r.shop.ids[r.shop.events[2].ID]; i < both {
			r.shop.bought = append(r.shop.bought, b)
		}
	}
}

func TestFollowersOfSimilarEventsHearOfANewOne(t *testing.T) {
	r, fresh := likeRig(t)
	r.wentTo(40, 12)
	heard := map[string]bool{}
	for _, x := range r.hinted() {
		r.must(r.tellHint(t.Context(), x))
	}
	for _, said := range r.said.told {
		heard[said.tags] = true
		// Of 40 who could, 12 went to both; with the prior's 2 of 20.
		if said.template != hintLike || said.properties["url"] != "/shop/events/slug-"+fresh.ID || said.properties["chance"] != "23 %" ||
			said.properties["body"] != "Now on sale, and much like what you follow. The chance that you will want to go is about 23 %." {
			t.Errorf("got %+v", said)
		}
	}
	rock, jazz := "follow:slug-"+r.shop.events[0].ID, "follow:slug-"+r.shop.events[1].ID
	if not := " && !follow:slug-" + fresh.ID; !heard[rock+not] || heard[jazz+not] || len(heard) != 2 {
		t.Errorf("told %v", heard)
	}
}

func TestFollowersDoNotHearOfWhatHardlyAnybodyWants(t *testing.T) {
	r, _ := likeRig(t)
	r.wentTo(100, 0)
	for _, x := range r.hinted() {
		r.must(r.tellHint(t.Context(), x))
	}
	if len(r.said.told) != 0 {
		t.Errorf("told %+v", r.said.told)
	}
}

func TestTheAssistantIsSilentWhenOff(t *testing.T) {
	r, _ := scarceRig(t)
	jobs := func() (n int) {
		return len(r.hinted())
	}
	if jobs() != 1 {
		t.Fatal("nothing to tell")
	}
	r.cfg.Assistant.On = false
	r.must(r.Assist(t.Context()))
	if n := r.hintJobs(); n != 0 {
		t.Errorf("%d jobs while it is off", n)
	}
	r.cfg.Assistant.On = true
	r.must(r.Assist(t.Context()))
	if n := r.hintJobs(); n != 1 {
		t.Errorf("%d jobs, want 1", n)
	}
}
