package proximitytest

import (
	"math"

	"github.com/usherhq/usher/modules/proximity/proximitytest/world"
	"github.com/usherhq/usher/modules/proximity/queueing"
)

// QueueFigures are those of Queues.
type QueueFigures struct {
	Minutes  int     // with an estimate
	Reported float64 // share of minutes that had one
	People   float64 // WAPE of N: the sum of absolute errors over the sum of the truth
	Bias     float64 // the sum of errors over the sum of the truth
	Wait     float64 // WAPE of W
	Covered  float64 // share of minutes whose truth lies in the 80 % interval of N
	WaitIn   float64 // the same of W
}

// Queues lets customers, some with the app, queue at simulated stalls, and estimates each minute.
func Queues(share float64, stalls int, seed uint64) (f QueueFigures) { //nolint:gocognit // sums of one loop
	var wrong, signed, all, wrongWait, allWait, asked, waits, covered, waitIn float64
	for i := range stalls {
		c := world.OpenCounter(seed+uint64(i), share)
		var e queueing.Estimator
		for minute := 1; minute <= c.Minutes; minute++ {
			now := float64(minute) * 60
			got := e.Update(minuteOf(&c, now))
			if minute < 10 {
				continue
			}
			asked++
			if got.Status != queueing.Known {
				continue
			}
			f.Minutes++
			truth := float64(c.Inside(now))
			wrong += math.Abs(got.People - truth)
			signed += got.People - truth
			all += truth
			if got.Low-0.5 <= truth && truth <= got.High+0.5 {
				covered++
			}
			if w, ok := c.WaitOf(now); ok && got.Waits {
				waits++
				wrongWait += math.Abs(got.Wait.Seconds() - w)
				allWait += w
				if got.WaitLow.Seconds() <= w && w <= got.WaitTop.Seconds() {
					waitIn++
				}
			}
		}
	}
	f.Reported = float64(f.Minutes) / asked
	f.People, f.Bias, f.Wait = wrong/all, signed/all, wrongWait/allWait
	f.Covered, f.WaitIn = covered/float64(f.Minutes), waitIn/waits
	return f
}

// minuteOf is what the module would know at an instant.
func minuteOf(c *world.Counter, now float64) queueing.Minute {
	m := queueing.Minute{At: at(now), Seen: c.Seen, Scanned: c.Scanned}
	for _, p := range c.Customers {
		if p.Left <= now && p.Left > now-queueing.SalesWindow.Seconds() {
			m.Sales++
		}
		if !p.App {
			continue
		}
		if p.From <= now && now < p.To {
			m.Devices++
		}
		if p.To <= now && p.To > now-60 { // known once the exit is noticed, and back-dated
			m.Stays = append(m.Stays, queueing.Stay{Joined: at(p.From), Left: at(p.Left)})
		}
	}
	return m
}
