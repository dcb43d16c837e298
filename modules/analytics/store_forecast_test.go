package analytics

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/analytics/bookings"
	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/analytics/forecasttest"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/listing"
)

// fakeShop sells simulated events, each in one category; what is after today has not
// been sold yet.
type fakeShop struct {
	events []*forecast.Event
	ids    map[string]id.ID // of events; a category's is named "c" + the event's
	now    func() time.Time

	paused, gone bool

	bought []bought
}

// bought is an order at the fake shop.
type bought struct {
	customer            string
	person, event       id.ID
	at, starts          time.Time
	minor               int64
	weekend, discounted bool
}

func (s *fakeShop) EachPurchase(_ context.Context, since time.Time, each func(customer string, person, event id.ID, at, startsAt time.Time, totalMinor int64, weekend, discounted bool) error) error {
	for _, b := range s.bought {
		if b.at.Before(since) {
			continue
		}
		if err := each(b.customer, b.person, b.event, b.at, b.starts, b.minor, b.weekend, b.discounted); err != nil {
			return err
		}
	}
	return nil
}

// newFakeShop sells events of a market, the last ones still to come at queryNoon.
func newFakeShop(past, future int, now func() time.Time) *fakeShop {
	s := &fakeShop{ids: map[string]id.ID{}, now: now}
	s.events = forecasttest.NewMarket(7).Past(past+future, 19_000)
	shift := forecast.DayOf(queryNoon) + 5 - s.events[past].Date
	if past > 0 {
		shift = forecast.DayOf(queryNoon) - 1 - s.events[past-1].Date
	}
	for _, e := range s.events {
		e.Date, e.OnSale = e.Date+shift, e.OnSale+shift
		s.ids[e.ID], s.ids["c"+e.ID] = id.New(), id.New()
	}
	return s
}

func (s *fakeShop) find(event id.ID) *forecast.Event {
	for _, e := range s.events {
		if s.ids[e.ID] == event || s.ids["c"+e.ID] == event {
			return e
		}
	}
	return nil
}

func (s *fakeShop) EachEvent(_ context.Context, after time.Time, each func(event id.ID, slug, currency, zone string, saleFrom, saleUntil, startsAt time.Time) error) error {
	for _, e := range s.events {
		starts := e.Date.Time().Add(20 * time.Hour)
		if !starts.After(after) {
			continue
		}
		if err := each(s.ids[e.ID], "slug-"+e.ID, "EUR", "Europe/Vienna", e.OnSale.Time(), starts, starts); err != nil {
			return err
		}
	}
	return nil
}

func (s *fakeShop) EachShopName(_ context.Context, each func(event id.ID, shop string) error) error {
	for _, e := range s.events {
		if err := each(s.ids[e.ID], "shop's "+e.ID); err != nil {
			return err
		}
	}
	return nil
}

func (s *fakeShop) EachCategory(_ context.Context, event id.ID, each func(category id.ID, name string, capacity, sold, held int, priceMinor int64) error) error {
	e := s.find(event)
	return each(s.ids["c"+e.ID], "Standing", e.Capacity, e.SoldBy(forecast.DayOf(s.now())), 0, int64(100*e.ListPrice))
}

