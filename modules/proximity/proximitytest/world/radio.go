// Package world simulates venues whose truth is known: people who walk, radio that
// fades, queues that grow, buyers who decide. It knows nothing of the code it judges:
// it imports none of it and uses other formulas.
package world

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Stay is a true visit, in seconds.
type Stay struct {
	Zone        int
	Enter, Exit float64
}

// Heard is one advertisement that reached a phone.
type Heard struct {
	At   float64 // seconds
	Zone int     // whose beacon
	RSSI float64 // dBm, a whole number
}

// Radio says how the air and the phones are.
type Radio struct {
	Sigma      float64 // dB, of the fading
	Memory     float64 // seconds until the fading's correlation is 1/e
	Loss       float64 // share of advertisements that are not heard
	Awake      float64 // seconds between two sleeps of the app, on average
	SleepLeast float64 // seconds
	SleepMost  float64
	Spacing    float64 // metres between the zones' beacons
	Reach      float64 // metres from its beacon at which a zone ends
	Passers    float64 // share of walks that touch a zone without staying
}

// HardRadio is the radio of the goals: σ = 6 dB AR(1), 30 % loss, app sleep.
func HardRadio() Radio {
	return Radio{Sigma: 6, Memory: 1.5, Loss: 0.3, Awake: 120, SleepLeast: 5, SleepMost: 20, Spacing: 18, Reach: 5, Passers: 0.2}
}

const (
	radioZones = 4
	step       = 1.0 // seconds between a beacon's advertisements
	walking    = 1.3 // metres a second
)

type place struct{ x, y float64 }

func (p place) to(q place) float64 { return math.Hypot(p.x-q.x, p.y-q.y) }

// Walk lets one person visit some zones and go. It returns what the phone heard, in the
// order of time, and the true stays, those of somebody who only walks by included.
func (w Radio) Walk(seed uint64) (heard []Heard, stays []Stay) {
	r := rand.New(rand.NewPCG(seed, 0x7ad10))
	beacons := make([]place, radioZones)
	for i := range beacons {
		beacons[i] = place{float64(i%2) * w.Spacing, float64(i/2) * w.Spacing}
	}
	path := w.path(r, beacons)
	stays = w.truth(path, beacons)
	return w.listen(r, path, beacons), stays
}

// path is a position for each second.
func (w Radio) path(r *rand.Rand, beacons []place) (path []place) {
	at := place{-40, r.Float64() * w.Spacing}
	walk := func(to place) {
		for at.to(to) > walking*step {
			d := at.to(to)
			at = place{at.x + (to.x-at.x)*walking*step/d, at.y + (to.y-at.y)*walking*step/d}
			path = append(path, at)
		}
	}
	stand := func(seconds float64) {
		home := at
		for range int(seconds / step) {
			at = place{home.x + 0.5*(at.x-home.x) + 0.25*r.NormFloat64(), home.y + 0.5*(at.y-home.y) + 0.25*r.NormFloat64()}
			path = append(path, at)
		}
	}
	stand(20 + 40*r.Float64())
	last := -1
	for range 2 + r.IntN(4) {
		z := r.IntN(len(beacons))
		if z == last {
			z = (z + 1) % len(beacons)
		}
		last = z
		angle, away := 2*math.Pi*r.Float64(), 0.5+2*r.Float64()
		walk(place{beacons[z].x + away*math.Cos(angle), beacons[z].y + away*math.Sin(angle)})
		if r.Float64() >= w.Passers {
			stand(30 * math.Exp(1.5+0.9*r.NormFloat64()))
		}
		if r.Float64() < 0.5 { // to nowhere, before the next
			walk(place{-30 - 10*r.Float64(), w.Spacing * r.Float64()})
			stand(20 + 100*r.Float64())
		}
	}
	walk(place{-60, 0})
	stand(60)
	return path
}

func (w Radio) truth(path []place, beacons []place) (stays []Stay) {
	for z, b := range beacons {
		begun := -1
		for i := 0; i <= len(path); i++ {
			inside := i < len(path) && path[i].to(b) <= w.Reach
			if inside && begun < 0 {
				begun = i
			}
			if !inside && begun >= 0 {
				stays = append(stays, Stay{z, float64(begun) * step, float64(i) * step})
				begun = -1
			}
		}
	}
	slices.SortFunc(stays, func(a, b Stay) int { return int(a.Enter - b.Enter) })
	return stays
}

// listen is what reaches the phone: received power by Friis's equation at 2.44 GHz for
// the first metre and the same again with a steeper fall behind it, a body in the way
// that turns, and fading.
func (w Radio) listen(r *rand.Rand, path, beacons []place) (heard []Heard) {
	const wavelength = 0.1229 // metres
	fading := make([]float64, len(beacons))
	rho := math.Exp(-step / w.Memory)
	asleepUntil, sleepsAt := 0.0, w.Awake*r.ExpFloat64()
	for i, p := range path {
		now := float64(i) * step
		if now >= sleepsAt {
			asleepUntil = now + w.SleepLeast + (w.SleepMost-w.SleepLeast)*r.Float64()
			sleepsAt = asleepUntil + w.Awake*r.ExpFloat64()
		}
		for z, b := range beacons {
			fading[z] = rho*fading[z] + math.Sqrt(1-rho*rho)*w.Sigma*r.NormFloat64()
			if r.Float64() < w.Loss || now < asleepUntil {
				continue
			}
			d := max(p.to(b), 0.3)
			spread := 20*math.Log10(4*math.Pi/wavelength) + 4.34*2.25*math.Log(d)
			power := -18.6 - spread + fading[z] // −18.6 dBm radiated: −58.8 dBm at a metre
			if power > -98 {
				heard = append(heard, Heard{now + 0.1*float64(z), z, math.Round(power)})
			}
		}
	}
	return heard
}
