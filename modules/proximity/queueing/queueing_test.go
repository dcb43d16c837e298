package queueing

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 7, 10, 12, 0, 0, 0, time.UTC)

func minute(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }

func TestTooLittleIsSaidToBeTooLittle(t *testing.T) {
	var e Estimator
	for _, c := range []struct {
		m     Minute
		known bool
	}{
		{Minute{Devices: 2, Sales: 4}, false},
		{Minute{Devices: 2, Sales: 50, NoTill: true}, false},
		{Minute{Devices: 3, Sales: 0}, true},
		{Minute{Devices: 0, Sales: 5}, true},
	} {
		c.m.At, c.m.Seen, c.m.Scanned = minute(0), 40, 100
		got := e.Update(c.m)
		if (got.Status == Known) != c.known || !c.known && (got.People != 0 || got.High != 0 || got.Waits) {
			t.Errorf("%+v: %+v", c.m, got)
		}
	}
}

func TestTheFormulas(t *testing.T) {
	var e Estimator
	// 20 devices at 40 % app share, 15 sales in 300 s = 3 a minute, 9 s more inside than
	// seen: 20/0.4 − 3·0.15 = 49.6 people by devices.
	got := e.Update(Minute{At: minute(0), Devices: 20, Seen: 399, Scanned: 998, Sales: 15})
	if math.Abs(got.People-49.55) > 0.01 || got.Served != 3 || math.Abs(got.Wait.Minutes()-49.55/3) > 0.01 {
		t.Fatalf("%+v", got)
	}
	// Then 10 devices: 24.55, smoothed with weight 0.35.
	got = e.Update(Minute{At: minute(1), Devices: 10, Seen: 399, Scanned: 998, Sales: 15})
	if want := 49.55 + 0.35*(24.55-49.55); math.Abs(got.People-want) > 0.01 {
		t.Fatalf("%+v, want %v", got, want)
	}
	// Stays of 10 minutes and 3 sales a minute: 30 people by Little's law, between the two.
	var stays []Stay
	for range 5 {
		stays = append(stays, Stay{minute(-8), minute(2)})
	}
	both := e.Update(Minute{At: minute(2), Devices: 20, Seen: 399, Scanned: 998, Sales: 15, Stays: stays})
	alone := e.Smoothed
	if both.People >= alone || both.People <= 30 {
		t.Fatalf("%v by both, %v by devices, 30 by stays", both.People, alone)
	}
}

func TestWithoutSalesTheLastStayIsTheWait(t *testing.T) {
	var e Estimator
	stays := []Stay{{minute(-9), minute(-2)}, {minute(-9), minute(-4)}, {minute(-40), minute(-16)}}
	got := e.Update(Minute{At: minute(0), Devices: 5, Seen: 5, Scanned: 10, NoTill: true, Stays: stays})
	if !got.Waits || got.Wait != 7*time.Minute || len(e.Stays) != 2 {
		t.Fatalf("%+v with %v", got, e.Stays)
	}
	if got = e.Update(Minute{At: minute(20), Devices: 5, Seen: 5, Scanned: 10, NoTill: true}); got.Waits {
		t.Fatalf("a stay of 20 minutes ago still counts: %+v", got)
	}
}

// Whatever comes in: the interval holds the estimate, nothing is infinite, and the
// state survives a restart between any two minutes.
func TestRandomMinutes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var e Estimator
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for k := range 40 {
			m := Minute{At: minute(k), Devices: r.IntN(1 << r.IntN(10)), Seen: r.IntN(100), Scanned: r.IntN(200), Sales: r.IntN(1 << r.IntN(8)), NoTill: r.IntN(9) == 0}
			for range r.IntN(8) {
				left := minute(k).Add(-time.Duration(r.IntN(100)) * time.Second)
				m.Stays = append(m.Stays, Stay{left.Add(time.Duration(5-r.IntN(1000)) * time.Second), left})
			}
			raw, err := json.Marshal(e)
			var copied Estimator
			if err != nil || json.Unmarshal(raw, &copied) != nil {
				t.Fatalf("%s: %v", raw, err)
			}
			got, again := e.Update(m), copied.Update(m)
			if got != again {
				t.Fatalf("%+v before, %+v after a restart", got, again)
			}
			if !(got.Low >= 0 && got.Low <= got.People && got.People <= got.High && got.High < 1e7) || got.WaitLow > got.Wait || got.Wait > got.WaitTop {
				t.Fatalf("%+v of %+v", got, m)
			}
			if len(e.Stays) > mostStays {
				t.Fatal("the state grows")
			}
		}
	})
}

func TestTrigger(t *testing.T) {
	for _, c := range []struct {
		name   string
		people []float64 // a minute each; negative: insufficient data
		want   map[int]Signal
	}{
		{"two bins raise, 0.7 clears", []float64{10, 30, 30, 25, 21, 10}, map[int]Signal{2: Raised, 4: Cleared}},
		{"one bin does not raise", []float64{30, 10, 30, 10}, nil},
		{"an unknown bin breaks the row", []float64{30, -1, 30, 10}, nil},
		{"an unknown bin does not clear", []float64{30, 30, -1, 30, 10}, map[int]Signal{1: Raised, 4: Cleared}},
		{"cool-down of ten minutes", []float64{30, 30, 10, 30, 30, 30, 30, 30, 30, 30, 30, 30}, map[int]Signal{1: Raised, 2: Cleared, 11: Raised}},
	} {
		trigger := Trigger{Level: 30}
		for k, n := range c.people {
			e := Estimate{At: minute(k), Status: Known, People: n}
			if n < 0 {
				e.Status = InsufficientData
			}
			if got := trigger.Update(e); got != c.want[k] {
				t.Errorf("%s: minute %d is %q, want %q", c.name, k, got, c.want[k])
			}
		}
	}
	below := Trigger{Level: 7, Below: true}
	var got []Signal
	for k, n := range []float64{6, 6, 9, 10} {
		got = append(got, below.Update(Estimate{At: minute(k), Status: Known, People: n}))
	}
	if got[1] != Raised || got[2] != None || got[3] != Cleared {
		t.Errorf("a short queue: %q", got)
	}
}

// Erlang C against the sum over states, and against M/M/1's closed form.
func TestWaitIsErlangC(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.IntRange(1, 20).Draw(t, "servers")
		mu := rapid.Float64Range(0.1, 10).Draw(t, "service")
		lambda := rapid.Float64Range(0.05, 0.98).Draw(t, "busy") * mu * float64(c)
		got, err := Wait(lambda, mu, c)
		if err != nil {
			t.Fatal(err)
		}
		// Balance equations of the birth and death process, up to far in its tail.
		p, sum, waiting := 1.0, 1.0, 0.0
		for n := 1; n < 20_000; n++ {
			p *= lambda / (mu * float64(min(n, c)))
			sum += p
			waiting += p * float64(max(n-c, 0))
		}
		if want := waiting / sum / lambda; math.Abs(got-want) > 1e-6*(1+want) {
			t.Fatalf("%v minutes, the balance equations say %v", got, want)
		}
	})
	for _, bad := range [][3]float64{{3, 1, 3}, {0, 1, 1}, {1, 0, 1}, {1, 2, 0}, {math.NaN(), 1, 1}} {
		if w, err := Wait(bad[0], bad[1], int(bad[2])); err == nil {
			t.Errorf("%v: %v", bad, w)
		}
	}
}
