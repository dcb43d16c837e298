package zoning

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 7, 10, 12, 0, 0, 0, time.UTC)

func sec(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }

// play feeds sightings "zone rssi" at one a second from second from on.
func play(d *Device, z Zone, from, to int, rssi float64) (events []Event) {
	for s := from; s < to; s++ {
		events = append(events, d.Sight(Sighting{At: sec(float64(s)), Beacon: z.ID, RSSI: rssi}, z)...)
	}
	return events
}

func told(events []Event) (lines []string) {
	for _, e := range events {
		lines = append(lines, fmt.Sprintf("%s %s %.0f", e.Kind, e.Zone, e.At.Sub(noon).Seconds()))
	}
	return lines
}

func expect(t *testing.T, events []Event, want ...string) {
	t.Helper()
	if got := told(events); !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestAVisit(t *testing.T) {
	var d Device
	bar := Zone{ID: "bar"}
	events := play(&d, bar, 0, 100, -60)
	expect(t, events, "enter bar 0", "dwell bar 60")
	due, ok := d.Due()
	if !ok || !due.Equal(sec(129)) {
		t.Fatalf("due at %v, %v", due, ok)
	}
	if zone, since := d.In(0); zone != "bar" || !since.Equal(noon) {
		t.Fatalf("in %q since %v", zone, since)
	}
	expect(t, d.Tick(sec(128.9)))
	gone := d.Tick(due)
	expect(t, gone, "exit bar 99")
	if e := gone[0]; e.Dwell != 99*time.Second || e.Confidence != High || !e.Entered.Equal(noon) {
		t.Fatalf("%+v", e)
	}
	expect(t, play(&d, bar, 150, 230, -60), "reenter bar 150")
	expect(t, d.Tick(sec(400)), "exit bar 229")
	expect(t, play(&d, bar, 460, 470, -60), "enter bar 460")
}

func TestTheWayOutIsNotPartOfTheVisit(t *testing.T) {
	var d Device
	bar := Zone{ID: "bar"}
	play(&d, bar, 0, 50, -60)
	play(&d, bar, 50, 56, -81) // smoothed, these fall from strong to weak
	expect(t, d.Tick(sec(90)), "exit bar 54")
	play(&d, bar, 1000, 1050, -60)
	play(&d, bar, 1050, 1100, -79) // who stands at the edge for long is still inside
	expect(t, d.Tick(sec(1200)), "exit bar 1099")
}

func TestAQueueIsLeftSoonerAndOneStrongSightingIsNone(t *testing.T) {
	var d Device
	queue := Zone{ID: "queue", Queue: true}
	expect(t, play(&d, queue, 0, 1, -50))
	expect(t, play(&d, queue, 6, 7, -50)) // more than five seconds later
	expect(t, play(&d, queue, 8, 20, -50), "enter queue 6")
	expect(t, d.Tick(sec(28)))
	expect(t, d.Tick(sec(29)), "exit queue 19")
}

func TestOnlyAClearlyStrongerRivalTakesOver(t *testing.T) {
	var d Device
	a, b := Zone{ID: "a"}, Zone{ID: "b"}
	play(&d, a, 0, 30, -70)
	var events []Event
	both := func(from, to int, rssiA, rssiB float64) {
		for s := from; s < to; s++ {
			events = append(events, d.Sight(Sighting{sec(float64(s)), "a", rssiA}, a)...)
			events = append(events, d.Sight(Sighting{sec(float64(s) + 0.5), "b", rssiB}, b)...)
		}
	}
	both(30, 59, -70, -66) // 4 dB are not enough
	expect(t, events)
	both(59, 90, -72, -55)
	if got := told(events); len(got) != 3 || got[1][:6] != "exit a" || got[2][:7] != "enter b" {
		t.Fatalf("%q", got)
	}
	if events[1].Other != "b" || events[2].Other != "a" {
		t.Fatalf("%+v", events)
	}
}

func TestLevelsDoNotExcludeEachOther(t *testing.T) {
	var d Device
	area, stall := Zone{ID: "area", Level: 1}, Zone{ID: "stall", Level: 2}
	expect(t, play(&d, area, 0, 5, -60), "enter area 0")
	expect(t, play(&d, stall, 5, 10, -50), "enter stall 5")
	if zone, _ := d.In(1); zone != "area" {
		t.Fatalf("in %q", zone)
	}
}

func TestLateSightings(t *testing.T) {
	var d Device
	bar := Zone{ID: "bar"}
	play(&d, bar, 0, 20, -60)
	if e := d.Sight(Sighting{sec(10), "far", -40}, Zone{ID: "far"}); e != nil || len(d.levels[0].Heard) != 1 {
		t.Fatalf("an old sighting counted: %v", e)
	}
	d.Sight(Sighting{sec(16), "bar", -60}, bar)
	if d.levels[0].Here.Samples != 21-0 {
		t.Fatalf("%d samples", d.levels[0].Here.Samples)
	}
}

// Whatever is heard: enters and exits of a level alternate, times are in order, no
// visit is negative, and the state survives being written and read between any two.
func TestRandomSightings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d Device
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		open := map[int]Event{}
		ended := map[int]time.Time{}
		at := 0.0
		for range 300 {
			at += r.ExpFloat64() * []float64{0.3, 1, 20}[r.IntN(3)]
			z := Zone{ID: fmt.Sprint(r.IntN(4)), Level: r.IntN(2), Queue: r.IntN(2) == 0}
			s := Sighting{sec(at - 4*float64(r.IntN(2))*r.Float64()), fmt.Sprint(z.ID, r.IntN(6)), -50 - 45*r.Float64()}
			raw, err := d.Encode()
			if err != nil {
				t.Fatal(err)
			}
			copied, err := Decode(raw)
			if err != nil {
				t.Fatalf("%v: %s", err, raw)
			}
			events := d.Sight(s, z)
			if again := copied.Sight(s, z); !slices.Equal(told(again), told(events)) {
				t.Fatalf("%q before, %q after a restart with %s", told(events), told(again), raw)
			}
			for _, e := range events {
				checkEvent(t, e, open, ended)
			}
		}
		if len(d.levels) > 2 || len(d.levels[0].Heard) > mostHeard {
			t.Fatal("the state grows")
		}
	})
}

