package demo

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// The demo's field: 160 × 100 m, two stages, a food court, two stalls with queues.
const venueEvent = Slug

// floorPlan is what the promoter would have drawn.
const floorPlan = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 100">
<rect width="160" height="100" fill="#e8e4d6"/><path d="M0 88q40-10 80 0t80 0v12H0z" fill="#b9d4dc"/>
<rect x="8" y="6" width="44" height="5" fill="#8d8774"/><rect x="112" y="6" width="40" height="5" fill="#8d8774"/>
<path d="M70 88V60M60 60h50" stroke="#cfc8b2" stroke-width="4" fill="none"/>
<circle cx="72" cy="22" r="5" fill="#a9bd94"/><circle cx="98" cy="34" r="6" fill="#a9bd94"/><circle cx="20" cy="70" r="7" fill="#a9bd94"/></svg>`

// spot is a zone of the demo, with the beacon that hangs in it and how long people stay.
type spot struct {
	name, kind, beacon string
	x, y, w, h         float64
	stay               float64 // mean seconds
	draw               float64 // how much it attracts
}

var spots = []spot{
	{"Main stage", "stage", "demo-main", 6, 12, 48, 40, 420, 5},
	{"River stage", "stage", "demo-river", 110, 12, 44, 36, 300, 3},
	{"Food court", "area", "demo-food", 62, 44, 36, 26, 150, 3},
	{"Entrance", "entrance", "demo-gate", 70, 76, 20, 10, 40, 1},
	{"Bar queue", "queue", "demo-bar", 64, 46, 8, 8, 0, 1.2},
	{"Pizza queue", "queue", "demo-pizza", 88, 46, 8, 8, 0, .5},
}

// beaconsEach is how many hang in a zone, in rows of three.
const beaconsEach = 9

func outline(s spot) [][2]float64 {
	return [][2]float64{{s.x, s.y}, {s.x + s.w, s.y}, {s.x + s.w, s.y + s.h}, {s.x, s.y + s.h}}
}

// venueBody is the field as PUT and POST /v1/venues take it.
func venueBody() map[string]any {
	var zones, beacons []map[string]any
	for _, s := range spots {
		zone := map[string]any{"name": s.name, "kind": s.kind, "outline": outline(s)}
		if s.kind == "entrance" {
			zone["width"] = 6
		}
		zones = append(zones, zone)
		for i := range beaconsEach {
			column, row := float64(i%3), float64(i/3)
			beacons = append(beacons, map[string]any{"code": fmt.Sprintf("%s-%d", s.beacon, i+1), "zone": s.name, "x": s.x + s.w*(2*column+1)/6, "y": s.y + s.h*(2*row+1)/6})
		}
	}
	return map[string]any{"name": "River field", "width": 160, "height": 100, "zones": zones, "beacons": beacons, "stalls": []map[string]any{
		{"name": "Bar", "x": 68, "y": 43, "zone": "Bar queue", "servers": 2, "queue_high": 15, "tills": []string{"bar-1", "bar-2"}},
		{"name": "Pizza", "x": 92, "y": 43, "zone": "Pizza queue", "servers": 1, "queue_high": 15, "tills": []string{"pizza-1"}},
	}}
}

// offersOf the demo: who comes to the main stage may get a drink cheaper while the bar is
// not crowded, and pizza is offered while nobody waits for it.
func offersOf() []map[string]any {
	return []map[string]any{
		{"event": venueEvent, "name": "Cold drink at the stage", "state": "running", "title": "2 € off your drink", "text": "At the bar, for the next five minutes",
			"trigger": map[string]any{"on": "dwelled", "zone": "Main stage", "minutes": 1}, "grant": map[string]any{"kind": "amount", "amount_minor": 200, "currency": "EUR"},
			"stall": "Bar", "limits": map[string]any{"budget_minor": 40_000}, "quiet": map[string]any{"gap_minutes": 3}},
		{"event": venueEvent, "name": "No queue for pizza", "state": "running", "title": "20 % off pizza, and nobody waits", "text": "The next five minutes",
			"trigger": map[string]any{"on": "queue_short", "stall": "Pizza", "people": 10}, "grant": map[string]any{"kind": "percent", "percent": 20, "currency": "EUR", "worth_minor": 250},
			"stall": "Pizza", "limits": map[string]any{"total": 150}, "quiet": map[string]any{"gap_minutes": 3}},
	}
}

// openVenue makes the field, its event and offers, and lets walkers phones agree.
func (f *Festival) openVenue(ctx context.Context) error {
	var made struct {
		ID string `json:"id"`
	}
	if err := f.client.call(ctx, http.MethodPost, "/v1/venues", venueBody(), &made); err != nil {
		return err
	}
	if err := f.client.send(ctx, http.MethodPut, "/v1/venues/"+made.ID+"/plan?width=160", "image/svg+xml", []byte(floorPlan)); err != nil {
		return err
	}
	now := time.Now().UTC()
	event := map[string]any{"title": "River Festival, Saturday", "venue": made.ID, "opens_at": now.Add(-time.Minute), "ends_at": now.Add(12 * time.Hour), "attendance": walkers}
	if err := f.client.call(ctx, http.MethodPut, "/v1/venue-events/"+venueEvent, event, nil); err != nil {
		return err
	}
	for _, o := range offersOf() {
		if err := f.client.call(ctx, http.MethodPost, "/v1/offers", o, nil); err != nil {
			return err
		}
	}
	for n := range min(walkers, f.Installations) {
		consent := map[string]any{"app": appID, "notice": "demo"}
		if err := f.client.call(ctx, http.MethodPut, "/v1/consents/"+phone(f.services, f.Seed, n).ID, consent, nil); err != nil {
			return err
		}
	}
	return nil
}
