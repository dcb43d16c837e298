package proximity

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/proximity/zoning"
)

// Listeners react to what the stream brings.
func (s *Service) Listeners() []stream.Listener {
	return []stream.Listener{
		{
			Name: "proximity.readings", Types: readings, Batch: 800, Together: true, Workers: 2, Handle: s.hear,
			About: "tells from readings which zone a phone is in, and offers what a rule grants there", OnlyAhead: true,
			ReplayNote: "Offers would be given again, for places where nobody is any more.",
		},
		{
			Name: "proximity.sales", Types: []string{"sale.completed"}, Batch: 500, Handle: s.sold, Idle: s.nothingGoesOn,
			About: "counts what the tills of stalls complete, to tell how long queues are", OnlyAhead: true,
			ReplayNote: "Sales would count again, as if they happened now.",
		},
		{
			Name: "proximity.carts", Types: []string{"analytics.cart_abandoned", facts.CartsAbandoned{}.FactType()}, Batch: 100, Handle: s.cartLeft,
			About: "offers what a rule grants to somebody who left a cart behind", ReplayNote: "Offers would be given again.",
		},
		{
			Name: "proximity.doors", Types: []string{facts.TicketsAdmitted{}.FactType()}, Batch: 500, Handle: s.admitted,
			About: "counts who came in, to scale what the phones with the app tell", ReplayNote: "They would be counted twice.",
		},
		{
			Name: "proximity.prices", Types: []string{"pricing.price_changed"}, Batch: 100, Handle: s.priceFell,
			About: "offers what a rule grants when a ticket's price falls", ReplayNote: "Offers would be given again.",
		},
	}
}

// ahead is how far a phone's clock may run before ours; a reading further ahead counts as
// of when it arrived.
const ahead = 5 * time.Second

// tooOld is when a reading says nothing of where somebody is.
const tooOld = 2 * time.Minute

// heard is one reading of a phone that agreed, at an event that is going on.
type heard struct {
	scene        *scene
	installation string
	at           time.Time
	place        place   // of a beacon
	beacon       string  // "": a position by satellite
	rssi         float64 // dBm
	fix          zoning.Fix
	x, y         float64
}

// hear handles a batch of readings in one transaction: the phones' consents and states are
// read by one query each, the readings fed in their order, and all written back.
func (s *Service) hear(ctx context.Context, tx *db.Tx, batch []stream.Fact) error {
	scenes, err := s.scenes(ctx, tx.Conn(), tx.Now().Add(ahead))
	if err != nil || len(scenes) == 0 {
		return err
	}
	var all []heard
	for _, f := range batch {
		if h, ok := understand(scenes, f); ok {
			all = append(all, h...)
		}
	}
	agreed, err := agreedOf(tx, all)
	if err != nil || len(agreed) == 0 {
		return err
	}
	w := newWatch(s, tx)
	if err := w.load(all, agreed); err != nil {
		return err
	}
	w.feed(all)
	return w.finish()
}

// understand reads a fact as what it says at each event that is going on there. What does
// not parse was refused at the door; what is too old is left out.
func understand(scenes []*scene, f stream.Fact) ([]heard, bool) {
	at := f.Time
	if at.After(f.ReceivedAt.Add(ahead)) {
		at = f.ReceivedAt
	}
	if f.ReceivedAt.Sub(at) > tooOld {
		return nil, false
	}
	if f.Type == "location.fix" {
		return located(scenes, at, f.Data)
	}
	r, err := zoning.ParseReading(f.Data)
	if err != nil {
		return nil, false
	}
	var out []heard
	for _, sc := range scenes {
		if p, here := sc.site.beacons[normalCode(r.Beacon)]; here && sc.at(at) {
			out = append(out, heard{scene: sc, installation: r.Installation, at: at, place: p, beacon: normalCode(r.Beacon), rssi: r.RSSI, x: p.x, y: p.y})
		}
	}
	return out, len(out) > 0
}

func located(scenes []*scene, at time.Time, data json.RawMessage) ([]heard, bool) {
	l, err := zoning.ParseLocation(data)
	if err != nil {
		return nil, false
	}
	var out []heard
	for _, sc := range scenes {
		o := sc.site.Origin
		if o == nil || !sc.at(at) {
			continue
		}
		x, y := o.onPlan(l.Point[1], l.Point[0])
		if x < -farAway || y < -farAway || x > sc.site.Width+farAway || y > sc.site.Height+farAway {
			continue
		}
		out = append(out, heard{scene: sc, installation: l.Installation, at: at, fix: zoning.Fix{At: at, Point: l.Point, Accuracy: l.Accuracy}, x: x, y: y})
	}
	return out, len(out) > 0
}

// farAway is the distance from a plan beyond which a position is none of its venue's, in metres.
const farAway = 200.0

// sale is what we need of a sale.completed.
type sale struct {
	Event    string `json:"event"`
	Till     string `json:"till"`
	Quantity int    `json:"quantity"`
}

// nothingGoesOn reports that no event with a venue is open.
func (s *Service) nothingGoesOn(ctx context.Context, tx *db.Tx) (bool, error) {
	scenes, err := s.scenes(ctx, tx.Conn(), tx.Now())
	return len(scenes) == 0, err
}

// sold counts completions at the tills of stalls. One sale is one person served.
func (s *Service) sold(ctx context.Context, tx *db.Tx, batch []stream.Fact) error {
	scenes, err := s.scenes(ctx, tx.Conn(), tx.Now())
	if err != nil || len(scenes) == 0 {
		return err
	}
	var done []completion
	for _, f := range batch {
		var one sale
		if json.Unmarshal(f.Data, &one) != nil || one.Till == "" || tx.Now().Sub(f.Time) > tooOld {
			continue
		}
		for _, sc := range scenes {
			if stall := sc.site.tills[normalCode(one.Till)]; stall != nil && sc.at(f.Time) {
				done = append(done, completion{stall.ID, f.Time})
				break
			}
		}
	}
	return insertCompletions(tx, done)
}

// admitted adds up who came in at an event's doors.
func (s *Service) admitted(_ context.Context, tx *db.Tx, batch []stream.Fact) error {
	in := map[string]int{}
	for _, f := range batch {
		a, err := stream.Decode[facts.TicketsAdmitted](f)
		if err != nil {
			return err
		}
		in[a.Event.String()] += a.Count
	}
	for _, event := range slices.Sorted(maps.Keys(in)) {
		if err := addScanned(tx, event, in[event]); err != nil {
			return err
		}
	}
	return nil
}
