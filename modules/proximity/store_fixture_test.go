package proximity

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/seal"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/proximity/choice"
)

var noon = time.Date(2027, 7, 10, 12, 0, 0, 0, time.UTC)

// yard is proximity on a database of its own, with a venue and an event that goes on.
type yard struct {
	*Service
	t     testing.TB
	clock *clock.Fixed
	venue Venue
	event Event
	n     int // facts made so far
	hub   *fakeHub
	shop  shopNames
}

// fakeHub remembers what was pushed, once its transaction could have committed.
type fakeHub struct {
	mu   sync.Mutex
	sent []pushed
	fail error
}

type pushed struct {
	app, installation, template string
	properties                  map[string]any
	expires                     time.Time
}

func (h *fakeHub) Personal(_ context.Context, app, template string, shared map[string]any, own map[string]map[string]any, expires time.Time) (func(tx *db.Tx) error, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fail != nil {
		return nil, h.fail
	}
	return func(*db.Tx) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		for installation, properties := range own {
			properties = maps.Clone(properties)
			maps.Copy(properties, shared)
			h.sent = append(h.sent, pushed{app, installation, template, properties, expires})
		}
		return nil
	}, nil
}

func testKey(t testing.TB) *seal.Key {
	t.Helper()
	k, err := seal.Parse(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, seal.KeySize)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// square is a zone's outline.
func square(x, y, side float64) []Point {
	return []Point{{x, y}, {x + side, y}, {x + side, y + side}, {x, y + side}}
}

// field is a venue of 100 × 60 m: a stage, a bar with its queue, an entrance.
func field() Venue {
	return Venue{
		Name: "River field", Width: 100, Height: 60, Origin: &Origin{Lat: 52.5, Lon: 13.4},
		Zones: []Zone{
			{Name: "Main stage", Kind: KindStage, Outline: square(10, 10, 30)},
			{Name: "Bar queue", Kind: KindQueue, Outline: square(60, 10, 6)},
			{Name: "Entrance", Kind: KindEntrance, Outline: square(80, 40, 15), Width: 4},
		},
		Beacons: []Beacon{
			{Code: "stage-1", Zone: "Main stage", X: 20, Y: 20}, {Code: "stage-2", Zone: "Main stage", X: 30, Y: 30},
			{Code: "bar-1", Zone: "Bar queue", X: 63, Y: 13}, {Code: "gate-1", Zone: "Entrance", X: 85, Y: 45},
		},
		Stalls: []Stall{{Name: "Bar", X: 65, Y: 8, Zone: "Bar queue", Servers: 2, QueueHigh: 12, Tills: []string{"bar-till-1", "bar-till-2"}}},
	}
}

func newYard(t testing.TB) *yard {
	t.Helper()
	c := clock.At(noon)
	d := dbtest.New(t, dbtest.WithClock(c))
	y := &yard{t: t, clock: c, hub: &fakeHub{}, shop: shopNames{}}
	y.Service = New(Defaults(), d, testKey(t), y.hub, stream.New(d, stream.Config{}, slog.New(slog.DiscardHandler)), y.shop, groups{"person-1": "segment 3"}, slog.New(slog.DiscardHandler))
	var err error
	y.eager()
	y.venue, err = y.CreateVenue(t.Context(), field())
	y.must(err)
	y.event, _, err = y.PutEvent(t.Context(), Event{Name: "summer", Title: "Summer night", Venue: y.venue.ID, OpensAt: noon.Add(-time.Hour), EndsAt: noon.Add(6 * time.Hour), Attendance: 200})
	y.must(err)
	return y
}

func (y *yard) must(err error) {
	y.t.Helper()
	if err != nil {
		y.t.Fatal(err)
	}
}

func (y *yard) in(f func(tx *db.Tx) error) error { return y.db.InTx(context.Background(), f) }

func (y *yard) number(sql string, args ...any) (n int) {
	y.t.Helper()
	y.must(y.db.Pool().QueryRow(context.Background(), sql, args...).Scan(&n))
	return n
}

// agree gives consents of phone-0 … phone-(n-1).
func (y *yard) agree(n int) {
	y.t.Helper()
	for i := range n {
		_, err := y.PutConsent(context.Background(), Consent{Installation: phone(i), App: "festival", Notice: "2027"})
		y.must(err)
	}
}

func phone(i int) string { return fmt.Sprintf("phone-%d", i) }

// sighting makes a fact.
func (y *yard) sighting(phone, beacon string, rssi float64, at time.Time) stream.Fact {
	y.n++
	data, _ := json.Marshal(map[string]any{"installation": phone, "beacon": beacon, "rssi": rssi})
	return stream.Fact{Type: "beacon.sighting", Key: phone, Source: "/app", SourceID: fmt.Sprint(y.n), Time: at, ReceivedAt: at, Data: data}
}

// listen hands facts to the listener, as of the last one's time.
func (y *yard) listen(facts ...stream.Fact) {
	y.t.Helper()
	if now := facts[len(facts)-1].Time; now.After(y.clock.Now()) {
		y.clock.Advance(now.Sub(y.clock.Now()))
	}
	y.must(y.in(func(tx *db.Tx) error { return y.hear(context.Background(), tx, facts) }))
}

// stay lets a phone hear a beacon every two seconds, from at for a while.
func (y *yard) stay(phone, beacon string, from time.Time, d time.Duration) {
	y.t.Helper()
	var all []stream.Fact
	for t := time.Duration(0); t <= d; t += 2 * time.Second {
		all = append(all, y.sighting(phone, beacon, -60, from.Add(t)))
	}
	y.listen(all...)
}

// barOffer is an offer that whoever enters the stage's zone gets: good at the bar.
func (y *yard) barOffer(change ...func(o *Offer)) Offer {
	y.t.Helper()
	o := Offer{
		Event: "summer", Name: "Cold drinks", State: OfferRunning, Title: "2 EUR off your drink", Trigger: Trigger{On: OnZoneEntered, Zone: "Main stage"},
		Grant: Grant{Kind: GrantAmount, AmountMinor: 200, Currency: "EUR"}, Stall: "Bar", Limits: Limits{Total: 1000}, Holdout: -1,
	}
	for _, c := range change {
		c(&o)
	}
	o, err := y.CreateOffer(context.Background(), o)
	y.must(err)
	return o
}

// give issues vouchers of an offer to phone-0 … phone-(n-1).
func (y *yard) give(o Offer, n int) []Voucher {
	y.t.Helper()
	var wanted []grantee
	for i := range n {
		wanted = append(wanted, grantee{offer: o.ID, installation: phone(i), app: "festival"})
	}
	var out []Voucher
	y.must(y.in(func(tx *db.Tx) error {
		given, err := y.issue(tx, wanted)
		for _, v := range given {
			out = append(out, v)
		}
		return err
	}))
	return out
}

func (y *yard) redeem(code, till string) (v Voucher, err error) {
	err = y.in(func(tx *db.Tx) error { v, err = y.Redeem(tx, code, till); return err })
	return v, err
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', 9, 64) }

// giving is a policy that always gives the first offer: what is tested is not the choice.
type giving struct{}

func (giving) Name() string { return "giving" }

func (giving) Probabilities(_ choice.Context, options []choice.Option) []float64 {
	p := make([]float64, len(options))
	p[1] = 1
	return p
}

// eager puts it in charge, as if it had been read from the database.
func (y *yard) eager() {
	name, at, err := activeName(y.t.Context(), y.db.Pool())
	y.must(err)
	y.maps.policy = policies{at, name, giving{}}
}

// shopNames are the ids of events by what their shops call them.
type shopNames map[string]id.ID

func (n shopNames) EventNamed(_ context.Context, name string) (id.ID, error) {
	if event, err := id.Parse(name); err == nil {
		return event, nil
	}
	if event, ok := n[name]; ok {
		return event, nil
	}
	return id.Nil, fault.E("test", fault.NotFound, "there is no such event", nil)
}

// groups are the segments of persons.
type groups map[string]string

func (g groups) SegmentsOf(context.Context, []string) (map[string]string, error) { return g, nil }