func checkEvent(t *rapid.T, e Event, open map[int]Event, ended map[int]time.Time) {
	in, inside := open[e.Level]
	switch e.Kind {
	case Enter, Reenter:
		if inside || e.At.Before(ended[e.Level].Add(-StrongPair)) {
			t.Fatalf("%+v while in %+v, after %v", e, in, ended[e.Level])
		}
		open[e.Level] = e
	case Exit:
		if !inside || in.Zone != e.Zone || e.Dwell < 0 || !e.Entered.Equal(in.Entered) || !e.At.Equal(e.Entered.Add(e.Dwell)) {
			t.Fatalf("%+v while in %+v", e, in)
		}
		ended[e.Level] = e.At
		delete(open, e.Level)
	case Dwell:
		if !inside || in.Zone != e.Zone || e.At.Sub(e.Entered) != e.Dwell {
			t.Fatalf("%+v while in %+v", e, in)
		}
	}
}

func FuzzDecode(f *testing.F) {
	var d Device
	play(&d, Zone{ID: "a", Level: 1}, 0, 70, -60)
	play(&d, Zone{ID: "b", Level: 1}, 70, 73, -40)
	seed, _ := d.Encode()
	f.Add(seed)
	f.Add([]byte(`{"v":1,"t":1,"l":[{"n":0,"i":{"z":"a","e":1,"t":2,"x":1}}]}`))
	f.Fuzz(func(t *testing.T, state []byte) {
		d, err := Decode(state)
		if err != nil {
			return
		}
		for k := range 40 {
			d.Sight(Sighting{sec(float64(k)), fmt.Sprint(k % 20), float64(-90 + k)}, Zone{ID: fmt.Sprint(k % 3), Level: k % 2})
		}
		d.Tick(sec(1000))
		raw, err := d.Encode()
		if err != nil || !json.Valid(raw) {
			t.Fatal(err)
		}
		if _, err := Decode(raw); err != nil {
			t.Fatalf("%s is not read back: %v", raw, err)
		}
	})
}
