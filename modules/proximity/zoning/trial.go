package zoning

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Trial is how zoning does on a recording whose places are known.
type Trial struct {
	Readings   int     `json:"readings"`
	Devices    int     `json:"devices"`
	Places     int     `json:"places"`
	Beacons    int     `json:"beacons"`
	Stays      int     `json:"stays"`  // true ones: readings of one place without a gap of a minute
	Visits     int     `json:"visits"` // that were found
	Precision  float64 `json:"precision"`
	Recall     float64 `json:"recall"`
	F1         float64 `json:"f1"`          // of enters and exits within Tolerance of a true one
	Flaps      float64 `json:"flaps"`       // a true stay: exits taken back, and visits that match none
	DwellError float64 `json:"dwell_error"` // seconds, mean
	Right      float64 `json:"right"`       // share of readings at which the device was found where it was
}

// Tolerance within which a Trial's enter or exit is right.
const Tolerance = 20 * time.Second

// span is a stay, true or found.
type span struct {
	zone        string
	enter, exit time.Time
	used        bool
}

// Try follows every device of a recording. A beacon stands for the place where it was
// heard loudest on average, as a promoter would hang it. Errors: fault.Invalid when no
// place, or less than two, is known.
func Try(all []Recorded) (Trial, error) {
	all = slices.DeleteFunc(slices.Clone(all), func(r Recorded) bool { return r.Place == "" })
	slices.SortStableFunc(all, func(a, b Recorded) int { return cmp.Or(cmp.Compare(a.Device, b.Device), a.At.Compare(b.At)) })
	hangs := loudest(all)
	t := Trial{Readings: len(all), Beacons: len(hangs)}
	places := map[string]bool{}
	for _, r := range all {
		places[r.Place] = true
	}
	if t.Places = len(places); t.Places < 2 {
		return t, fault.E("zoning.Try", fault.Invalid, "the recording says of fewer than two places where readings were taken", nil).
			WithFix("a column place, location, zone or label")
	}
	var hits, extra, right int
	var errors float64
	matched := 0
	for from := 0; from < len(all); {
		to := from
		for to < len(all) && all[to].Device == all[from].Device {
			to++
		}
		f := follow(all[from:to], hangs)
		for i := range f.stays {
			if v := f.best(&f.stays[i]); v != nil {
				matched++
				hits += f.stays[i].edges(v)
				errors += math.Abs((v.exit.Sub(v.enter) - f.stays[i].exit.Sub(f.stays[i].enter)).Seconds())
			}
		}
		t.Devices, t.Stays, t.Visits = t.Devices+1, t.Stays+len(f.stays), t.Visits+len(f.visits)
		extra, right, from = extra+f.reopened, right+f.right, to
	}
	extra += t.Visits - matched
	t.Precision, t.Recall = float64(hits)/float64(max(2*t.Visits, 1)), float64(hits)/float64(max(2*t.Stays, 1))
	if hits > 0 {
		t.F1 = 2 * t.Precision * t.Recall / (t.Precision + t.Recall)
	}
	t.Flaps, t.DwellError, t.Right = float64(extra)/float64(max(t.Stays, 1)), errors/float64(max(matched, 1)), float64(right)/float64(len(all))
	return t, nil
}

// loudest is the place of each beacon.
func loudest(all []Recorded) map[string]string {
	type pair struct{ beacon, place string }
	sums, counts := map[pair]float64{}, map[pair]float64{}
	for _, r := range all {
		sums[pair{r.Beacon, r.Place}] += r.RSSI
		counts[pair{r.Beacon, r.Place}]++
	}
	best, at := map[string]float64{}, map[string]string{}
	for p, sum := range sums {
		mean := sum / counts[p]
		if was, known := best[p.beacon]; !known || mean > was || mean == was && p.place < at[p.beacon] {
			best[p.beacon], at[p.beacon] = mean, p.place
		}
	}
	return at
}

// followed is one device's truth, and what was found of it.
type followed struct {
	stays, visits   []span
	reopened, right int
}

func follow(readings []Recorded, hangs map[string]string) (f followed) {
	var d Device
	for _, r := range readings {
		for due, ok := d.Due(); ok && due.Before(r.At); due, ok = d.Due() {
			f.take(d.Tick(due))
		}
		place := hangs[r.Beacon]
		f.take(d.Sight(Sighting{At: r.At, Beacon: r.Beacon, RSSI: r.RSSI}, Zone{ID: place}))
		if zone, _ := d.In(0); zone == r.Place {
			f.right++
		}
		if n := len(f.stays); n == 0 || f.stays[n-1].zone != r.Place || r.At.Sub(f.stays[n-1].exit) > time.Minute {
			f.stays = append(f.stays, span{zone: r.Place, enter: r.At})
		}
		f.stays[len(f.stays)-1].exit = r.At
	}
	for due, ok := d.Due(); ok; due, ok = d.Due() {
		f.take(d.Tick(due))
	}
	return f
}

func (f *followed) take(events []Event) {
	for _, e := range events {
		switch e.Kind {
		case Enter:
			f.visits = append(f.visits, span{zone: e.Zone, enter: e.At, exit: e.At})
		case Reenter:
			f.reopened++
		case Exit:
			for i := range f.visits {
				if f.visits[i].zone == e.Zone && f.visits[i].enter.Equal(e.Entered) {
					f.visits[i].exit = e.At
				}
			}
		}
	}
}

// best is the visit that overlaps a stay most, and no other stay's; nil when there is none.
func (f *followed) best(s *span) (found *span) {
	most := time.Duration(0)
	for i := range f.visits {
		v := &f.visits[i]
		until, from := v.exit, v.enter
		if s.exit.Before(until) {
			until = s.exit
		}
		if s.enter.After(from) {
			from = s.enter
		}
		if overlap := until.Sub(from); v.zone == s.zone && !v.used && overlap > most {
			found, most = v, overlap
		}
	}
	if found != nil {
		found.used = true
	}
	return found
}

// edges counts the ends of a stay that a visit has right.
func (s *span) edges(v *span) (n int) {
	for _, gap := range []time.Duration{v.enter.Sub(s.enter), v.exit.Sub(s.exit)} {
		if gap.Abs() <= Tolerance {
			n++
		}
	}
	return n
}
