package detect_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/analytics/detect"
	"github.com/usherhq/usher/modules/kernel/fault"
)

func TestShiftDescribesTheChange(t *testing.T) {
	s := detect.NewShift(0)
	for range 100 {
		s.Learn(20, 1)
	}
	for range 30 {
		if _, ok := s.Update(20, 1); ok {
			t.Fatal("an alarm in perfect peace")
		}
	}
	var alarm detect.Alarm
	n := 0
	for ok := false; !ok; n++ {
		alarm, ok = s.Update(32, 1)
	}
	if alarm.Direction != detect.Up || alarm.Bins != n || math.Abs(alarm.Baseline-20) > 0.01 || alarm.Observed != 32 || math.Abs(alarm.Ratio()-1.6) > 0.01 {
		t.Errorf("after %d bins: %+v", n, alarm)
	}
	for range 200 { // the new level is the normal one from now on
		if again, ok := s.Update(32, 1); ok {
			t.Fatalf("alarmed again: %+v", again)
		}
	}
	if e := s.Expected(1); math.Abs(e-32) > 0.5 {
		t.Errorf("expects %v of a bin", e)
	}
	for range 30 {
		if back, ok := s.Update(20, 1); ok {
			if back.Direction != detect.Down {
				t.Errorf("%+v", back)
			}
			return
		}
	}
	t.Error("the way back was not seen")
}

func TestShiftIsMuteForTenBinsAfterAnAlarm(t *testing.T) {
	s := detect.NewShift(0)
	for range 100 {
		s.Learn(10, 1)
	}
	for _, ok := s.Update(60, 1); !ok; _, ok = s.Update(60, 1) {
	}
	for i := range 10 {
		if s.Ready() {
			t.Fatalf("ready %d bins after the alarm", i)
		}
		if _, ok := s.Update(float64(600*(i%2)), 1); ok {
			t.Fatalf("an alarm %d bins after the alarm", i+1)
		}
	}
}

// A day's course that is known is no change; the same counts without it are.
func TestShiftKnowsTheSeason(t *testing.T) {
	for _, seasonal := range []bool{true, false} {
		a := newArrivals(3, 1)
		s := detect.NewShift(0)
		alarms := 0
		for i := range 3 * 1440 {
			phase := 1 + 0.8*math.Sin(2*math.Pi*float64(i)/1440)
			told := phase
			if !seasonal {
				told = 1
			}
			count := a.bin(30 * phase)
			if i < 300 {
				s.Learn(count, told)
			} else if _, ok := s.Update(count, told); ok {
				alarms++
			}
		}
		if seasonal && alarms > 4 || !seasonal && alarms < 8 {
			t.Errorf("told the season: %v, %d alarms in three days", seasonal, alarms)
		}
	}
}

// Counts three times as scattered as Poisson's must not alarm three times as often.
func TestShiftToleratesDispersion(t *testing.T) {
	const series = 60
	total := 0
	for i := range series {
		a, r := newArrivals(4, uint64(i)), rand.New(rand.NewPCG(4, uint64(i)))
		scattered := func() float64 { return 3 * a.bin(10*(0.9+0.2*r.Float64())) } // in threes: variance about 3 × mean
		s := detect.NewShift(0)
		for range goalHistory {
			s.Learn(scattered(), 1)
		}
		for range 1440 {
			if _, ok := s.Update(scattered(), 1); ok {
				total++
			}
		}
	}
	if total > series*3/2 {
		t.Errorf("%d false alarms in %d days", total, series)
	}
}

func TestShiftSeesSilence(t *testing.T) {
	s := trained(newArrivals(5, 1), 5, goalHistory)
	for n := 1; n <= 6; n++ {
		if a, ok := s.Update(0, 1); ok {
			if a.Direction != detect.Down || a.Observed != 0 || a.Ratio() != 0 {
				t.Errorf("%+v", a)
			}
			return
		}
	}
	t.Error("six bins of silence at five a bin were not noticed")
}

// What is stored between any two bins must not matter.
func TestDetectorsSurviveRestarts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shift, spike, change := detect.NewShift(30), detect.NewSpikeAndDip(80, 20, detect.SpikesAndDips), detect.NewChangePoint(80, 20)
		shift2, spike2, change2 := reborn(t, shift), reborn(t, spike), reborn(t, change)
		for i := range rapid.IntRange(1, 120).Draw(t, "bins") {
			x := float64(rapid.IntRange(0, 10+i).Draw(t, "count"))
			phase := rapid.Float64Range(0.2, 3).Draw(t, "phase")
			same(t, x, shift2, func(d *detect.Shift) (detect.Alarm, bool) { return d.Update(x, phase) }, shift)
			same(t, x, spike2, func(d *detect.SpikeAndDip) (detect.Alarm, bool) { return d.Update(x) }, spike)
			same(t, x, change2, func(d *detect.ChangePoint) (detect.Alarm, bool) { return d.Update(x) }, change)
			if rapid.Bool().Draw(t, "restart") {
				shift2, spike2, change2 = reborn(t, shift2), reborn(t, spike2), reborn(t, change2)
			}
		}
	})
}

func reborn[T detect.Shift | detect.SpikeAndDip | detect.ChangePoint](t *rapid.T, d *T) *T {
	state, err := detect.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	again, err := detect.Decode[T](state)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func same[T any](t *rapid.T, x float64, restarted T, update func(T) (detect.Alarm, bool), whole T) {
	a, ok := update(whole)
	b, ok2 := update(restarted)
	if a != b || ok != ok2 {
		t.Fatalf("at %v: %+v %v, after restarts %+v %v", x, a, ok, b, ok2)
	}
}

func TestShiftStaysFiniteWhateverComes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := detect.NewShift(rapid.IntRange(-5, 200).Draw(t, "history"))
		for range rapid.IntRange(1, 100).Draw(t, "bins") {
			a, ok := s.Update(rapid.Float64Range(-1, 1e12).Draw(t, "count"), rapid.Float64().Draw(t, "phase"))
			if ok && (math.IsNaN(a.Score+a.Baseline+a.Observed+a.Ratio()) || a.Bins < 1) {
				t.Fatalf("%+v", a)
			}
			if e := s.Expected(1); math.IsNaN(e) || math.IsInf(e, 0) || e < 0 {
				t.Fatalf("expects %v", e)
			}
		}
		reborn(t, s)
	})
}

func TestStateOfAnotherKindIsRefused(t *testing.T) {
	state, err := detect.Encode(detect.NewSpikeAndDip(90, 20, detect.Dips))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := detect.Decode[detect.ChangePoint](state); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
	again, err := detect.Decode[detect.SpikeAndDip](state)
	if err != nil || again.Mode != detect.Dips || again.Confidence != 90 || again.HistorySize != 20 {
		t.Errorf("%+v %v", again, err)
	}
}

func FuzzDecodeShift(f *testing.F) {
	state, err := detect.Encode(trained(newArrivals(9, 9), 5, 30))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(state)
	f.Add([]byte(`{"v":1,"k":"shift","s":null}`))
	f.Add([]byte(`{"v":1,"k":"shift","s":{"n":30,"r":[{"c":-1}]}}`))
	f.Fuzz(func(_ *testing.T, state []byte) {
		s, err := detect.Decode[detect.Shift](state)
		if err != nil {
			return
		}
		for range 20 {
			s.Update(3, 1)
		}
	})
}
