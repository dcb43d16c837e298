package detect_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

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
	for n = 0; n < 30; n++ {
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

func TestSpikeAndDipReportsWhatItsModeSays(t *testing.T) {
	for _, tc := range []struct {
		mode             detect.Mode
		atSpike, atDip   bool
		confidence, high float64
	}{
		{detect.Spikes, true, false, 95, 60},
		{detect.Dips, false, true, 95, 60},
		{detect.SpikesAndDips, true, true, 95, 60},
		{"both", true, true, 95, 60}, // unknown: everything
		{detect.SpikesAndDips, false, false, 100, 60},
	} {
		d := detect.NewSpikeAndDip(tc.confidence, 60, tc.mode)
		for i := range 60 {
			d.Update(30 + float64(i%7) - 3)
		}
		a, ok := d.Update(tc.high)
		if ok != tc.atSpike || ok && (a.Direction != detect.Up || a.Baseline != 30 || a.Observed != tc.high || a.Score > 0.001) {
			t.Errorf("%s at %v %%, a spike: %v %+v", tc.mode, tc.confidence, ok, a)
		}
		if a, ok = d.Update(1); ok != tc.atDip || ok && a.Direction != detect.Down {
			t.Errorf("%s at %v %%, a dip: %v %+v", tc.mode, tc.confidence, ok, a)
		}
	}
}

// The p-value is one: a normal series alarms about as often as the confidence says.
func TestSpikeAndDipKeepsItsConfidence(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for _, confidence := range []float64{80, 95, 99} {
		d := detect.NewSpikeAndDip(confidence, 120, detect.SpikesAndDips)
		const n = 20_000
		anomalies := 0
		for range n {
			if _, ok := d.Update(100 + 15*r.NormFloat64()); ok {
				anomalies++
			}
		}
		want := 1 - confidence/100
		if share := float64(anomalies) / n; share < 0.7*want || share > 1.5*want {
			t.Errorf("confidence %v: %.4f of normal values are anomalies", confidence, share)
		}
	}
}

func TestChangePointFindsALastingChangeAndFewOthers(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	const series, length = 100, 120
	normal := func(mean float64) float64 { return mean + 10*r.NormFloat64() }
	falseAlarms, missed, delays, wrong := 0, 0, 0, 0
	for range series {
		d := detect.NewChangePoint(95, length)
		for range 2 * length {
			if _, ok := d.Update(normal(50)); ok {
				falseAlarms++
			}
		}
		n, ok := 0, false
		var a detect.Alarm
		for ; !ok && n < 30; n++ {
			a, ok = d.Update(normal(80))
		}
		if !ok {
			missed++
			continue
		}
		delays += n
		if a.Direction != detect.Up || a.Observed < 60 {
			wrong++ // a false alarm that was on its way
		}
	}
	t.Logf("%d false alarms in %d histories, %d of %d missed, mean delay %.1f", falseAlarms, 2*series, missed, series, float64(delays)/float64(series-missed))
	if falseAlarms > 2*series/20 || missed > 0 || wrong > 3 || delays > 12*series {
		t.Error("not what it promises")
	}
}

func TestOneStrangeValueIsNoChangePoint(t *testing.T) {
	d := detect.NewChangePoint(90, 60)
	for i := range 60 {
		d.Update(float64(i % 5))
	}
	if _, ok := d.Update(1000); ok {
		t.Error("a single value passed for a change")
	}
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
	f.Fuzz(func(t *testing.T, state []byte) {
		s, err := detect.Decode[detect.Shift](state)
		if err != nil {
			return
		}
		for range 20 {
			s.Update(3, 1)
		}
	})
}

func TestSeasonLearnsDaysThenWeeks(t *testing.T) {
	monday := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	truth := func(t time.Time) float64 {
		f := 0.5
		if t.Hour() >= 18 {
			f = 2.5
		}
		if t.Weekday() == time.Saturday {
			f *= 2
		}
		return f
	}
	past := func(days int) (hours []detect.Hour) {
		a := newArrivals(8, uint64(days))
		for i := range days * 24 {
			start := monday.Add(time.Duration(i) * time.Hour)
			hours = append(hours, detect.Hour{Start: start, Total: a.bin(60 * 10 * truth(start)), Bins: 60})
		}
		return hours
	}
	mean := 0.0
	for i := range 168 {
		mean += truth(monday.Add(time.Duration(i)*time.Hour)) / 168
	}
	tuesday, saturday := monday.Add(24*time.Hour+20*time.Hour), monday.Add(5*24*time.Hour+20*time.Hour)
	if s := detect.EstimateSeason(past(2)); !reflect.DeepEqual(s, detect.Season{}) || s.At(tuesday) != 1 {
		t.Error("two days make no season")
	}
	s := detect.EstimateSeason(past(28))
	for _, at := range []time.Time{tuesday, saturday, monday.Add(time.Hour)} {
		end := at.Add(time.Minute)
		if got, want := s.At(end), truth(at)/mean; math.Abs(got/want-1) > 0.1 {
			t.Errorf("%s: %.3f, want %.3f", at.Format("Mon 15:04"), got, want)
		}
	}
	if s.At(monday.Add(19*time.Hour)) > 1.5*s.At(monday.Add(17*time.Hour+time.Minute))*1.5 && s.At(monday.Add(18*time.Hour)) > 1 {
		t.Error("a bin that ends at 18:00 belongs to the hour before")
	}
}
