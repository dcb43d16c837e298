// Package proximitytest judges the algorithms of proximity against simulated worlds
// whose truth is known. Tests and `make bench` print its figures beside the goals of
// docs/proximity-algorithms.md. The worlds (package world) share no code with what is judged.
package proximitytest

import (
	"math"
	"strconv"
	"time"

	"github.com/usherhq/usher/modules/proximity/proximitytest/world"
	"github.com/usherhq/usher/modules/proximity/zoning"
)

// Epoch is when simulated worlds begin.
var Epoch = time.Date(2026, 7, 10, 18, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return Epoch.Add(time.Duration(seconds * float64(time.Second)))
}

// ZoningFigures are those of Zoning.
type ZoningFigures struct {
	Stays        int
	Precision    float64 // of enters and exits within Tolerance of a true one
	Recall       float64
	F1           float64
	Flaps        float64 // a true stay: exits that were taken back, and visits beyond the true ones
	DwellError   float64 // seconds, mean of absolute errors
	DwellMedian  float64
	ByConfidence map[zoning.Confidence][2]int // visits: right, all
}

// Tolerance within which an enter or exit is right.
const Tolerance = 20 * time.Second

// Zoning walks some people through a simulated radio.
func Zoning(radio world.Radio, people int) ZoningFigures {
	f := ZoningFigures{ByConfidence: map[zoning.Confidence][2]int{}}
	var found, truth, hits, extra int
	var errors []float64
	for i := range people {
		heard, stays := radio.Walk(uint64(i))
		visits, reopened := track(heard)
		stays, visits = withoutPassing(stays, visits)
		matched := matchStays(stays, visits, &f, &hits, &errors)
		found += 2 * len(visits)
		truth += 2 * len(stays)
		extra += reopened + len(visits) - matched
	}
	f.Stays = truth / 2
	f.Precision, f.Recall = float64(hits)/float64(found), float64(hits)/float64(truth)
	f.F1 = 2 * f.Precision * f.Recall / (f.Precision + f.Recall)
	f.Flaps = float64(extra) / float64(f.Stays)
	f.DwellError, f.DwellMedian = mean(errors), quantile(errors, 0.5)
	return f
}

// visit is a stay that the product found.
type visit struct {
	zone        int
	enter, exit time.Time
	confidence  zoning.Confidence
}

// track feeds a phone's sightings as the listener does, and asks the clock every second.
func track(heard []world.Heard) (visits []visit, reopened int) {
	var d zoning.Device
	take := func(events []zoning.Event) {
		for _, e := range events {
			z, _ := strconv.Atoi(e.Zone)
			switch e.Kind {
			case zoning.Enter:
				visits = append(visits, visit{zone: z, enter: e.At})
			case zoning.Reenter:
				reopened++
			case zoning.Exit:
				for k := range visits {
					if visits[k].zone == z && visits[k].enter.Equal(e.Entered) {
						visits[k].exit, visits[k].confidence = e.At, e.Confidence
					}
				}
			}
		}
	}
	for _, h := range heard {
		for due, ok := d.Due(); ok && due.Before(at(h.At)); due, ok = d.Due() {
			take(d.Tick(due))
		}
		name := strconv.Itoa(h.Zone)
		take(d.Sight(zoning.Sighting{At: at(h.At), Beacon: name, RSSI: h.RSSI}, zoning.Zone{ID: name}))
	}
	for due, ok := d.Due(); ok; due, ok = d.Due() {
		take(d.Tick(due))
	}
	return visits, reopened
}

// shortest is the shortest true stay that must be found. Who walks through a zone in
// less may be seen or not.
const shortest = 15.0

func withoutPassing(stays []world.Stay, visits []visit) (long []world.Stay, rest []visit) {
	passing := func(v visit) bool {
		short := false
		for _, s := range stays {
			near := v.zone == s.Zone && v.enter.Before(at(s.Exit).Add(Tolerance)) && v.exit.After(at(s.Enter).Add(-Tolerance))
			if near && s.Exit-s.Enter >= shortest {
				return false
			}
			short = short || near
		}
		return short
	}
	for _, s := range stays {
		if s.Exit-s.Enter >= shortest {
			long = append(long, s)
		}
	}
	for _, v := range visits {
		if !passing(v) {
			rest = append(rest, v)
		}
	}
	return long, rest
}

// matchStays gives each true stay the visit that overlaps it most.
func matchStays(stays []world.Stay, visits []visit, f *ZoningFigures, hits *int, errors *[]float64) (matched int) {
	used := make([]bool, len(visits))
	for _, s := range stays {
		best, most := -1, 0.0
		for k, v := range visits {
			overlap := min(v.exit.Sub(Epoch).Seconds(), s.Exit) - max(v.enter.Sub(Epoch).Seconds(), s.Enter)
			if v.zone == s.Zone && !used[k] && overlap > most {
				best, most = k, overlap
			}
		}
		if best < 0 {
			continue
		}
		used[best] = true
		matched++
		v := visits[best]
		right := 0
		for _, gap := range []time.Duration{v.enter.Sub(at(s.Enter)), v.exit.Sub(at(s.Exit))} {
			if gap.Abs() <= Tolerance {
				right++
			}
		}
		*hits += right
		*errors = append(*errors, math.Abs(v.exit.Sub(v.enter).Seconds()-(s.Exit-s.Enter)))
	}
	for k, v := range visits {
		c := f.ByConfidence[v.confidence]
		c[1]++
		if used[k] {
			c[0]++
		}
		f.ByConfidence[v.confidence] = c
	}
	return matched
}