func (s *fakeShop) SoldByDay(_ context.Context, event id.ID, each func(category id.ID, day time.Time, sold, returned int, grossMinor int64) error) error {
	e := s.find(event)
	for i, n := range e.Sold {
		if day := e.OnSale + forecast.Day(i); n > 0 && day <= forecast.DayOf(s.now()) {
			if err := each(s.ids["c"+e.ID], day.Time(), n+1, 1, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *fakeShop) Listing(_ context.Context, event id.ID) (listing.Event, error) {
	e := s.find(event)
	if e == nil || s.gone {
		return listing.Event{}, fault.E("test", fault.NotFound, "deleted", nil)
	}
	left := e.Capacity - e.SoldBy(forecast.DayOf(s.now()))
	return listing.Event{ID: event, Slug: "slug-" + e.ID, Path: "/shop/events/slug-" + e.ID, Title: "Gala " + e.ID, Live: !s.paused, SaleFrom: e.OnSale.Time(), SaleEnd: e.Date.Time().Add(20 * time.Hour),
		Categories: []listing.Category{{ID: s.ids["c"+e.ID], Capacity: e.Capacity, Free: left}}}, nil
}

func (s *fakeShop) EachPrice(_ context.Context, category id.ID, each func(since time.Time, priceMinor int64, reason string) error) error {
	e := s.find(category)
	for i, p := range e.Price {
		if day := e.OnSale + forecast.Day(i); day <= forecast.DayOf(s.now()) && (i == 0 || p != e.Price[i-1]) {
			if err := each(day.Time(), int64(100*p), ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// forecastRig is analytics beside a shop.
type forecastRig struct {
	*queryRig
	shop *fakeShop
	said *crierSpy
}

// crierSpy notes what is told.
type crierSpy struct {
	told     []toldOnce
	segments map[string][]string
}

func (c *crierSpy) SetSegments(_ *db.Tx, persons map[string][]string) error {
	c.segments = persons
	return nil
}

type toldOnce struct {
	once           id.ID
	template, tags string
	properties     map[string]any
}

func (c *crierSpy) Tell(_ context.Context, once id.ID, template, tags string, properties map[string]any, _ time.Time) error {
	for _, t := range c.told {
		if t.once == once {
			return nil
		}
	}
	c.told = append(c.told, toldOnce{once, template, tags, properties})
	return nil
}

func newForecastRig(t *testing.T, past, future int) *forecastRig {
	t.Helper()
	r := &forecastRig{queryRig: newQueryRig(t), said: &crierSpy{}}
	r.shop = newFakeShop(past, future, r.clock.Now)
	r.Service.shop, r.crier = r.shop, r.said
	return r
}

func (r *forecastRig) upcoming() (out []*forecast.Event) {
	for _, e := range r.shop.events {
		if e.Date >= forecast.DayOf(r.clock.Now()) {
			out = append(out, e)
		}
	}
	return out
}

func (r *forecastRig) train() *ModelInfo {
	r.t.Helper()
	m, err := r.Train(r.t.Context(), "test")
	r.must(err)
	return m
}

func TestForecastsAreMadeKeptAndJudged(t *testing.T) {
	r := newForecastRig(t, 14, 6)
	ctx := t.Context()
	m := r.train()
	if m.State != modelActive || m.Events != 14 || m.Report.Forecasts == 0 || m.PromotedBy != byItself || m.Verdict != "the first one" {
		t.Fatalf("got %+v", m)
	}
	r.must(r.Foresee(ctx, nil))
	list, err := r.latestForecasts(ctx, forecast.DayOf(r.clock.Now()))
	r.must(err)
	if len(list) != 2*len(r.upcoming()) {
		t.Fatalf("%d forecasts of %d events with a category each", len(list), len(r.upcoming()))
	}
	for _, f := range list {
		e := r.shop.find(f.Event)
		if yesterday := forecast.DayOf(queryNoon) - 1; f.Sold != e.SoldBy(yesterday) || forecast.DayOf(f.At) != yesterday {
			t.Errorf("%s: %d sold by %v, want %d", e.ID, f.Sold, f.At, e.SoldBy(yesterday))
		}
		n := len(f.Curve.SoldOut)
		if n != int(e.Date-forecast.DayOf(f.At)) || f.Within > f.Final || f.Low > f.High || f.Curve.SoldOut[n-1] != f.Final || f.Model != m.Version {
			t.Errorf("%s: %+v", e.ID, f)
		}
	}
	r.clock.Advance(60 * 24 * time.Hour)
	r.must(r.JudgeForecasts(ctx))
	judged, err := r.judgedForecasts(ctx, queryNoon.AddDate(0, -1, 0))
	r.must(err)
	over := 0
	for _, f := range judged {
		e := r.shop.find(f.Event)
		soldOut := e.SoldBy(e.Date) >= e.Capacity
		if near := e.SoldBy(min(forecast.DayOf(f.At)+within, e.Date)) >= e.Capacity; *f.OutcomeWithin != near {
			t.Errorf("%s: sold out within 14 days %v, want %v", e.ID, *f.OutcomeWithin, near)
		}
		if f.OutcomeFinal != nil {
			over++
			if *f.OutcomeFinal != soldOut || *f.FinalSold != e.SoldBy(e.Date) {
				t.Errorf("%s: %v with %d sold, want %v with %d", e.ID, *f.OutcomeFinal, *f.FinalSold, soldOut, e.SoldBy(e.Date))
			}
		}
	}
	if len(judged) != 6 || over == 0 {
		t.Errorf("%d forecasts judged, %d of them to the end", len(judged), over)
	}
}

// An event that has sold out since yesterday is told to be sold out.
func TestWhatIsSoldOutNowIsCertain(t *testing.T) {
	r := newForecastRig(t, 0, 2)
	e := r.upcoming()[0]
	e.Sold[int(forecast.DayOf(queryNoon)-e.OnSale)] = e.Capacity
	r.must(r.Foresee(t.Context(), []string{"slug-" + e.ID}))
	list, err := r.forecastsOf(t.Context(), r.shop.ids[e.ID])
	r.must(err)
	if len(list) != 2 || list[0].Final != 1 || list[1].Within != 1 || list[0].Low != e.Capacity {
		t.Errorf("got %+v", list)
	}
	if list, err = r.forecastsOf(t.Context(), r.shop.ids[r.upcoming()[1].ID]); err != nil || len(list) != 0 {
		t.Errorf("another event was forecast too: %v %v", list, err)
	}
}

func TestAWorseModelIsNotUsed(t *testing.T) {
	r := newForecastRig(t, 24, 3)
	first := r.train()
	if again := r.train(); again.State != modelActive || again.Version == first.Version {
		t.Fatalf("the same data again: %+v", again)
	}
	// A file of nonsense: many events that sell everything on the last day.
	r.must(r.db.InTx(t.Context(), func(tx *db.Tx) error {
		for i := range 60 {
			e := &forecast.Event{ID: fmt.Sprint("nonsense", i), Date: forecast.DayOf(queryNoon) - 250 - forecast.Day(i), Capacity: 5000, Sold: make([]int, 61)}
			e.OnSale = e.Date - 60
			e.Sold[60] = 5000
			if err := savePast(tx, bookings.FormatDaily, e); err != nil {
				return err
			}
		}
		return nil
	}))
	bad := r.train()
	if bad.State != modelRejected || !strings.Contains(bad.Verdict, "worse than version 2, which stays") || bad.Events != 84 {
		t.Fatalf("got %+v", bad)
	}
	active, err := r.activeModel(t.Context())
	r.must(err)
	if active.Version != 2 {
		t.Errorf("version %d is in use", active.Version)
	}
	r.must(r.Promote(t.Context(), bad.Version, "eva"))
	if active, err = r.activeModel(t.Context()); err != nil || active.Version != bad.Version || active.PromotedBy != "eva" {
		t.Errorf("a person's choice counts: %+v, %v", active, err)
	}
}

func TestDailyDemandIsAtTheListPrice(t *testing.T) {
	r := newForecastRig(t, 20, 4)
	r.train()
	e := r.upcoming()[3]
	category := r.shop.ids["c"+e.ID]
	from, until := forecast.DayOf(queryNoon), e.Date+2
	atList, version, err := r.DailyDemand(t.Context(), category, from.Time(), until.Time())
	r.must(err)
	if len(atList) != int(until-from)+1 || version != "forecast 1" || atList[0] <= 0 || atList[len(atList)-1] != 0 || atList[len(atList)-3] <= 0 {
		t.Fatalf("%s: %v", version, atList)
	}
	dear := e.ListPrice * 2
	e.Price[int(forecast.DayOf(queryNoon)-1-e.OnSale)] = dear // since yesterday
	again, _, err := r.DailyDemand(t.Context(), category, from.Time(), until.Time())
	r.must(err)
	if ratio := again[0] / atList[0]; ratio < .9 || ratio > 1.4 { // yesterday's sales at twice the price count for more
		t.Errorf("the list price is asked for, yet demand is %.2f times as high", ratio)
	}
	if _, _, err := r.DailyDemand(t.Context(), id.New(), from.Time(), until.Time()); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown category: %v", err)
	}
}

func TestSalesHaveForecastsMadeAnew(t *testing.T) {
	r := newForecastRig(t, 0, 1)
	due := func() (n int) {
		r.must(r.db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM queue.outbox WHERE name = $1`, jobForesee).Scan(&n))
		return n
	}
	r.must(r.db.InTx(t.Context(), func(tx *db.Tx) error { return noteDue(tx, []string{"slug-e0", "x"}, tx.Now().Add(dueAfter)) }))
	r.must(r.foreseeDue(t.Context()))
	if due() != 0 {
		t.Fatal("made before its time")
	}
	r.clock.Advance(dueAfter)
	r.must(r.foreseeDue(t.Context()))
	r.must(r.foreseeDue(t.Context()))
	if due() != 1 {
		t.Errorf("%d jobs, want 1", due())
	}
}

// The ingest door's facts name an event as the shop that sells it does.
func TestSalesOfAnotherShopHaveForecastsMadeAnew(t *testing.T) {
	r := newForecastRig(t, 0, 2)
	r.train()
	e := r.upcoming()[1]
	r.must(r.Foresee(t.Context(), []string{"shop's " + e.ID}))
	made, err := r.latestForecasts(t.Context(), forecast.DayOf(r.clock.Now()))
	r.must(err)
	if len(made) != 2 || made[0].Event != r.shop.ids[e.ID] {
		t.Errorf("%d forecasts, want the event's and its category's", len(made))
	}
}

// hintJobs is how many hints wait to be told.
func (r *forecastRig) hintJobs() (n int) {
	r.must(r.db.Pool().QueryRow(r.t.Context(), `SELECT count(*) FROM queue.outbox WHERE name = $1`, jobHint).Scan(&n))
	return n
}

// Posts about an event, and how glad they are, reach the forecast of it and of its categories.
func TestPostsAndSentimentAreRegressorsLive(t *testing.T) {
	r := newForecastRig(t, 12, 2)
	r.train()
	e := r.upcoming()[1]
	yesterday := forecast.DayOf(queryNoon) - 1
	before, _, err := r.DailyDemand(t.Context(), r.shop.ids["c"+e.ID], (yesterday + 1).Time(), (yesterday + 1).Time())
	r.must(err)
	for detector, total := range map[string]float64{"posts": 40, "sentiment": 36} { // a score of .9 each
		_, err := r.db.Pool().Exec(t.Context(), `INSERT INTO analytics.detector_hour (detector, event, category, hour, total, bins) VALUES ($1, $2, '', $3, $4, 12)`,
			detector, map[string]string{"posts": "shop's " + e.ID, "sentiment": "slug-" + e.ID}[detector], yesterday.Time().Add(9*time.Hour), total)
		r.must(err)
	}
	h, err := r.present(t.Context())
	r.must(err)
	for _, s := range h.sales {
		last := int(yesterday - s.Whole.OnSale)
		if s.Whole.ID != r.shop.ids[e.ID].String() {
			if s.Whole.Social != nil {
				t.Errorf("posts of another event: %v", s.Whole.Social)
			}
			continue
		}
		for _, x := range []*forecast.Event{s.Whole, s.Categories[0].Event} {
			if x.Social[last] != 40 || x.Sentiment[last] != .9 || x.Social[0] != 0 {
				t.Errorf("posts %v, sentiment %v", x.Social, x.Sentiment)
			}
		}
	}
	after, _, err := r.DailyDemand(t.Context(), r.shop.ids["c"+e.ID], (yesterday + 1).Time(), (yesterday + 1).Time())
	r.must(err)
	if after[0] < before[0]*1.1 {
		t.Errorf("after glad posts %.2f tickets are expected today, before %.2f", after[0], before[0])
	}
}
