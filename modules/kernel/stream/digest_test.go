package stream

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Whatever commits in whatever order: a place moves over facts for others only, and what is
// known to be the newest is the newest of those that were committed at the check.
func TestADigestPassesOverNothing(t *testing.T) {
	type fact struct {
		xid  uint64
		kind string
		open bool // its transaction is
	}
	rapid.Check(t, func(t *rapid.T) {
		d, next := &digest{}, uint64(10)
		var facts []fact
		horizon := func() uint64 {
			for _, f := range facts {
				if f.open {
					return f.xid
				}
			}
			return next
		}
		begun := next
		d.begin(begun)
		last, p, places := next, int16(rapid.IntRange(0, 1).Draw(t, "partition")), []uint64{next}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0, 1:
				facts = append(facts, fact{next, fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "type")), rapid.Bool().Draw(t, "open")})
				next++
			case 2:
				if len(facts) > 0 {
					facts[rapid.IntRange(0, len(facts)-1).Draw(t, "commits")].open = false
				}
			case 3:
				n := news{horizon: horizon()}
				for _, kind := range []string{"0", "1", "2", "3"} {
					newest := uint64(0)
					for _, f := range facts {
						if !f.open && f.kind == kind && f.xid >= last {
							newest = f.xid
						}
					}
					if newest > 0 {
						n.found = append(n.found, found{p, kind, newest})
					}
				}
				d.add(n)
				last, places = n.horizon, append(places, n.horizon)
			}
			types := rapid.SampledFrom([][]string{nil, {"0"}, {"1", "2"}}).Draw(t, "types")
			seen := position{xid: rapid.SampledFrom(places).Draw(t, "seen")}
			to := d.pass(p, types, seen)
			if to.before(seen) || to.xid > last {
				t.Fatalf("from %v to %v, and the last check was at %d", seen, to, last)
			}
			newest := begun - 1
			for _, f := range facts {
				if at := (position{f.xid, 1}); wants(types, f.kind) && seen.before(at) && at.before(to) {
					t.Fatalf("from %v to %v over %+v", seen, to, f)
				}
				if wants(types, f.kind) && !f.open && f.xid < last {
					newest = max(newest, f.xid)
				}
			}
			if got := d.newest(p, types); got < newest || got > newest && !slices.ContainsFunc(facts, func(f fact) bool { return f.xid == got }) {
				t.Fatalf("the newest is %d, want %d", got, newest)
			}
		}
		d.begin(next)
		if seen := (position{xid: begun}); next > begun && d.pass(p, nil, seen) != seen {
			t.Fatal("it passes over what was not counted")
		}
	})
}

// rareLane is a listener's for something rare, which has seen all that the log holds.
func rareLane() (*Stream, *reader, *lane) {
	s := &Stream{}
	s.Listen(Listener{Name: "rare", Types: []string{"rare"}, Handle: note("rare")})
	s.digest.begin(100)
	r := s.readers[0]
	l := &r.lanes[3]
	l.learn(position{xid: 100}, position{xid: 100}, false)
	return s, r, l
}

// A listener for something rare moves on with what checks find, without a look at the log,
// and is told to move its cursor when that is far behind.
func TestALaneWithNothingForItMovesOn(t *testing.T) {
	s, r, l := rareLane()
	s.announceFound(news{found: []found{{3, "often", 150}}, horizon: 151})
	if r.take(); l.seen.xid != 151 || !l.due.IsZero() {
		t.Errorf("it has seen up to %v, due %v", l.seen, l.due)
	}
	s.announceFound(news{found: []found{{3, "often", 1500}}, horizon: 1501})
	if r.take(); l.seen.xid != 1501 || l.due.IsZero() {
		t.Errorf("far behind it has seen up to %v, due %v", l.seen, l.due)
	}
	l.due = l.due.AddDate(-1, 0, 0)
	s.announceFound(news{found: []found{{3, "rare", 1600}, {3, "often", 1601}}, horizon: 1602})
	if r.take(); l.seen.xid != 1501 || l.due.IsZero() {
		t.Errorf("with a fact for it it has seen up to %v, due %v", l.seen, l.due)
	}
}

// Of more facts than are counted everybody is told, and nothing is passed over.
func TestTooManyFactsAreNewsForAll(t *testing.T) {
	s, r, l := rareLane()
	s.announceFound(news{many: true, found: []found{{5, "often", 150}}, horizon: 151})
	if r.take(); l.seen.xid != 100 || l.due.IsZero() || s.digest.newest(3, r.Types) != 150 {
		t.Errorf("it has seen up to %v, due %v; the newest may be %d", l.seen, l.due, s.digest.newest(3, r.Types))
	}
}

// Types that callers think of do not fill the memory.
func TestADigestForgetsTooManyTypes(t *testing.T) {
	d, seen := &digest{}, position{xid: 10}
	d.begin(10)
	for n := range uint64(digestTypes) {
		d.add(news{found: []found{{3, fmt.Sprint(n), 11 + n}}, horizon: 12 + n})
	}
	if got := d.pass(3, []string{"other"}, seen); got.xid != 11+digestTypes || len(d.parts[3]) != digestTypes {
		t.Errorf("with %d types it passes to %v", len(d.parts[3]), got)
	}
	d.add(news{found: []found{{3, "one more", 2000}}, horizon: 2001})
	if got := d.pass(3, []string{"other"}, seen); got != seen || len(d.parts[3]) > 0 || d.newest(3, nil) != 2000 {
		t.Errorf("with one more it passes to %v and keeps %d; the newest is %d", got, len(d.parts[3]), d.newest(3, nil))
	}
}
